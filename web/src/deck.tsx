// deck.tsx - the television and the machine below it: picture, display, keys.
import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { call, Deck, Problem, Session } from './api';
import { Stream, StreamState } from './stream';

type Send = (command: string, args?: Record<string, unknown>) => Promise<void>;

const HOLD_MS = 350;
const MODE_WORDS: Record<string, string> = {
  stop: 'Stop', play: 'Play', pause: 'Pause', cue: 'Cue', review: 'Review', fast_forward: 'Fast forward', rewind: 'Rewind', slow: 'Slow',
  record: 'Record', record_pause: 'Record pause', index_search: 'Index search', loading: 'Loading', ejecting: 'Ejecting', ejected: 'No tape',
  off: 'Off', fault: 'Fault',
};
const MODE_SIGNS: Record<string, string> = {
  stop: '■', play: '▶', pause: '❚❚', cue: '▶▶', review: '◀◀', fast_forward: '▶▶', rewind: '◀◀', slow: '❚▶', loading: '⏏', ejecting: '⏏', ejected: '', off: '',
};

/** The shape of the picture as the session tells it: another one with another tape, and through the tape than without it. */
function useShape(session: Session | null, deck: Deck | null): number {
  const [shape, setShape] = useState(4 / 3);
  useEffect(() => {
    let over = false;
    if (session) {
      call<Session>('GET', `/sessions/${session.id}`).then((s) => {
        const [w, h] = s.display_aspect.split(':').map(Number);
        if (!over && w > 0 && h > 0) setShape(w / h);
      }, () => {});
    }
    return () => { over = true; };
  }, [session?.id, deck?.look, deck?.tape_in?.tape_id]);
  return shape;
}

/** Keeps a session's deck state by its event stream; ended sessions call onEnded. */
export function useDeck(session: Session | null, onEnded: () => void): [Deck | null, (d: Deck) => void] {
  const [deck, setDeck] = useState<Deck | null>(null);
  const id = session?.id;
  useEffect(() => {
    setDeck(session?.deck ?? null);
    if (!id) return;
    const newer = (d: Deck) => setDeck((old) => (old && old.command_seq > d.command_seq ? old : d));
    const events = new EventSource(`/api/v1/sessions/${id}/events`);
    events.addEventListener('deck', (e) => newer(JSON.parse((e as MessageEvent).data)));
    events.onerror = () => {
      // The browser reconnects by itself; a session that is over answers 404 or shows its end.
      call<Session>('GET', `/sessions/${id}`).then((s) => { if (s.status === 'ended' || s.status === 'failed') onEnded(); },
        (e) => { if (e instanceof Problem && e.status === 404) onEnded(); });
    };
    return () => events.close();
  }, [id]);
  return [deck, setDeck];
}

function Key({ name, sign, on, disabled, onPress, shortcut }: {
  name: string; sign: string; on?: boolean; disabled?: boolean; onPress: () => void; shortcut?: string;
}) {
  return (
    <button class={`key${on ? ' on' : ''}`} aria-label={name} aria-pressed={on} disabled={disabled} onClick={onPress}
      title={shortcut ? `${name} (${shortcut})` : name} aria-keyshortcuts={shortcut}>
      <span class="cap" aria-hidden="true">{sign}</span><span class="word" aria-hidden="true">{name}</span>
    </button>
  );
}

/** Rewind and fast forward: a tap winds (or, from play, searches and stays); held in play it searches until let go. */
function WindKey({ name, sign, command, search, deck, disabled, send, shortcut }: {
  name: string; sign: string; command: string; search: string; deck: Deck | null; disabled?: boolean; send: Send; shortcut: string;
}) {
  const timer = useRef(0);
  const holding = useRef(false);
  const down = () => {
    holding.current = false;
    if (deck?.mode !== 'play' && deck?.mode !== 'pause') return;
    timer.current = window.setTimeout(() => { holding.current = true; void send(search, { hold: true }); }, HOLD_MS);
  };
  const up = () => {
    clearTimeout(timer.current);
    if (holding.current) void send('release');
  };
  const click = () => {
    if (!holding.current) void send(command);
    holding.current = false;
  };
  const on = deck?.mode === command || deck?.mode === search;
  return (
    <button class={`key${on ? ' on' : ''}`} aria-label={name} aria-pressed={on} disabled={disabled} title={`${name} (${shortcut})`} aria-keyshortcuts={shortcut}
      onPointerDown={down} onPointerUp={up} onPointerLeave={up} onClick={click}>
      <span class="cap" aria-hidden="true">{sign}</span><span class="word" aria-hidden="true">{name}</span>
    </button>
  );
}

