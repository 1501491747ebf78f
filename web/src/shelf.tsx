// shelf.tsx - the tapes one may see, as cassettes on a shelf; adding tapes by choosing or dropping files.
import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { allTapes, call, Job, latestJob, putMedia, Tape } from './api';

interface Upload { tapeId: number; name: string; fraction: number; error: string; abort: AbortController }

const POLL_MS = 1000;
const LABELS = ['#c8443a', '#d98a2b', '#3f7d58', '#2f6690', '#6b4e8c', '#8a5a3c'];

function clock(seconds: number): string {
  const s = Math.round(seconds);
  const mm = String(Math.floor(s / 60) % 60).padStart(2, '0');
  return `${Math.floor(s / 3600)}:${mm}:${String(s % 60).padStart(2, '0')}`;
}

const STAGES: Record<string, string> = { queued: 'Waiting', reading: 'Examining', encoding: 'Processing', copying: 'Processing' };

function Cassette({ tape, job, inDeck, onInsert, onRetry, onRename, onDelete }: {
  tape: Tape; job: Job | undefined; inDeck: boolean; onInsert: () => void; onRetry: () => void; onRename: (t: string) => void; onDelete: () => void;
}) {
  const [editing, setEditing] = useState(false);
  const working = tape.status === 'processing' || tape.status === 'uploading';
  const rename = (event: Event) => {
    event.preventDefault();
    const input = (event.target as HTMLFormElement).elements.namedItem('title') as HTMLInputElement;
    setEditing(false);
    if (input.value.trim() && input.value.trim() !== tape.title) onRename(input.value.trim());
  };
  return (
    <li class={`cassette ${tape.status}`} style={{ '--label': LABELS[tape.id % LABELS.length] }}>
      <div class="thumb">
        {tape.status === 'ready' ? <img src={`/api/v1/tapes/${tape.id}/thumbnail`} alt="" loading="lazy" /> : <span class="reels" aria-hidden="true" />}
      </div>
      <div class="label">
        {editing ? (
          <form onSubmit={rename}>
            <input name="title" aria-label="Title" defaultValue={tape.title} maxLength={255} autofocus onBlur={(e) => e.currentTarget.form?.requestSubmit()} />
          </form>
        ) : (
          <h3 dir="auto" title={tape.title}>{tape.title}</h3>
        )}
        <p class="facts">
          {tape.recorded_at && <span>{tape.recorded_at.slice(0, 10)}</span>}
          {tape.duration !== null && tape.status === 'ready' && <span>{clock(tape.duration)}</span>}
          {tape.standard && <span>{tape.standard.toUpperCase()}</span>}
          {tape.position > 1 && tape.status === 'ready' && <span>left at {clock(tape.position)}</span>}
        </p>
        {working && (
          <div class="working">
            <progress aria-label={`Processing ${tape.title}`} max={1} value={job?.progress ?? 0} />
            <span>{STAGES[job?.stage ?? 'queued'] ?? job?.stage} {Math.floor((job?.progress ?? 0) * 100)} %</span>
          </div>
        )}
        {tape.status === 'failed' && <p class="error">{job?.error ?? 'This file could not be processed.'}</p>}
        {tape.status === 'blank' && <p class="facts">Blank tape</p>}
      </div>
      <div class="acts">
        {tape.status === 'failed' && <button onClick={onRetry}>Retry</button>}
        <button class="primary" disabled={tape.status !== 'ready' || inDeck} onClick={onInsert} aria-label={`Insert ${tape.title}`}>
          {inDeck ? 'In the deck' : 'Insert'}
        </button>
        <button class="small" onClick={() => setEditing(true)} aria-label={`Rename ${tape.title}`}>Rename</button>
        <button class="small" disabled={inDeck} onClick={onDelete} aria-label={`Delete ${tape.title}`}>Delete</button>
      </div>
    </li>
  );
}

