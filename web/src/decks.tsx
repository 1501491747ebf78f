// decks.tsx - the decks that run: another one into this page or into a tab of its own, its end; and how the next new one shall be.
import { useCallback, useEffect, useState } from 'preact/hooks';
import { call, Session, textOf, User } from './api';
import { MODE_WORDS } from './display';
import { DECKS, keepSettings, runningSessions, sessionName, Settings, settings } from './sessions';

const LOOK_MS = 5000;

export const deckLink = (id: string) => `/#deck=${id}`;
export const linkedDeck = () => /^#deck=([0-9a-f-]{36})$/.exec(location.hash)?.[1] ?? null;

function StartSettings() {
  const [now, setNow] = useState(settings);
  const set = (what: Partial<Settings>) => { const next = { ...now, ...what }; setNow(next); keepSettings(next); };
  const tick = (name: 'auto_rewind' | 'auto_eject' | 'autoplay', words: string) =>
    <label class="tick"><input type="checkbox" checked={now[name]} onChange={(e) => set({ [name]: e.currentTarget.checked })} />{words}</label>;
  return (
    <details class="start">
      <summary>How a new deck starts</summary>
      <label>Machine
        <select value={now.deck} onChange={(e) => set({ deck: e.currentTarget.value as Settings['deck'] })}>
          {Object.entries(DECKS).map(([name, words]) => <option key={name} value={name}>{words}</option>)}
        </select>
      </label>
      <label>Winding
        <select value={now.winding} onChange={(e) => set({ winding: e.currentTarget.value as Settings['winding'] })}>
          <option value="fast">Fast: seconds</option><option value="real">Real: minutes, as it was</option>
        </select>
      </label>
      <label>Picture
        <select value={now.look} onChange={(e) => set({ look: e.currentTarget.value as Settings['look'] })}>
          <option value="vhs">As from tape</option><option value="clean">Clean</option>
        </select>
      </label>
      <label>Where nothing is recorded
        <select value={now.blank_picture} onChange={(e) => set({ blank_picture: e.currentTarget.value as Settings['blank_picture'] })}>
          <option value="blue">Blue</option><option value="snow">Snow</option>
        </select>
      </label>
      {tick('auto_rewind', 'Rewinds at the end of the tape')}
      {tick('auto_eject', 'Gives the tape out when it is rewound')}
      {tick('autoplay', 'Plays when a tape goes in')}
    </details>
  );
}

export function Decks({ user, own, onOpen, onNew, say }: {
  user: User; own: string | null; onOpen: (s: Session) => void; onNew: () => Promise<void>; say: (text: string) => void;
}) {
  const [list, setList] = useState<Session[] | null>(null);
  const [open, setOpen] = useState(false);
  const load = useCallback(() => runningSessions().then(setList, () => {}), []); // the deck's own line tells when the server is away
  useEffect(() => { void load(); }, [own]);
  useEffect(() => {
    if (!open) return;
    const timer = setInterval(() => { if (!document.hidden) void load(); }, LOOK_MS);
    return () => clearInterval(timer);
  }, [open]);
  const act = (what: () => Promise<unknown>) => void what().catch((e) => say(textOf(e))).then(load);
  return (
    <details class="panel decks" onToggle={(e) => { setOpen(e.currentTarget.open); if (e.currentTarget.open) void load(); }}>
      <summary><h2>Decks</h2> <span class="count">{list === null ? '' : list.length === 0 ? 'none is running' : `${list.length} running`}</span></summary>
      <ul>
        {list?.map((s) => (
          <li key={s.id}>
            <span class="name" dir="auto">{sessionName(s)}</span>
            <span class="facts">{s.deck ? `${MODE_WORDS[s.deck.mode] ?? s.deck.mode} ${s.deck.counter}` : 'Starting'}{s.user_id === user.id ? '' : ' · somebody else’s'}</span>
            <span class="row">
              {s.id === own ? <em>This one</em> : <button class="small" onClick={() => onOpen(s)} aria-label={`Bring here ${sessionName(s)}`}>Bring here</button>}
              <a class="small button" href={deckLink(s.id)} target="_blank" rel="noopener" aria-label={`Open ${sessionName(s)} in a new tab`}>New tab</a>
              <button class="small" onClick={() => act(() => call('DELETE', `/sessions/${s.id}`))} aria-label={`Switch off ${sessionName(s)}`}>End</button>
            </span>
          </li>
        ))}
      </ul>
      <div class="row">
        <button class="small" onClick={() => act(onNew)}>{own ? 'Another empty deck here' : 'An empty deck here'}</button>
        <a class="small button" href="/" target="_blank" rel="noopener">A second page</a>
      </div>
      <StartSettings />
    </details>
  );
}
