// uploads.tsx - films on their way to the shelf: chosen or dropped anywhere on the page, sent one after another, each with progress, Cancel and Try again.
import { useEffect, useRef, useState } from 'preact/hooks';
import { call, putMedia, serverInfo, Tape, textOf } from './api';

interface Upload { id: number; tapeId: number | null; file: File; sent: number; state: 'waiting' | 'sending' | 'failed'; error: string; abort: AbortController }

const TITLE_MAX = 255;
const titleOf = (file: File) => file.name.replace(/\.[^.]{1,5}$/, '').slice(0, TITLE_MAX) || 'Tape';

export function size(bytes: number): string {
  const units = ['kB', 'MB', 'GB', 'TB'];
  let n = bytes / 1000, i = 0;
  for (; n >= 999.5 && i < units.length - 1; i++) n /= 1000;
  return `${n >= 100 ? Math.round(n) : n.toFixed(1)} ${units[i]}`;
}

/** The films on their way, and what one can do with them. changed: the shelf has something new. */
export function useUploads(say: (text: string) => void, changed: () => void) {
  const list = useRef<Upload[]>([]);
  const [, draw] = useState(0);
  const running = useRef(false);
  const next = useRef(1);
  const set = (uploads: Upload[]) => { list.current = uploads; draw((n) => n + 1); };
  const change = (id: number, what: Partial<Upload>) => set(list.current.map((u) => u.id === id ? { ...u, ...what } : u));

  const send = async (u: Upload) => {
    change(u.id, { state: 'sending', sent: 0, error: '' });
    try {
      const limit = (await serverInfo()).limits.max_upload_bytes;
      if (u.file.size > limit) throw new Error(`This file has ${size(u.file.size)}; the server takes up to ${size(limit)}.`);
      if (u.file.size === 0) throw new Error('This file is empty.');
      const tapeId = u.tapeId ?? (await call<Tape>('POST', '/tapes', { title: titleOf(u.file) })).id;
      change(u.id, { tapeId });
      changed();
      if (u.abort.signal.aborted) {
        await call('DELETE', `/tapes/${tapeId}`);
        return;
      }
      await putMedia(tapeId, u.file, (sent) => change(u.id, { sent }), u.abort.signal);
      set(list.current.filter((x) => x.id !== u.id));
      say(`${u.file.name} is on the shelf and being processed.`);
    } catch (e) {
      change(u.id, { state: 'failed', error: textOf(e) });
    }
  };
  const run = async () => {
    if (running.current) return;
    running.current = true;
    for (let u; (u = list.current.find((x) => x.state === 'waiting'));) {
      await send(u);
      changed();
    }
    running.current = false;
  };

  const add = (files: File[]) => {
    set([...list.current, ...files.map((file) => ({ id: next.current++, tapeId: null, file, sent: 0, state: 'waiting' as const, error: '', abort: new AbortController() }))]);
    void run();
  };
  const again = (id: number) => { change(id, { state: 'waiting', error: '', abort: new AbortController() }); void run(); };
  const remove = async (id: number) => {
    const u = list.current.find((x) => x.id === id);
    if (!u) return;
    set(list.current.filter((x) => x.id !== id));
    u.abort.abort();
    if (u.tapeId !== null) await call('DELETE', `/tapes/${u.tapeId}`).catch((e) => say(textOf(e)));
    changed();
  };

  // Leaving the page would cut an upload off: ask first.
  const busy = list.current.some((u) => u.state !== 'failed');
  useEffect(() => {
    if (!busy) return;
    const ask = (e: BeforeUnloadEvent) => { e.preventDefault(); e.returnValue = ''; };
    addEventListener('beforeunload', ask);
    return () => removeEventListener('beforeunload', ask);
  }, [busy]);

  return { uploads: list.current, add, again, remove };
}

/** Files dropped anywhere on the page; true while some hang over it. */
export function useDrop(onFiles: (files: File[]) => void): boolean {
  const [over, setOver] = useState(false);
  const drop = useRef(onFiles);
  drop.current = onFiles;
  useEffect(() => {
    const files = (e: DragEvent) => e.dataTransfer?.types.includes('Files') ?? false;
    const on = (e: DragEvent) => { if (files(e)) { e.preventDefault(); setOver(true); } };
    const off = (e: DragEvent) => { if (!e.relatedTarget) setOver(false); };
    const dropped = (e: DragEvent) => {
      setOver(false);
      if (!files(e)) return;
      e.preventDefault(); // else the browser would leave the page for the film
      drop.current(Array.from(e.dataTransfer!.files));
    };
    const all = [['dragover', on], ['dragleave', off], ['drop', dropped]] as const;
    for (const [name, f] of all) addEventListener(name, f);
    return () => { for (const [name, f] of all) removeEventListener(name, f); };
  }, []);
  return over;
}

export function Uploads({ uploads, again, remove }: Pick<ReturnType<typeof useUploads>, 'uploads' | 'again' | 'remove'>) {
  return (
    <>
      {uploads.map((u) => (
        <div class="upload" key={u.id}>
          <span class="name" dir="auto">{u.file.name}</span>
          {u.state === 'failed' ? <span class="error" role="alert">{u.error}</span> : (
            <>
              <progress aria-label={`Uploading ${u.file.name}`} max={u.file.size || 1} value={u.sent} />
              <span class="sent">{u.state === 'waiting' ? `Waits, ${size(u.file.size)}` : `${size(u.sent)} of ${size(u.file.size)}`}</span>
            </>
          )}
          {u.state === 'failed' && <button class="small" onClick={() => again(u.id)} aria-label={`Try ${u.file.name} again`}>Try again</button>}
          <button class="small" onClick={() => void remove(u.id)} aria-label={`${u.state === 'failed' ? 'Remove' : 'Cancel'} ${u.file.name}`}>
            {u.state === 'failed' ? 'Remove' : 'Cancel'}
          </button>
        </div>
      ))}
    </>
  );
}
