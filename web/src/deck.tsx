// deck.tsx - the television and the machine below it: the picture, its line to the server, the front with its door, display and keys.
import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { call, Deck, Problem, Session, textOf } from './api';
import { Display, MODE_WORDS } from './display';
import { Send } from './hold';
import { Keys, Own } from './keys';
import { useShape } from './shape';
import { Stream, StreamState } from './stream';

const NEWS: Partial<Record<StreamState, string>> = {
  connecting: 'Connecting…',
  stalled: 'No picture arrives. Waiting for it…',
  lost: 'The picture was lost. Connecting again…',
  away: 'The server does not answer. Trying again…',
};

/** Sends commands one after another, in the order of the keys; what the deck refuses is said. */
function useSend(session: Session | null, setDeck: (d: Deck) => void, say: (text: string) => void): Send {
  const queue = useRef(Promise.resolve());
  return useCallback((command, args = {}) => {
    if (!session) return Promise.resolve();
    const one = async () => {
      try {
        setDeck((await call<{ deck: Deck }>('POST', `/sessions/${session.id}/command`, { command, ...args })).deck);
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

export function DeckPanel({ session, deck, away, setDeck, say }: {
  session: Session | null; deck: Deck | null; away: boolean; setDeck: (d: Deck) => void; say: (text: string) => void;
}) {
  const video = useRef<HTMLVideoElement>(null);
  const screen = useRef<HTMLDivElement>(null);
  const line = useRef<Stream | null>(null);
  const [stream, setStream] = useState<StreamState>('connecting');
  const [muted, setMuted] = useState(false);
  const send = useSend(session, setDeck, say);
  const film = stream === 'film';
  const shape = useShape(session, deck, video, film);
  const clean = deck?.look === 'clean';
  const none = !session || !deck;

  useEffect(() => {
    if (!session) return;
    setStream('connecting');
    const s = new Stream(session.id, video.current!, setStream, () => say('The browser holds the sound back until you press a key. “Sound on” lets it in.'));
    line.current = s;
    (window as unknown as { vcrStream: Stream }).vcrStream = s; // the end-to-end tests read its statistics
    return () => { s.close(); line.current = null; };
  }, [session?.id]);
  useEffect(() => line.current?.follow(deck), [deck, stream]);
  useEffect(() => {
    const v = video.current!;
    const changed = () => setMuted(v.muted);
    v.addEventListener('volumechange', changed);
    return () => v.removeEventListener('volumechange', changed);
  }, []);

  const full = () => document.fullscreenElement ? document.exitFullscreen()
    : screen.current!.requestFullscreen().catch(() => say('This browser does not give the picture the whole screen.'));
  const sound = () => {
    const v = video.current!;
    v.muted = !v.muted;
    if (v.paused && !film) v.play().catch(() => {});
  };
  const look = () => film ? say('The film is the clean picture; the tape picture needs the live line.') : void send('look', { look: clean ? 'vhs' : 'clean' });
  const own = (what: Own) => void { look, full, sound }[what]();
  const news = away ? NEWS.away : NEWS[stream];
  return (
    <section class="deckside" aria-label="Deck" onMouseDown={keepFocusOff}>
      <div class="tv">
        <div class={`screen${film && deck?.picture !== 'tape' ? ` without ${deck?.picture ?? ''}` : ''}`} ref={screen} style={{ '--w': shape.w, '--h': shape.h }}>
          <video ref={video} playsInline aria-label="Picture" />
          {none ? <p class="cover">Insert a tape from the shelf.</p> : <p class={`cover small${news ? '' : ' gone'}`} role="status">{news}</p>}
        </div>
        {!none && film && (
          <p class="filmnote" role="status">Live pictures do not get through this network, so this is the clean film of the tape, without the tape's look.
            <button class="small" onClick={() => line.current?.live()}>Try live again</button>
          </p>
        )}
        <div class="tvbar">
          <span class="tvbrand" aria-hidden="true">COLOUR 21″</span>
          <button class="small" aria-pressed={clean || film} disabled={none} onClick={look}>{clean || film ? 'Clean picture' : 'Tape picture'}</button>
          <button class="small" disabled={none} onClick={sound}>{muted ? 'Sound on' : 'Sound off'}</button>
          <button class="small" disabled={none} onClick={() => void full()}>Full screen</button>
        </div>
      </div>
      <div class={`vcr${deck && Math.abs(deck.speed) > 0.01 ? ' turning' : ''}`}>
        <div class="plate" aria-hidden="true"><span class="maker">vcr<b>·</b>online</span><span>HQ</span><span>Hi-Fi Stereo</span><span>Video Cassette Recorder</span></div>
        <div class="front"><Door deck={deck} /><Display deck={deck} /></div>
        <Keys deck={deck} send={send} own={own} />
      </div>
      <details class="help">
        <summary>Keys of the keyboard</summary>
        <p><kbd>Space</kbd> play, pause · <kbd>P</kbd> play · <kbd>S</kbd> stop · <kbd>E</kbd> eject · <kbd>←</kbd> <kbd>→</kbd> rewind and fast forward; in play hold them
          to search · <kbd>,</kbd> <kbd>.</kbd> frame back and forward · <kbd>C</kbd> clean or tape picture · <kbd>F</kbd> full screen · <kbd>M</kbd> sound</p>
      </details>
      <p class="visually-hidden" role="status" aria-live="polite">{deck ? MODE_WORDS[deck.mode] ?? deck.mode : ''}</p>
    </section>
  );
}
