// keyboard.ts - the keyboard as the keys of the deck. Letters are keys only where nobody types, and can be switched off.
import { useEffect, useRef } from 'preact/hooks';
import { Hold, Wind } from './hold';

/** What a key of the keyboard does: a name of keys.tsx's list of actions. */
export const SHORTCUTS: Record<string, string> = {
  ' ': 'playpause', k: 'playpause', p: 'play', s: 'stop', r: 'record', e: 'eject', w: 'power', arrowleft: 'rewind', j: 'rewind', arrowright: 'fast_forward', l: 'fast_forward',
  ',': 'frame_back', '.': 'frame_advance', x: 'slow', y: 'slow_back', b: 'index_previous', n: 'index_next', i: 'mark_index', 0: 'counter_reset', o: 'memory', v: 'repeat',
  '-': 'tracking_down', '+': 'tracking_up', '=': 'tracking_up', a: 'tracking_auto', g: 'goto', c: 'look', f: 'full', m: 'sound',
};
const OFF_KEY = 'vcr.keyboard';
const LABELS: Record<string, string> = { ArrowLeft: '←', ArrowRight: '→' };

export const keyboardOn = () => localStorage.getItem(OFF_KEY) !== 'off';
export const switchKeyboard = (on: boolean) => localStorage.setItem(OFF_KEY, on ? 'on' : 'off');
export const keyLabel = (shortcut: string) => LABELS[shortcut] ?? shortcut.toUpperCase();

const isWind = (what: string | undefined): what is Wind => what === 'rewind' || what === 'fast_forward';

export function useKeyboard(active: boolean, hold: Hold, act: (what: string) => void) {
  const now = useRef({ active, act });
  now.current = { active, act };
  useEffect(() => {
    const down = (event: KeyboardEvent) => {
      const target = event.target as HTMLElement;
      const what = SHORTCUTS[event.key.toLowerCase()];
      if (!what || event.ctrlKey || event.metaKey || event.altKey || target.closest('input, textarea, select, dialog, [contenteditable]')) return;
      if (event.key === ' ' && target.closest('button, summary, a')) return; // the button's own key
      if (!now.current.active || !keyboardOn()) return;
      event.preventDefault();
      if (event.repeat) return;
      if (isWind(what)) hold.down(what, event.timeStamp);
      else now.current.act(what);
    };
    const up = (event: KeyboardEvent) => { if (isWind(SHORTCUTS[event.key.toLowerCase()])) hold.up(event.timeStamp); };
    const away = (event: FocusEvent) => hold.up(event.timeStamp, true);
    addEventListener('keydown', down);
    addEventListener('keyup', up);
    addEventListener('blur', away);
    return () => {
      removeEventListener('keydown', down);
      removeEventListener('keyup', up);
      removeEventListener('blur', away);
    };
  }, [hold]);
}
