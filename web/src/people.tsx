// people.tsx - several people at one deck: who watches, who holds the remote control, asking for it, handing it over, giving it back.
import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { call, Remote, Session, textOf, User, Viewer } from './api';

const LOOK_MS = 10_000; // who comes and who goes; what becomes of the remote control is told at once

export interface Party {
  viewers: Viewer[]; owner: boolean; holds: boolean; asked: boolean; remote: Remote | null;
  look: () => Promise<void>; ask: (action: 'request' | 'grant' | 'release', peer?: string) => Promise<void>;
}

const SAID = { request: 'The one who holds the remote control has been asked for it.', grant: 'The remote control is handed over.', release: 'The owner holds the remote control again.' };

/** peer: this page's own line, known once the picture is asked for. */
export function useParty(session: Session | null, user: User, peer: string | null, say: (text: string) => void): Party {
  const [now, setNow] = useState<Session | null>(null);
  const [asked, setAsked] = useState(false);
  const told = useRef(new Set<string>());
  const held = useRef<boolean | null>(null);
  const id = session?.id;
  const owner = session !== null && session.user_id === user.id;

  const take = useCallback((s: Session) => {
    setNow(s);
    const holds = s.remote?.user_id === user.id;
    if (holds) setAsked(false);
    if (held.current !== null && held.current !== holds) say(holds ? 'You hold the remote control now.' : 'Somebody else holds the remote control now.');
    held.current = holds;
    const asking = (s.viewers ?? []).filter((v) => v.requested);
    const fresh = asking.find((v) => !told.current.has(v.peer_id) && v.user?.id !== user.id);
    if (holds && fresh) say(`${fresh.user?.name || 'Somebody who watches'} asks for the remote control. You can hand it over under “People at this deck”.`);
    told.current = new Set(asking.map((v) => v.peer_id));
  }, [id]);
  const look = useCallback(async () => {
    if (id) await call<Session>('GET', `/sessions/${id}`).then(take, () => {}); // the deck's own line tells when the server is away
  }, [take]);
  useEffect(() => {
    setNow(null);
    setAsked(false);
    held.current = null;
    if (!id) return;
    let over = false;
    let timer = 0;
    const again = async () => {
      if (!document.hidden) await look();
      if (!over) timer = window.setTimeout(() => void again(), LOOK_MS);
    };
    void again();
    return () => { over = true; clearTimeout(timer); };
  }, [id]);
  useEffect(() => { if (peer) void look(); }, [peer]);

  const ask: Party['ask'] = async (action, other) => {
    try {
      if (action === 'request' && !peer) throw new Error('The picture has to be there first');
      const who = action === 'request' ? peer : other;
      held.current = null; // what comes of it is said here
      const s = await call<Session>('POST', `/sessions/${id}/remote`, { action, ...(who ? { peer_id: who } : {}) });
      take(s);
      setAsked(action === 'request' && s.remote?.user_id !== user.id);
      say(SAID[action]);
    } catch (e) {
      say(textOf(e));
    }
  };
  const remote = now?.remote ?? null;
  return { viewers: now?.viewers ?? [], owner, holds: remote?.user_id === user.id, asked, remote, look, ask };
}

export function People({ party, peer, user }: { party: Party; peer: string | null; user: User }) {
  const { viewers, owner, holds, asked, remote, ask } = party;
  if (!remote || (owner && holds && !viewers.some((v) => v.user?.id !== user.id))) return null; // alone: nothing to settle
  const name = (v: Viewer) => v.peer_id === peer ? 'This page' : v.user?.id === user.id ? 'You, in another window' : v.user?.name || 'Somebody with a link';
  const holder = viewers.find((v) => v.holds_remote);
  return (
    <section class="people" aria-labelledby="people-title">
      <h2 id="people-title">People at this deck</h2>
      <p>{holds ? 'You hold the remote control.' : holder ? `${name(holder)} holds the remote control.` : owner ? 'Somebody else holds the remote control.'
        : 'You watch. Somebody else holds the remote control.'}</p>
      <ul>
        {viewers.map((v) => (
          <li key={v.peer_id}>
            <span class="name">{name(v)}{v.holds_remote ? ' · holds the remote control' : v.requested ? ' · asks for the remote control' : ''}</span>
            {holds && v.user?.id !== user.id && (
              <button class={`small${v.requested ? ' primary' : ''}`} onClick={() => void ask('grant', v.peer_id)} aria-label={`Hand the remote control to ${name(v)}`}>Hand over</button>
            )}
          </li>
        ))}
      </ul>
      <div class="row">
        {!holds && !owner && <button class="small" disabled={!peer || asked} onClick={() => void ask('request')}>{asked ? 'Asked. Waiting…' : 'Ask for the remote control'}</button>}
        {!holds && owner && <button class="small" onClick={() => void ask('release')}>Take the remote control back</button>}
        {holds && !owner && <button class="small" onClick={() => void ask('release')}>Give the remote control back</button>}
      </div>
    </section>
  );
}
