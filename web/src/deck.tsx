// deck.tsx - the television and the machine below it: the picture, its line to the server, the front with its door, display and keys.
import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { call, Deck, Problem, Session, textOf } from './api';
import { Display, MODE_WORDS, pendingWords, REASONS } from './display';
import { openFlap } from './flap';
import { Help } from './help';
import { Send } from './hold';
import { Keys, Own } from './keys';
import { RecordDialog } from './record';
import { useShape } from './shape';
import { Stream, StreamState } from './stream';
import { Strip } from './strip';
import { records, TapeParts, useRecordStart } from './tape';

const NEWS: Partial<Record<StreamState, string>> = {
  connecting: 'Connecting…',
  stalled: 'No picture arrives. Waiting for it…',
  lost: 'The picture was lost. Connecting again…',
  away: 'The server does not answer. Trying again…',
};

/** Sends commands one after another, in the order of the keys; what the deck refuses is said. */
function useSend(session: Session | null, setDeck: (d: Deck) => void, onDone: (command: string) => void, say: (text: string) => void): Send {
  const queue = useRef(Promise.resolve());
  const done = useRef(onDone);
  done.current = onDone;
  return useCallback((command, args = {}) => {
    if (!session) return Promise.resolve();
    const one = async () => {
      try {
        setDeck((await call<{ deck: Deck }>('POST', `/sessions/${session.id}/command`, { command, ...args })).deck);
        done.current(command);
      } catch (e) {
        if (e instanceof Problem && e.deck) setDeck(e.deck);
        if (command !== 'release') say(textOf(e)); // the end of the tape may have let go of a held key
      }
    };
    queue.current = queue.current.then(one);
    return queue.current;
  }, [session?.id]);
}

// A key pressed with the pointer does not take the focus: the space bar stays play and pause, whatever was clicked last.
function keepFocusOff(e: MouseEvent) {
  if (!(e.target as HTMLElement).closest('button')) return;
  e.preventDefault();
  (document.activeElement as HTMLElement | null)?.blur();
}

function Door({ deck }: { deck: Deck | null }) {
  const tape = deck?.tape_in;
  return (
    <div class={`door${tape ? ' full' : ''}`}>
      {tape ? (
        <><span class="hub" aria-hidden="true" /><span class="doorlabel" dir="auto" title={tape.title}>{tape.title}</span><span class="hub" aria-hidden="true" /></>
      ) : <span class="flap" aria-hidden="true">VHS</span>}
    </div>
  );
}

/** Said to those who do not see the display: only what changed, never every second. */
function spoken(deck: Deck | null): string {
  if (!deck) return '';
  const reason = deck.mode === 'stop' && deck.stop_reason ? REASONS[deck.stop_reason] : undefined;
  return [MODE_WORDS[deck.mode] ?? deck.mode, deck.pending ? pendingWords(deck.pending) : '', reason ?? ''].filter(Boolean).join(', ');
}

/** The line of the picture, and the element's own sound. */
function useStream(session: Session | null, deck: Deck | null, onPeer: (id: string | null) => void, say: (text: string) => void) {
  const video = useRef<HTMLVideoElement>(null);
  const line = useRef<Stream | null>(null);
  const [stream, setStream] = useState<StreamState>('connecting');
  const [muted, setMuted] = useState(false);
  useEffect(() => {
    if (!session) return;
    setStream('connecting');
    const s = new Stream(session.id, video.current!, setStream, () => say('The browser holds the sound back until you press a key. “Sound on” lets it in.'), onPeer);
    line.current = s;
    (window as unknown as { vcrStream: Stream }).vcrStream = s; // the end-to-end tests read its statistics
    return () => { s.close(); line.current = null; onPeer(null); };
  }, [session?.id]);
  useEffect(() => line.current?.follow(deck), [deck, stream]);
  useEffect(() => {
    const v = video.current!;
    const changed = () => setMuted(v.muted);
    v.addEventListener('volumechange', changed);
    return () => v.removeEventListener('volumechange', changed);
  }, []);
  return { video, line, stream, muted };
}