export function Shelf({ inDeck, onInsert, say }: { inDeck: number | null; onInsert: (t: Tape) => void; say: (text: string) => void }) {
  const [tapes, setTapes] = useState<Tape[] | null>(null);
  const [jobs, setJobs] = useState<Record<number, Job | undefined>>({});
  const [uploads, setUploads] = useState<Upload[]>([]);
  const [filter, setFilter] = useState('');
  const [over, setOver] = useState(false);
  const [binned, setBinned] = useState<Tape | null>(null);
  const input = useRef<HTMLInputElement>(null);

  const load = useCallback(async () => {
    try {
      const list = await allTapes();
      const busy = list.filter((t) => t.status === 'processing' || t.status === 'failed');
      const found = await Promise.all(busy.map(async (t) => [t.id, await latestJob(t.id).catch(() => undefined)] as const));
      setTapes(list);
      setJobs(Object.fromEntries(found));
    } catch (e) {
      say((e as Error).message);
    }
  }, []);

  useEffect(() => { void load(); }, []);
  const busy = tapes?.some((t) => t.status === 'processing' || t.status === 'uploading') ?? false;
  useEffect(() => {
    if (!busy) return;
    const timer = setInterval(() => void load(), POLL_MS);
    return () => clearInterval(timer);
  }, [busy]);

  const add = async (files: Iterable<File>) => {
    for (const file of files) {
      const title = file.name.replace(/\.[^.]{1,5}$/, '').slice(0, 255) || 'Tape';
      let upload: Upload | null = null;
      const change = (what: Partial<Upload>) =>
        setUploads((all) => all.map((u) => u.tapeId === upload!.tapeId ? Object.assign(u, what) && { ...u } : u));
      try {
        const tape = await call<Tape>('POST', '/tapes', { title });
        upload = { tapeId: tape.id, name: file.name, fraction: 0, error: '', abort: new AbortController() };
        setUploads((all) => [...all, upload!]);
        await putMedia(tape.id, file, (fraction) => change({ fraction }), upload.abort.signal);
        setUploads((all) => all.filter((u) => u.tapeId !== tape.id));
        say(`${file.name} is on the shelf and being processed.`);
      } catch (e) {
        if (upload) change({ error: (e as Error).message });
        else say((e as Error).message);
      }
      void load();
    }
  };

  const act = async (what: () => Promise<unknown>) => {
    try {
      await what();
    } catch (e) {
      say((e as Error).message);
    }
    void load();
  };

  const words = filter.toLowerCase().split(/\s+/).filter(Boolean);
  const shown = tapes?.filter((t) => words.every((w) => (t.title + ' ' + t.description + ' ' + (t.recorded_at ?? '')).toLowerCase().includes(w)));
  return (
    <section class={`shelf${over ? ' over' : ''}`} aria-labelledby="shelf-title"
      onDragOver={(e) => { e.preventDefault(); setOver(true); }} onDragLeave={() => setOver(false)}
      onDrop={(e) => { e.preventDefault(); setOver(false); void add(Array.from(e.dataTransfer?.files ?? [])); }}>
      <header>
        <h2 id="shelf-title">Shelf</h2>
        <input type="search" aria-label="Search the shelf" placeholder="Search" value={filter} onInput={(e) => setFilter(e.currentTarget.value)} />
        <label class="add">
          <span>Add tapes</span>
          <input ref={input} type="file" multiple aria-label="Add tapes"
            onChange={(e) => { void add(Array.from(e.currentTarget.files ?? [])); e.currentTarget.value = ''; }} />
        </label>
      </header>
      {binned && (
        <p class="notice" role="status">“{binned.title}” is in the bin.
          <button class="link" onClick={() => { void act(() => call('POST', `/tapes/${binned.id}/restore`)); setBinned(null); }}>Undo</button>
        </p>
      )}
      {uploads.map((u) => (
        <div class="upload" key={u.tapeId}>
          <span dir="auto">{u.name}</span>
          {u.error ? <span class="error" role="alert">{u.error}</span>
            : <progress aria-label={`Uploading ${u.name}`} max={1} value={u.fraction} />}
          <button class="small" onClick={() => {
            u.abort.abort();
            setUploads((all) => all.filter((x) => x.tapeId !== u.tapeId));
            void act(() => call('DELETE', `/tapes/${u.tapeId}`));
          }}>{u.error ? 'Remove' : 'Cancel'}</button>
        </div>
      ))}
      {shown === undefined ? <p class="facts">Loading the shelf…</p> : (
        <ul class="cassettes">
          {shown.map((t) => (
            <Cassette key={t.id} tape={t} job={jobs[t.id]} inDeck={inDeck === t.id} onInsert={() => onInsert(t)}
              onRetry={() => jobs[t.id] && void act(() => call('POST', `/jobs/${jobs[t.id]!.id}/retry`))}
              onRename={(title) => void act(() => call('PATCH', `/tapes/${t.id}`, { title }))}
              onDelete={() => void act(async () => { await call('DELETE', `/tapes/${t.id}`); setBinned(t); })} />
          ))}
        </ul>
      )}
      {tapes?.length === 0 && uploads.length === 0 && <p class="empty">No tapes yet. Drop a video file here, or choose “Add tapes”.</p>}
      {tapes !== null && tapes.length > 0 && shown?.length === 0 && <p class="empty">No tape matches “{filter}”.</p>}
    </section>
  );
}