function Display({ deck }: { deck: Deck | null }) {
  const moving = deck ? Math.abs(deck.speed) > 0.01 : false;
  return (
    <div class={`vfd${deck && deck.power ? '' : ' dark'}`}>
      <span class="mode"><span aria-hidden="true">{deck ? MODE_SIGNS[deck.mode] ?? '' : ''}</span> {deck ? MODE_WORDS[deck.mode] ?? deck.mode : 'No deck'}</span>
      <span class="counter" role="timer" aria-label="Counter">{deck?.counter ?? '-:--:--'}</span>
      <span class={deck?.tape_in ? 'lit' : ''}>VHS</span>
      <span class={deck?.tape_in ? 'lit' : ''}>{(deck?.tape_speed ?? 'sp').toUpperCase()}</span>
      <span class={deck?.sound === 'hifi' ? 'lit' : ''}>HI-FI</span>
      <span class={deck?.memory ? 'lit' : ''}>MEMORY</span>
      <span class={deck?.tracking === 'auto' ? 'lit' : ''}>AUTO TRK</span>
      <span class={deck?.servo === 'locked' && moving ? 'lit' : ''}>SERVO</span>
    </div>
  );
}

const KEYS: Record<string, string> = {
  ' ': 'playpause', k: 'playpause', p: 'play', s: 'stop', ArrowLeft: 'rewind', ArrowRight: 'fast_forward', ',': 'frame_back', '.': 'frame_advance',
  e: 'eject', c: 'clean', f: 'full', m: 'mute',
};

