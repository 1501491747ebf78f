// record.tsx - the key RECORD asks what shall be recorded: what plays in another deck of mine, or what a device sends. Two steps, for it records over.
import { useEffect, useRef, useState } from 'preact/hooks';
import { call, Deck, Session, textOf } from './api';
import { MODE_WORDS } from './display';
import { runningSessions, sessionName } from './sessions';
import { clock } from './tape';

interface Device { id: number; name: string; status: string }
interface Input { key: string; name: string; about: string; ready: boolean; input: Record<string, unknown> }

async function inputs(own: Session): Promise<Input[]> {
  const [sessions, devices] = await Promise.all([runningSessions(), call<{ items: Device[] }>('GET', '/devices?limit=200')]);
  return [
    ...sessions.filter((s) => s.id !== own.id && s.user_id === own.user_id).map((s) => ({
      key: s.id, name: sessionName(s), about: s.deck ? `${MODE_WORDS[s.deck.mode] ?? s.deck.mode}, ${s.deck.counter}` : '', ready: s.status === 'active', input: { session_id: s.id },
    })),
    ...devices.items.map((d) => ({ key: `device ${d.id}`, name: d.name, about: d.status === 'online' ? 'Device, online' : 'Device, offline', ready: d.status === 'online',
      input: { device_id: d.id } })),
  ];
}

export function RecordDialog({ session, deck, onRecord, onClose }: {
  session: Session; deck: Deck; onRecord: (input: Record<string, unknown>) => void; onClose: () => void;
}) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [list, setList] = useState<Input[] | null>(null);
  const [chosen, setChosen] = useState('');
  const [error, setError] = useState('');
  const tape = deck.tape_in!;
  const load = () => inputs(session).then((found) => {
    setList(found);
    setError('');
    setChosen((old) => found.some((i) => i.key === old && i.ready) ? old : found.find((i) => i.ready)?.key ?? '');
  }, (e) => setError(textOf(e)));

  useEffect(() => {
    dialog.current!.showModal();
    void load();
  }, []);
  const input = list?.find((i) => i.key === chosen && i.ready);
  const record = (event: Event) => {
    event.preventDefault();
    if (!input) return;
    onRecord(input.input);
    onClose();
  };
  return (
    <dialog class="sheet" ref={dialog} aria-labelledby="record-title" onClose={onClose} onClick={(e) => { if (e.target === dialog.current) onClose(); }}>
      <form onSubmit={record}>
        <h2 id="record-title">Record onto “{tape.title}”</h2>
        <p>From {clock(deck.position)} on, over whatever is there. The tape's history can take it back.</p>
        {tape.write_protected && <p class="error">The record tab of this tape is broken out: the deck will refuse.</p>}
        {error && <p class="error" role="alert">{error}</p>}
        {list === null && !error && <p role="status">Looking for what can be recorded…</p>}
        {list !== null && list.length > 0 && (
          <fieldset>
            <legend>Record from</legend>
            {list.map((i) => (
              <label key={i.key} class={`input${i.ready ? '' : ' absent'}`}>
                <input type="radio" name="input" value={i.key} checked={i.key === chosen} disabled={!i.ready} onChange={() => setChosen(i.key)} />
                <span class="name" dir="auto">{i.name}</span><span class="about">{i.about}</span>
              </label>
            ))}
          </fieldset>
        )}
        {list !== null && !list.some((i) => i.ready) && (
          <p>There is nothing to record from yet. <a href="/" target="_blank" rel="noopener">Open a second deck</a> in another tab, play a tape there, then look again.</p>
        )}
        <div class="row">
          <button class="primary rec" disabled={!input}>Start recording</button>
          <button type="button" onClick={() => void load()}>Look again</button>
          <button type="button" onClick={onClose}>Cancel</button>
        </div>
      </form>
    </dialog>
  );
}
