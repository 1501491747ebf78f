// shelf.tsx - the tapes one may see, as cassettes on a shelf, with what is being made of them.
import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { allTapes, call, Job, latestJobs, Problem, Tape, textOf } from './api';
import { BlankTape } from './blank';
import { clock } from './tape';
import { Uploads, useDrop, useUploads } from './uploads';

const POLL_MS = 1000;
const AGAIN_MS = 3000;
const LABELS = ['#c8443a', '#d98a2b', '#3f7d58', '#2f6690', '#6b4e8c', '#8a5a3c'];
const STAGES: Record<string, string> = { queued: 'Waiting', checking: 'Checking', drawing: 'Drawing', reading: 'Examining', encoding: 'Processing', copying: 'Processing' };

/** The title, or the field to change it: Enter and leaving keep, Escape drops. */
function Title({ tape, editing, onDone }: { tape: Tape; editing: boolean; onDone: (title: string | null) => void }) {
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => { if (editing) field.current?.select(); }, [editing]);
  if (!editing) return <h3 dir="auto" title={tape.title}>{tape.title}</h3>;
  const keep = () => {
    const text = field.current!.value.trim();
    onDone(text && text !== tape.title ? text : null);
  };
  return (
    <form onSubmit={(e) => { e.preventDefault(); keep(); }}>
      <input ref={field} aria-label="Title" defaultValue={tape.title} maxLength={255} dir="auto" onBlur={keep}
        onKeyDown={(e) => { if (e.key === 'Escape') onDone(null); }} />
    </form>
  );
}

function Working({ tape, job }: { tape: Tape; job: Job | undefined }) {
  const done = job?.progress ?? 0;
  if (tape.status === 'uploading') return <p class="facts">Arriving…</p>;
  return (
    <div class="working">
      <progress aria-label={`Processing ${tape.title}`} max={1} value={done} />
      <span>{STAGES[job?.stage || 'queued'] ?? job?.stage} {Math.floor(done * 100)} %</span>
    </div>
  );
}

function Facts({ tape }: { tape: Tape }) {
  const ready = tape.status === 'ready';
  return (
    <p class="facts">
      {tape.recorded_at && <span>{tape.recorded_at.slice(0, 10)}</span>}
      {tape.duration !== null && ready && <span>{clock(Math.round(tape.duration))}</span>}
      {tape.standard && <span>{tape.standard.toUpperCase()}</span>}
      {tape.status === 'blank' && <span>Blank tape</span>}
      {tape.status === 'recording' && <span>Being recorded</span>}
      {tape.position > 1 && ready && <span>left at {clock(tape.position)}</span>}
    </p>
  );
}

function Cassette({ tape, job, inDeck, onInsert, onRetry, onCancel, onRename, onTab, onDelete }: {
  tape: Tape; job: Job | undefined; inDeck: boolean; onInsert: () => Promise<void>; onRetry: () => void; onCancel: () => void; onRename: (t: string) => void;
  onTab: () => void; onDelete: () => void;
}) {
  const [editing, setEditing] = useState(false);
  const [going, setGoing] = useState(false);
  const rename = useRef<HTMLButtonElement>(null);
  const working = tape.status === 'processing' || tape.status === 'uploading';
  const renamed = (title: string | null) => {
    if (!editing) return;
    setEditing(false);
    rename.current?.focus();
    if (title) onRename(title);
  };
  const insert = () => {
    setGoing(true);
    void onInsert().finally(() => setGoing(false));
  };
  return (
    <li class={`cassette ${tape.status}`} style={{ '--label': LABELS[tape.id % LABELS.length] }}>
      <div class="thumb">
        {tape.status === 'ready' ? <img src={`/api/v1/tapes/${tape.id}/thumbnail`} alt="" loading="lazy" /> : <span class="reels" aria-hidden="true" />}
      </div>
      <div class="label">
        <Title tape={tape} editing={editing} onDone={renamed} />
        <Facts tape={tape} />
        {working && <Working tape={tape} job={job} />}
        {tape.status === 'failed' && <p class="error">{job?.status === 'cancelled' ? 'Processing was cancelled.' : job?.error ?? 'This file could not be processed.'}</p>}
      </div>
      <div class="acts">
        {tape.status === 'failed' && <button onClick={onRetry} disabled={!job} aria-label={`Retry ${tape.title}`}>Retry</button>}
        {tape.status === 'processing' && <button onClick={onCancel} disabled={!job} aria-label={`Cancel processing ${tape.title}`}>Cancel</button>}
        {!working && tape.status !== 'failed' && (
          <button class="primary" disabled={(tape.status !== 'ready' && tape.status !== 'blank') || inDeck || going} onClick={insert} aria-label={`Insert ${tape.title}`}>
            {inDeck ? 'In the deck' : 'Insert'}
          </button>
        )}
        <button class="small" ref={rename} onClick={() => setEditing(true)} aria-label={`Rename ${tape.title}`}>Rename</button>
        <button class="small" disabled={inDeck} onClick={onTab} aria-label={`${tape.write_protected ? 'Cover' : 'Break out'} the record tab of ${tape.title}`}
          title={tape.write_protected ? 'Protected: cover the tab to record' : 'Break out the tab to protect the tape'}>{tape.write_protected ? 'Tab out' : 'Tab in'}</button>
        <button class="small" disabled={inDeck} onClick={onDelete} aria-label={`Delete ${tape.title}`}>Delete</button>
      </div>
    </li>
  );
}