export function DeckPanel({ session, deck, parts, away, setDeck, onPeer, onCommand, say }: {
  session: Session | null; deck: Deck | null; parts: TapeParts; away: boolean; setDeck: (d: Deck) => void; onPeer: (id: string | null) => void;
  onCommand: (command: string) => void; say: (text: string) => void;
}) {
  const screen = useRef<HTMLDivElement>(null);
  const [asking, setAsking] = useState(false); // what shall be recorded
  const send = useSend(session, setDeck, onCommand, say);
  const { video, line, stream, muted } = useStream(session, deck, onPeer, say);
  const film = stream === 'film';
  const shape = useShape(session, deck, video, film);
  const recordStart = useRecordStart(deck);
  const clean = deck?.look === 'clean';
  const none = !session || !deck;

  const full = () => document.fullscreenElement ? document.exitFullscreen()
    : screen.current!.requestFullscreen().catch(() => say('This browser does not give the picture the whole screen.'));
  const sound = () => {
    const v = video.current!;
    v.muted = !v.muted;
    if (v.paused && !film) v.play().catch(() => {});
  };
  const look = () => void send('look', { look: clean ? 'vhs' : 'clean' });
  const record = () => {
    if (records(deck) || !deck?.tape_in || session?.type === 'streaming') void send('record');
    else setAsking(true);
  };
  const own = (what: Own) => void { look, full, sound, record, goto: openFlap }[what]();
  const seek = (position: number) => void send('seek', { position });
  const news = away ? NEWS.away : NEWS[stream];
  return (
    <section class="deckside" aria-label="Deck" onMouseDown={keepFocusOff}>
      <div class="tv">
        <div class={`screen${film && deck?.picture !== 'tape' ? ` without ${deck?.picture ?? ''}` : ''}`} ref={screen} data-picture={deck?.picture} style={{ '--w': shape.w, '--h': shape.h }}>
          <video ref={video} playsInline aria-label="Picture" />
          {none ? <p class="cover">Insert a tape from the shelf.</p> : <p class={`cover small${news ? '' : ' gone'}`} role="status">{news}</p>}
        </div>
        {!none && film && (
          <p class="filmnote" role="status">Live pictures do not get through this network, so this is the tape as a film: it follows the keys a moment later.
            <button class="small" onClick={() => line.current?.live()}>Try live again</button>
          </p>
        )}
        {deck?.tape_in && <Strip deck={deck} parts={parts} recordStart={recordStart} onSeek={seek} />}
        <div class="tvbar">
          <span class="tvbrand" aria-hidden="true">COLOUR 21″</span>
          <button class="small" aria-pressed={clean} disabled={none} onClick={look}>{clean ? 'Clean picture' : 'Tape picture'}</button>
          <button class="small" disabled={none} onClick={sound}>{muted ? 'Sound on' : 'Sound off'}</button>
          <button class="small" disabled={none} onClick={() => void full()}>Full screen</button>
        </div>
      </div>
      <div class={`vcr${deck && Math.abs(deck.speed) > 0.01 ? ' turning' : ''}`}>
        <div class="plate" aria-hidden="true"><span class="maker">vcr<b>·</b>online</span><span>HQ</span><span>Hi-Fi Stereo</span><span>Video Cassette Recorder</span></div>
        <div class="front"><Door deck={deck} /><Display deck={deck} /></div>
        <Keys deck={deck} send={send} own={own} say={say} />
      </div>
      <Help />
      <p class="visually-hidden" role="status" aria-live="polite">{spoken(deck)}</p>
      <p class="visually-hidden">{deck && deck.osd.length > 0 ? `On the screen: ${deck.osd.map((l) => l.trim()).filter(Boolean).join(', ')}` : ''}</p>
      {asking && deck?.tape_in && <RecordDialog session={session!} deck={deck} onRecord={(input) => void send('record', { input })} onClose={() => setAsking(false)} />}
    </section>
  );
}
