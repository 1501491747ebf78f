// main.tsx - the page: who is signed in, which session the deck belongs to, and one place for messages.
import { render } from 'preact';
import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { call, Deck, me, Problem, Session, signOut, Tape, User, whenSignedOut } from './api';
import { DeckPanel, useDeck } from './deck';
import { Shelf } from './shelf';
import { SignIn } from './signin';

const SESSION_KEY = 'vcr.session';
const MESSAGE_MS = 6000;
const EJECT_WAIT_MS = 6000;

function Home({ user }: { user: User }) {
  const [session, setSession] = useState<Session | null>(null);
  const [message, setMessage] = useState('');
  const timer = useRef(0);
  const say = useCallback((text: string) => {
    setMessage(text);
    clearTimeout(timer.current);
    timer.current = window.setTimeout(() => setMessage(''), MESSAGE_MS);
  }, []);
  const keep = (s: Session | null) => {
    setSession(s);
    if (s) sessionStorage.setItem(SESSION_KEY, s.id);
    else sessionStorage.removeItem(SESSION_KEY);
  };
  const [deck, setDeck] = useDeck(session, () => { keep(null); say('The session has ended. Insert a tape to start again.'); });
  const now = useRef<Deck | null>(null);
  now.current = deck;

  useEffect(() => {
    const id = sessionStorage.getItem(SESSION_KEY);
    if (!id) return;
    call<Session>('GET', `/sessions/${id}`).then((s) => keep(s.status === 'active' || s.status === 'starting' ? s : null), () => keep(null));
  }, []);

  // One deck a page: another tape means eject, then insert.
  const insert = async (tape: Tape) => {
    try {
      if (!session) {
        keep(await call<Session>('POST', '/sessions', { type: 'emulation', tape_id: tape.id }));
        return;
      }
      if (now.current?.tape_in) {
        setDeck((await call<{ deck: Deck }>('POST', `/sessions/${session.id}/command`, { command: 'eject' })).deck);
        const end = performance.now() + EJECT_WAIT_MS;
        while (now.current?.mode !== 'ejected' && performance.now() < end) await new Promise((done) => setTimeout(done, 50));
      }
      setDeck((await call<{ deck: Deck }>('POST', `/sessions/${session.id}/command`, { command: 'insert', tape_id: tape.id })).deck);
    } catch (e) {
      if (e instanceof Problem && e.type.endsWith('/session-ended')) {
        keep(null);
        say('The session had ended. Insert the tape again.');
      } else {
        say((e as Error).message);
      }
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
        <DeckPanel session={session} deck={deck} setDeck={setDeck} say={say} />
        <Shelf inDeck={deck?.tape_in?.tape_id ?? null} onInsert={(t) => void insert(t)} say={say} />
      </main>
      <p class={`message${message ? ' shown' : ''}`} role="status">{message}</p>
    </>
  );
}

function App() {
  const [user, setUser] = useState<User | null | undefined>(undefined);
  useEffect(() => {
    whenSignedOut(() => setUser(null));
    me().then(setUser, () => setUser(null));
  }, []);
  if (user === undefined) return <p class="facts">…</p>;
  return user ? <Home user={user} /> : <SignIn onUser={setUser} />;
}

render(<App />, document.getElementById('app')!);
