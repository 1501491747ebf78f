// main.tsx - the page: who is signed in, which session the deck belongs to, and one place for messages.
import { render } from 'preact';
import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { call, Deck, me, Problem, Session, signOut, Tape, textOf, User, whenSignedOut } from './api';
import { DeckPanel } from './deck';
import { Decks, linkedDeck } from './decks';
import { useDeck } from './link';
import { People, useParty } from './people';
import { runs, startSession } from './sessions';
import { Shelf } from './shelf';
import { SignIn } from './signin';
import { useTapeParts } from './tape';
import { TapePanel } from './tape_panel';

const SESSION_KEY = 'vcr.session';
const MESSAGE_MS = 7000;
const EJECT_WAIT_MS = 15000;
const AGAIN_MS = 2000;
const RUNNING = ['play', 'cue', 'review', 'slow'];

function useMessage(): [string, (text: string) => void] {
  const [message, setMessage] = useState('');
  const timer = useRef(0);
  const say = useCallback((text: string) => {
    setMessage(text);
    clearTimeout(timer.current);
    timer.current = window.setTimeout(() => setMessage(''), MESSAGE_MS);
  }, []);
  return [message, say];
}

function Home({ user }: { user: User }) {
  const [session, setSession] = useState<Session | null>(null);
  const [message, say] = useMessage();
  const now = useRef<Deck | null>(null);
  const keep = (s: Session | null) => {
    setSession(s);
    if (s) sessionStorage.setItem(SESSION_KEY, s.id);
    else sessionStorage.removeItem(SESSION_KEY);
  };

  const command = async (s: Session, body: object) => setDeck((await call<{ deck: Deck }>('POST', `/sessions/${s.id}/command`, body)).deck);

  // A server that was away has lost its decks, but not the places of the tapes: the tape goes in again and, if it ran, on.
  const ended = async (away: boolean) => {
    const before = now.current;
    try {
      if (!away || !before?.tape_in) throw new Error('The session has ended. Insert a tape to start again.');
      const again = await startSession(before.tape_in.tape_id, { look: before.look });
      keep(again);
      if (RUNNING.includes(before.mode)) await command(again, { command: 'play' }); // remembered while the tape goes in
      say('The server was restarted. The tape is in the deck again.');
    } catch (e) {
      keep(null);
      say(textOf(e));
    }
  };
  const { deck, setDeck, away } = useDeck(session, (wasAway) => void ended(wasAway), () => void party.look());
  now.current = deck;
  const { parts, reload, changed } = useTapeParts(deck);
  const [peer, setPeer] = useState<string | null>(null);
  const party = useParty(session, user, peer, say);

  // A link names a deck; else it is the one that this tab had.
  const open = (id: string) => call<Session>('GET', `/sessions/${id}`).then((s) => {
    if (runs(s)) keep(s);
    else throw new Error('This deck has been switched off.');
  });
  useEffect(() => {
    const linked = () => {
      const id = linkedDeck();
      if (!id) return false;
      history.replaceState(null, '', '/');
      open(id).catch((e) => say(textOf(e)));
      return true;
    };
    const id = sessionStorage.getItem(SESSION_KEY);
    if (!linked() && id) open(id).catch(() => keep(null));
    const changed = () => void linked();
    addEventListener('hashchange', changed);
    return () => removeEventListener('hashchange', changed);
  }, []);
  const seek = (position: number) => {
    if (session) command(session, { command: 'seek', position }).catch((e) => say(textOf(e)));
  };

  // One deck a page: another tape means eject, then insert.
  const insert = async (tape: Tape) => {
    try {
      if (!session) {
        keep(await startSession(tape.id));
        return;
      }
      if (now.current?.tape_in) {
        await command(session, { command: 'eject' });
        const end = performance.now() + EJECT_WAIT_MS;
        while (now.current?.mode !== 'ejected' && performance.now() < end) await new Promise((done) => setTimeout(done, 50));
      }
      await command(session, { command: 'insert', tape_id: tape.id });
    } catch (e) {
      const over = e instanceof Problem && (e.type.endsWith('/session-ended') || e.status === 404);
      if (over) keep(null);
      say(over ? 'The session had ended. Insert the tape again.' : textOf(e));
    }
  };

  return (
    <>
      <header class="top">
        <p class="brand">vcr<span>·</span>online</p>
        <p class="who">{user.display_name || user.email}</p>
        <button class="small" onClick={() => signOut().catch(() => {}).then(() => location.reload())}>Sign out</button>
      </header>
      <main class="home">
        <h1 class="visually-hidden">vcr-online</h1>
        <DeckPanel session={session} deck={deck} parts={parts} away={away} setDeck={setDeck} onPeer={setPeer}
          onCommand={(name) => { if (name === 'mark_index') changed(); }} say={say} />
        <div class="aside">
          {session && <People party={party} peer={peer} user={user} />}
          <Decks user={user} own={session?.id ?? null} onOpen={keep} onNew={async () => keep(await startSession(null))} say={say} />
          {deck?.tape_in && <TapePanel deck={deck} parts={parts} reload={reload} user={user} seek={seek} say={say} />}
          <Shelf inDeck={deck?.tape_in?.tape_id ?? null} onInsert={insert} say={say} />
        </div>
      </main>
      <p class={`message${message ? ' shown' : ''}`} role="status">{message}</p>
    </>
  );
}

function App() {
  const [user, setUser] = useState<User | null | undefined>(undefined);
  const [news, setNews] = useState('');
  useEffect(() => {
    whenSignedOut(() => setUser(null));
    const ask = () => me().then(setUser, (e) => {
      if (!(e instanceof Problem) || !e.away) {
        setUser(null);
        return;
      }
      setNews('The server does not answer. Trying again…');
      setTimeout(ask, AGAIN_MS);
    });
    void ask();
  }, []);
  if (user === undefined) return <p class="wait" role="status">{news}</p>;
  return user ? <Home user={user} /> : <SignIn onUser={setUser} />;
}

render(<App />, document.getElementById('app')!);
