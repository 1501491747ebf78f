// link.ts - a session's deck as its event stream tells it, opened again by itself; and whether the server is there at all.
import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { call, Deck, Problem, Session } from './api';

const AGAIN_MS = [0, 500, 1000, 2000, 3000];

/** onEnded(away): the session is over; away: the server was not there meanwhile, so nobody ended it on purpose. onRemote: the remote control changed hands or is asked for. */
export function useDeck(session: Session | null, onEnded: (away: boolean) => void, onRemote: () => void): { deck: Deck | null; setDeck: (d: Deck) => void; away: boolean } {
  const [deck, setDeck] = useState<Deck | null>(null);
  const [away, setAway] = useState(false);
  const ended = useRef(onEnded);
  ended.current = onEnded;
  const remote = useRef(onRemote);
  remote.current = onRemote;
  const id = session?.id;
  // The answer to a key may come after the event of what followed it, which nothing would tell again.
  const newer = useCallback((d: Deck) => setDeck((old) => (old && old.command_seq > d.command_seq ? old : d)), []);

  useEffect(() => {
    setDeck(session?.deck ?? null);
    setAway(false);
    if (!id) return;
    let source: EventSource | null = null;
    let timer = 0;
    let tries = 0;
    let wasAway = false;
    let closed = false;
    const later = (what: () => void) => { timer = window.setTimeout(what, AGAIN_MS[Math.min(tries++, AGAIN_MS.length - 1)]); };

    const open = () => {
      source = new EventSource(`/api/v1/sessions/${id}/events`);
      source.addEventListener('deck', (e) => {
        tries = 0;
        setAway(false);
        newer(JSON.parse((e as MessageEvent).data));
      });
      source.addEventListener('remote', () => remote.current());
      // A browser comes back from a broken line by itself, but never from an answer like 401 or 503: so it is done here.
      source.onerror = () => {
        source?.close();
        if (!closed) void ask();
      };
    };
    const ask = async () => {
      try {
        const s = await call<Session>('GET', `/sessions/${id}`);
        if (closed) return;
        if (s.status === 'ended' || s.status === 'failed') ended.current(wasAway);
        else later(open);
      } catch (e) {
        if (closed) return;
        const problem = e as Problem;
        if (problem.status === 404) {
          ended.current(wasAway);
          return;
        }
        if (problem.away && problem.status !== 429) {
          wasAway = true;
          setAway(true);
        }
        later(() => void ask());
      }
    };
    // A browser has six connections for all its tabs: a hidden one gives its own back. And a network that returned ends any waiting.
    const wake = () => {
      source?.close();
      clearTimeout(timer);
      if (!document.hidden) open();
    };
    open();
    addEventListener('online', wake);
    document.addEventListener('visibilitychange', wake);
    return () => {
      closed = true;
      removeEventListener('online', wake);
      document.removeEventListener('visibilitychange', wake);
      clearTimeout(timer);
      source?.close();
    };
  }, [id]);
  return { deck, setDeck: newer, away };
}