/** The list of tapes and the latest job of those that are not ready, read again while something is being made. */
function useShelf(say: (text: string) => void) {
  const [tapes, setTapes] = useState<Tape[] | null>(null);
  const [jobs, setJobs] = useState<Record<number, Job>>({});
  const known = useRef<Record<number, Job>>({});
  const timer = useRef(0);
  const load = useCallback(async () => {
    try {
      const list = await allTapes();
      known.current = await latestJobs(list.filter((t) => t.status === 'processing' || t.status === 'failed'), known.current);
      setTapes(list);
      setJobs(known.current);
    } catch (e) {
      if (!(e instanceof Problem) || !e.away) say(textOf(e)); // while the server is away the shelf stays as it was
      clearTimeout(timer.current);
      timer.current = window.setTimeout(() => void load(), AGAIN_MS);
    }
  }, []);
  useEffect(() => {
    void load();
    return () => clearTimeout(timer.current);
  }, []);
  const busy = tapes?.some((t) => t.status === 'processing' || t.status === 'uploading') ?? false;
  useEffect(() => {
    if (!busy) return;
    let over = false;
    const poll = async () => { // one after another, however slow the answers are
      await load();
      if (!over) again = window.setTimeout(() => void poll(), POLL_MS);
    };
    let again = window.setTimeout(() => void poll(), POLL_MS);
    return () => { over = true; clearTimeout(again); };
  }, [busy]);
  return { tapes, jobs, load };
}

const matches = (tape: Tape, words: string[]) => {
  const text = `${tape.title} ${tape.description} ${tape.recorded_at ?? ''}`.toLowerCase();
  return words.every((w) => text.includes(w));
};

export function Shelf({ inDeck, onInsert, say }: { inDeck: number | null; onInsert: (t: Tape) => Promise<void>; say: (text: string) => void }) {
  const { tapes, jobs, load } = useShelf(say);
  const { uploads, add, again, remove } = useUploads(say, () => void load());
  const over = useDrop(add);
  const [filter, setFilter] = useState('');
  const [binned, setBinned] = useState<Tape | null>(null);

  useEffect(() => { void load(); }, [inDeck]); // a tape that left the deck has a new place

  const act = async (what: () => Promise<unknown>) => {
    try {
      await what();
    } catch (e) {
      say(textOf(e));
    }
    await load();
  };
  const ofJob = (t: Tape, verb: string) => void act(async () => { if (jobs[t.id]) await call('POST', `/jobs/${jobs[t.id]!.id}/${verb}`); });

  const words = filter.toLowerCase().split(/\s+/).filter(Boolean);
  const coming = new Set(uploads.map((u) => u.tapeId)); // shown as uploads until they are here
  const shown = tapes?.filter((t) => !coming.has(t.id) && matches(t, words));
  return (
    <section class={`shelf${over ? ' over' : ''}`} aria-labelledby="shelf-title">
      <header>
        <h2 id="shelf-title">Shelf</h2>
        <input type="search" aria-label="Search the shelf" placeholder="Search" value={filter} onInput={(e) => setFilter(e.currentTarget.value)} />
        <label class="add">
          <span aria-hidden="true">Add tapes</span>
          <input type="file" multiple aria-label="Add tapes" onChange={(e) => { add(Array.from(e.currentTarget.files ?? [])); e.currentTarget.value = ''; }} />
        </label>
      </header>
      {binned && (
        <p class="notice" role="status">“{binned.title}” is in the bin.
          <button class="link" onClick={() => { void act(() => call('POST', `/tapes/${binned.id}/restore`)); setBinned(null); }}>Undo</button>
        </p>
      )}
      <BlankTape onDone={() => void load()} say={say} />
      <Uploads uploads={uploads} again={again} remove={remove} />
      {shown === undefined ? <p class="empty" role="status">Loading the shelf…</p> : (
        <ul class="cassettes">
          {shown.map((t) => (
            <Cassette key={t.id} tape={t} job={jobs[t.id]} inDeck={inDeck === t.id} onInsert={() => onInsert(t)} onRetry={() => ofJob(t, 'retry')}
              onCancel={() => ofJob(t, 'cancel')} onRename={(title) => void act(() => call('PATCH', `/tapes/${t.id}`, { title }))}
              onTab={() => void act(() => call('PATCH', `/tapes/${t.id}`, { write_protected: !t.write_protected }))}
              onDelete={() => void act(async () => { await call('DELETE', `/tapes/${t.id}`); setBinned(t); })} />
          ))}
        </ul>
      )}
      {tapes?.length === 0 && uploads.length === 0 && <p class="empty">No tapes yet. Drop a video file here, or choose “Add tapes”.</p>}
      {tapes !== null && tapes.length > coming.size && shown?.length === 0 && <p class="empty">No tape matches “{filter}”.</p>}
    </section>
  );
}
