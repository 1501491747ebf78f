// strip.tsx - the tape as a strip below the picture: what is recorded on it and what is not, its marks, where the heads are; a click winds there.
import { useEffect, useRef, useState } from 'preact/hooks';
import { Deck } from './api';
import { clock, Mark, Span, TapeParts } from './tape';

const SNAP_PX = 8;
const STEP_S = 5;
const PAGE_S = 60;
const SETTLE_MS = 600;
const SCALES_S = [30, 60, 120, 300, 600, 1200, 1800, 3600, 7200]; // in steps, so that the strip stands still while a recording grows

export const spanWords = (s: Span) =>
  `${clock(Math.round(s.tape_start))} – ${clock(Math.round(s.tape_end))}: ${s.reel === 'film' ? 'the film' : s.reel.replace('take-', 'recording ')}, ${s.speed.toUpperCase()}` +
  (s.generation ? `, ${s.generation === 1 ? 'a copy' : `copied ${s.generation} times`}` : '');
export const markWords = (m: Mark) => m.title || { scene: 'New scene', gap: 'After a gap', date: 'New date' }[m.source] || 'Mark';

/** How much of the tape the strip shows: all of it, or only what is recorded and a little more, when that is a small part. */
function shownLength(deck: Deck, spans: Span[], recording: boolean, whole: boolean): { length: number; zoomable: boolean } {
  const all = deck.tape_in!.length;
  const used = Math.max(deck.position, ...spans.map((s) => s.tape_end)) * 1.1;
  const scale = SCALES_S.find((s) => s >= used) ?? all;
  const zoomable = scale * 1.5 < all && (spans.length > 0 || recording);
  return { length: whole || !zoomable ? all : scale, zoomable };
}

export function Strip({ deck, parts, recordStart, onSeek }: { deck: Deck; parts: TapeParts; recordStart: number | null; onSeek: (position: number) => void }) {
  const bar = useRef<HTMLDivElement>(null);
  const [whole, setWhole] = useState(false);
  const [aim, setAim] = useState<number | null>(null); // where a finger or the arrow keys point
  const timer = useRef(0);
  const held = useRef(false);
  useEffect(() => () => clearTimeout(timer.current), []);
  const all = deck.tape_in!.length;
  const { length, zoomable } = shownLength(deck, parts.spans, recordStart !== null, whole);
  const percent = (s: number) => `${Math.min(100, Math.max(0, s / length * 100))}%`;

  const at = (event: PointerEvent): number => {
    const box = bar.current!.getBoundingClientRect();
    const place = Math.min(1, Math.max(0, (event.clientX - box.left) / box.width)) * length;
    const near = parts.marks.find((m) => Math.abs(m.position - place) / length * box.width < SNAP_PX);
    return near ? near.position : Math.min(place, all);
  };
  const go = (position: number) => {
    clearTimeout(timer.current);
    setAim(null);
    onSeek(Math.round(position * 1000) / 1000);
  };
  const key = (event: KeyboardEvent) => {
    const from = aim ?? deck.position;
    const to: Record<string, number> = {
      ArrowLeft: from - STEP_S, ArrowDown: from - STEP_S, ArrowRight: from + STEP_S, ArrowUp: from + STEP_S, PageUp: from + PAGE_S, PageDown: from - PAGE_S, Home: 0, End: all,
    };
    if (event.key === 'Escape') {
      clearTimeout(timer.current);
      setAim(null);
    }
    if (event.key === 'Enter' && aim !== null) go(aim);
    if (!(event.key in to)) return;
    event.preventDefault();
    event.stopPropagation(); // the arrows are keys of the deck elsewhere
    const next = Math.min(all, Math.max(0, to[event.key]!));
    setAim(next);
    clearTimeout(timer.current);
    timer.current = window.setTimeout(() => go(next), SETTLE_MS);
  };
  const point = aim ?? deck.position;
  return (
    <div class="strip">
      <div class="tape" ref={bar} role="slider" tabIndex={0} aria-label="Place on the tape" aria-valuemin={0} aria-valuemax={Math.round(all)} aria-valuenow={Math.round(point)}
        aria-valuetext={`${clock(point)} of ${clock(Math.round(all))}`} onKeyDown={key}
        onPointerDown={(e) => { if (e.button !== 0) return; held.current = true; bar.current!.setPointerCapture(e.pointerId); setAim(at(e)); }}
        onPointerMove={(e) => { if (held.current || e.pointerType === 'mouse') setAim(at(e)); }}
        onPointerUp={(e) => { if (held.current) go(at(e)); held.current = false; }}
        onPointerCancel={() => { held.current = false; setAim(null); }} onPointerLeave={() => { if (!held.current) setAim(null); }}>
        <div class="lane">
          {parts.spans.map((s) => (
            <i key={s.tape_start} class={`span ${s.speed}${s.reel === 'film' ? '' : ' take'}`} title={spanWords(s)}
              style={{ left: percent(s.tape_start), width: `calc(${percent(s.tape_end)} - ${percent(s.tape_start)})` }} />
          ))}
          {recordStart !== null && <i class="span now" style={{ left: percent(recordStart), width: `calc(${percent(deck.position)} - ${percent(recordStart)})` }} />}
        </div>
        {parts.marks.filter((m) => m.position <= length).map((m) => <i key={m.id} class={`mark${m.confirmed ? '' : ' maybe'}`} style={{ left: percent(m.position) }} title={markWords(m)} />)}
        <i class="head" style={{ left: percent(deck.position) }} />
        {aim !== null && <i class={`aim${aim > length / 2 ? ' before' : ''}`} style={{ left: percent(aim) }}><b>{clock(aim)}</b></i>}
      </div>
      <div class="ends">
        <span>0:00:00</span>
        {zoomable && <button class="link" onClick={() => setWhole(!whole)}>{whole ? 'Show the recorded part' : 'Show the whole tape'}</button>}
        <span>{clock(Math.round(length))}</span>
      </div>
    </div>
  );
}