export function DeckPanel({ session, deck, setDeck, say }: {
  session: Session | null; deck: Deck | null; setDeck: (d: Deck) => void; say: (text: string) => void;
}) {
  const video = useRef<HTMLVideoElement>(null);
  const screen = useRef<HTMLDivElement>(null);
  const [stream, setStream] = useState<StreamState>('connecting');
  const [muted, setMuted] = useState(false);
  const clean = deck?.look === 'clean';
  const shape = useShape(session, deck);

  useEffect(() => {
    if (!session || !video.current) return;
    const s = new Stream(session.id, video.current, setStream);
    (window as unknown as { vcrStream: Stream }).vcrStream = s; // the end-to-end tests read its statistics
    return () => s.close();
  }, [session?.id]);

  useEffect(() => {
    const v = video.current!;
    const changed = () => setMuted(v.muted);
    v.addEventListener('volumechange', changed);
    return () => v.removeEventListener('volumechange', changed);
  }, []);

  const send: Send = useCallback(async (command, args = {}) => {
    if (!session) return;
    const v = video.current!;
    if (v.paused && v.srcObject) v.play().catch(() => {});
    try {
      setDeck((await call<{ deck: Deck }>('POST', `/sessions/${session.id}/command`, { command, ...args })).deck);
    } catch (e) {
      say((e as Error).message);
      if (e instanceof Problem && e.deck) setDeck(e.deck);
    }
  }, [session?.id]);

  const full = () => document.fullscreenElement ? void document.exitFullscreen() : void screen.current?.requestFullscreen();
  const toggleSound = () => { const v = video.current!; v.muted = !v.muted; if (v.paused) v.play().catch(() => {}); };
  const toggleLook = () => void send('look', { look: clean ? 'vhs' : 'clean' });

  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      const target = event.target as HTMLElement;
      if (event.ctrlKey || event.metaKey || event.altKey || target.closest('input, textarea, select, [contenteditable]')) return;
      if (event.key === ' ' && target.closest('button')) return; // the button's own key
      const what = KEYS[event.key];
      if (!what || !session || event.repeat) return;
      event.preventDefault();
      if (what === 'playpause') void send(deck?.mode === 'play' ? 'pause' : 'play');
      else if (what === 'clean') toggleLook();
      else if (what === 'full') full();
      else if (what === 'mute') toggleSound();
      else void send(what);
    };
    addEventListener('keydown', press);
    return () => removeEventListener('keydown', press);
  }, [session?.id, deck?.mode, clean]);

  const none = !session || !deck;
  const empty = none || !deck.tape_in;
  return (
    <section class="deckside" aria-label="Deck">
      <div class="tv">
        <div class="screen" ref={screen} style={{ '--shape': shape }}>
          <video ref={video} playsInline aria-label="Picture" />
          {none && <p class="cover">Insert a tape from the shelf.</p>}
          {!none && stream !== 'live' && <p class="cover small" role="status">{stream === 'lost' ? 'Picture lost, reconnecting…' : 'Connecting…'}</p>}
        </div>
        <div class="tvbar">
          <span class="tvbrand" aria-hidden="true">COLOUR 21″</span>
          <button class="small" aria-pressed={clean} disabled={none} onClick={toggleLook}>{clean ? 'Clean picture' : 'Tape picture'}</button>
          <button class="small" disabled={none} onClick={toggleSound}>{muted ? 'Sound on' : 'Sound off'}</button>
          <button class="small" disabled={none} onClick={full}>Full screen</button>
        </div>
      </div>
      <div class={`vcr${deck && Math.abs(deck.speed) > 0.01 ? ' turning' : ''}`}>
        <div class="front">
          <div class={`door${empty ? '' : ' full'}`}>
            {empty ? <span>VHS</span> : (
              <><span class="hub" aria-hidden="true" /><span class="doorlabel" dir="auto">{deck.tape_in!.title}</span><span class="hub" aria-hidden="true" /></>
            )}
          </div>
          <Display deck={deck} />
        </div>
        <div class="keys" role="toolbar" aria-label="Transport">
          <Key name="Eject" sign="⏏" disabled={empty} onPress={() => void send('eject')} shortcut="e" />
          <WindKey name="Rewind" sign="◀◀" command="rewind" search="review" deck={deck} disabled={empty} send={send} shortcut="ArrowLeft" />
          <Key name="Play" sign="▶" on={deck?.mode === 'play'} disabled={empty} onPress={() => void send('play')} shortcut="p" />
          <WindKey name="Fast forward" sign="▶▶" command="fast_forward" search="cue" deck={deck} disabled={empty} send={send} shortcut="ArrowRight" />
          <Key name="Pause" sign="❚❚" on={deck?.mode === 'pause'} disabled={empty} onPress={() => void send('pause')} />
          <Key name="Stop" sign="■" disabled={empty} onPress={() => void send('stop')} shortcut="s" />
        </div>
        <div class="keys minor">
          <Key name="Frame back" sign="◀❙" disabled={empty} onPress={() => void send('frame_back')} shortcut="," />
          <Key name="Slow" sign="❙▶" on={deck?.mode === 'slow'} disabled={empty} onPress={() => void send('slow', { speed: 0.2 })} />
          <Key name="Frame advance" sign="❙▶▶" disabled={empty} onPress={() => void send('frame_advance')} shortcut="." />
          <Key name="Counter reset" sign="0000" disabled={none} onPress={() => void send('counter_reset')} />
          <Key name="Memory" sign="M" on={deck?.memory} disabled={none} onPress={() => void send('memory')} />
          <Key name="Power" sign="⏻" on={deck?.power} disabled={none} onPress={() => void send('power')} />
        </div>
      </div>
      <p class="visually-hidden" role="status" aria-live="polite">{deck ? MODE_WORDS[deck.mode] ?? deck.mode : ''}</p>
    </section>
  );
}
