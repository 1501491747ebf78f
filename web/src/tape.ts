// tape.ts - what the page knows of the tape in the deck: what plays where on it, its index marks, its history; read again whenever that may have changed.
import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { call, Deck } from './api';

export interface Span { tape_start: number; tape_end: number; reel: string; reel_start: number; speed: string; generation: number; recorded_at: string | null }
export interface Mark { id: number; position: number; title: string; source: string; confirmed: boolean }
export interface HistoryItem { id: number; action: string; performed_by: number | null; performed_at: string; details: Record<string, unknown> | null }
export interface TapeParts { spans: Span[]; marks: Mark[]; history: HistoryItem[] }

const NONE: TapeParts = { spans: [], marks: [], history: [] };
const HISTORY_SHOWN = 20;
const RECORDS = ['record', 'record_pause'];
const LATER_MS = [0, 1000, 3000, 8000]; // a recording is closed, and its bridges are made, a while after the key STOP
const SOON_MS = [0, 700, 2500]; // a mark is written behind the answer

export const records = (deck: Deck | null) => RECORDS.includes(deck?.mode ?? '');

/** Seconds as h:mm:ss. */
export function clock(seconds: number): string {
  const s = Math.max(0, Math.floor(seconds + 1e-6));
  const two = (n: number) => String(n).padStart(2, '0');
  return `${Math.floor(s / 3600)}:${two(Math.floor(s / 60) % 60)}:${two(s % 60)}`;
}

/** "1:02:03", "2:03" or "3" as seconds; null: no time. */
export function parseClock(text: string): number | null {
  if (!/^\d+(:[0-5]?\d){0,2}$/.test(text.trim())) return null;
  return text.trim().split(':').reduce((sum, part) => sum * 60 + Number(part), 0);
}

const items = async <T>(path: string): Promise<T[]> => (await call<{ items: T[] }>('GET', path)).items;

async function read(tape: number): Promise<TapeParts> {
  const [spans, marks, history] = await Promise.allSettled([
    items<Span>(`/tapes/${tape}/timeline`), items<Mark>(`/tapes/${tape}/marks`), items<HistoryItem>(`/tapes/${tape}/history?limit=${HISTORY_SHOWN}`),
  ]);
  const of = <T>(r: PromiseSettledResult<T[]>) => r.status === 'fulfilled' ? r.value : [];
  return { spans: of(spans), marks: of(marks).sort((a, b) => a.position - b.position), history: of(history) };
}

/** Where the recording that runs began on the tape; null: none runs. */
export function useRecordStart(deck: Deck | null): number | null {
  const start = useRef<number | null>(null);
  if (!records(deck)) start.current = null;
  else start.current ??= deck!.position;
  return start.current;
}

/** reload: at once; changed: soon, when something of the tape is being written. */
export function useTapeParts(deck: Deck | null): { parts: TapeParts; reload: () => Promise<void>; changed: () => void } {
  const [parts, setParts] = useState(NONE);
  const tape = deck?.tape_in?.tape_id ?? null;
  const current = useRef(tape);
  current.current = tape;
  const timers = useRef<number[]>([]);
  const reload = useCallback(async () => {
    if (tape === null) return;
    const next = await read(tape);
    if (current.current === tape) setParts(next);
  }, [tape]);
  const after = useCallback((times: number[]) => {
    timers.current.forEach(clearTimeout);
    timers.current = times.map((ms) => window.setTimeout(() => void reload(), ms));
  }, [reload]);
  const changed = useCallback(() => after(SOON_MS), [after]);
  const recording = records(deck);

  useEffect(() => setParts(NONE), [tape]);
  useEffect(() => {
    after(recording ? SOON_MS : LATER_MS);
    return () => timers.current.forEach(clearTimeout);
  }, [after, recording]);
  return { parts, reload, changed };
}
