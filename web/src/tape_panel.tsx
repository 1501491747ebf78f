// tape_panel.tsx - the tape in the deck on paper: its index marks to jump to, what is recorded where, and its history, from which a recording can be taken back.
import { useState } from 'preact/hooks';
import { call, Deck, textOf, User } from './api';
import { markWords, spanWords } from './strip';
import { clock, HistoryItem, Mark, TapeParts } from './tape';

type Act = (what: () => Promise<unknown>) => void;

const HISTORY_WORDS: Record<string, string> = {
  created: 'Put on the shelf', edited: 'Label changed', uploaded: 'Film added', processing_started: 'Processing began', transcoded: 'Made ready to play', failed: 'Processing failed',
  recorded: 'Recorded', undone: 'A recording taken back', marked: 'Marks changed', shared: 'Shared', exported: 'Exported', trashed: 'Put into the bin', restored: 'Back from the bin',
};

function MarkRow({ mark, tape, act, seek }: { mark: Mark; tape: number; act: Act; seek: (s: number) => void }) {
  const [editing, setEditing] = useState(false);
  const path = `/tapes/${tape}/marks/${mark.id}`;
  const words = markWords(mark);
  const keep = (title: string) => {
    if (!editing) return;
    setEditing(false);
    if (title.trim() !== mark.title) act(() => call('PATCH', path, { title: title.trim() }));
  };
  return (
    <li>
      <button class="time" onClick={() => seek(mark.position)} aria-label={`Go to ${words} at ${clock(mark.position)}`}>{clock(mark.position)}</button>
      {editing ? (
        <form onSubmit={(e) => { e.preventDefault(); keep(new FormData(e.currentTarget).get('title') as string); }}>
          <input name="title" aria-label="Name of the mark" maxLength={255} defaultValue={mark.title} dir="auto" ref={(field) => field?.focus()}
            onBlur={(e) => keep(e.currentTarget.value)} onKeyDown={(e) => { if (e.key === 'Escape') setEditing(false); }} />
        </form>
      ) : <span class="name" dir="auto">{words}{mark.confirmed ? '' : ' (found by itself)'}</span>}
      <span class="row">
        {!mark.confirmed && <button class="small" onClick={() => act(() => call('PATCH', path, { confirmed: true }))} aria-label={`Keep ${words} at ${clock(mark.position)}`}>Keep</button>}
        <button class="small" onClick={() => setEditing(true)} aria-label={`Name ${words} at ${clock(mark.position)}`}>Name</button>
        <button class="small" onClick={() => act(() => call('DELETE', path))} aria-label={`Erase ${words} at ${clock(mark.position)}`}>Erase</button>
      </span>
    </li>
  );
}

/** The newest recording onto the tape that was not taken back. The server has the last word. */
function undoable(history: HistoryItem[]): number | null {
  const undone = new Set(history.filter((h) => h.action === 'undone').map((h) => h.details?.item_id));
  return history.find((h) => h.action === 'recorded' && h.details && 'before' in h.details && !undone.has(h.id))?.id ?? null;
}

/** "0:01:00 – 0:02:00", of a recording. */
function placeOf({ details }: HistoryItem): string {
  const { position, duration } = details ?? {};
  return typeof position === 'number' && typeof duration === 'number' ? `, ${clock(position)} – ${clock(position + duration)}` : '';
}

function History({ items, tape, user, act, say }: { items: HistoryItem[]; tape: number; user: User; act: Act; say: (text: string) => void }) {
  const last = undoable(items);
  const undo = (id: number) => act(async () => {
    await call('POST', `/tapes/${tape}/history/${id}/undo`);
    say('The recording is taken back: the tape is as it was before.');
  });
  return (
    <ol class="history">
      {items.map((h) => (
        <li key={h.id}>
          <time dateTime={h.performed_at}>{new Date(h.performed_at).toLocaleString()}</time>
          <span class="name">{HISTORY_WORDS[h.action] ?? h.action}{placeOf(h)}{h.performed_by === null ? '' : h.performed_by === user.id ? ', by you' : ', by somebody else'}</span>
          <span class="row">{h.id === last && <button class="small" onClick={() => undo(h.id)}>Undo this recording</button>}</span>
        </li>
      ))}
    </ol>
  );
}

export function TapePanel({ deck, parts, reload, user, seek, say }: {
  deck: Deck; parts: TapeParts; reload: () => Promise<void>; user: User; seek: (position: number) => void; say: (text: string) => void;
}) {
  const tape = deck.tape_in!;
  const act: Act = (what) => void what().catch((e) => say(textOf(e))).then(reload);
  const { spans, marks, history } = parts;
  return (
    <details class="panel tapepanel">
      <summary><h2>This tape</h2> <span class="count">{marks.length === 1 ? '1 mark' : `${marks.length} marks`}</span></summary>
      <h3>Index marks</h3>
      {marks.length === 0 ? <p class="none">None. The key “Mark index” writes one where the tape is.</p> : (
        <ul>{marks.map((m) => <MarkRow key={m.id} mark={m} tape={tape.tape_id} act={act} seek={seek} />)}</ul>
      )}
      <h3>On the tape</h3>
      {spans.length === 0 ? <p class="none">Nothing is recorded on it.</p> : <ul class="stretches">{spans.map((s) => <li key={s.tape_start}>{spanWords(s)}</li>)}</ul>}
      <h3>History</h3>
      <History items={history} tape={tape.tape_id} user={user} act={act} say={say} />
    </details>
  );
}
