// keys.tsx - the keys of the machine, and the keyboard that stands for them.
import { useEffect, useMemo, useRef } from 'preact/hooks';
import { Deck } from './api';
import { Hold, searchOf, Send, Wind } from './hold';
import { Sign, SignName } from './signs';

interface KeyProps { name: string; sign: SignName; on?: boolean; disabled?: boolean; shortcut?: string; extra?: string }
const SHOWN: Record<string, string> = { ArrowLeft: '←', ArrowRight: '→' };

const faceOf = ({ name, sign, on, disabled, shortcut, extra }: KeyProps) => ({
  class: `key${on ? ' on' : ''}${extra ? ' ' + extra : ''}`, disabled, 'aria-label': name, 'aria-pressed': on, 'aria-keyshortcuts': shortcut,
  title: shortcut ? `${name} (${SHOWN[shortcut] ?? shortcut})` : name,
  children: <><Sign name={sign} /><span class="word" aria-hidden="true">{name}</span></>,
});

const Key = ({ onPress, ...face }: KeyProps & { onPress: () => void }) => <button {...faceOf(face)} onClick={onPress} />;

function WindKey({ command, hold, send, ...face }: KeyProps & { command: Wind; hold: Hold; send: Send }) {
  const let_go = () => hold.up(true);
  return (
    <button {...faceOf(face)} onPointerDown={(e) => { if (e.button === 0) hold.down(command); }} onPointerUp={() => hold.up()} onPointerCancel={let_go}
      onPointerLeave={let_go} onContextMenu={(e) => e.preventDefault()}
      onClick={(e) => { if (e.detail === 0) void send(command); /* by the keyboard or a screen reader: no pointer went down before it */ }} />
  );
}

const KEYS: Record<string, string> = {
  ' ': 'playpause', k: 'playpause', p: 'play', s: 'stop', arrowleft: 'rewind', arrowright: 'fast_forward', ',': 'frame_back', '.': 'frame_advance',
  e: 'eject', c: 'look', f: 'full', m: 'sound',
};
export type Own = 'look' | 'full' | 'sound'; // what is the page's own and no key of the deck

function useKeyboard(deck: Deck | null, hold: Hold, send: Send, own: (what: Own) => void) {
  const now = useRef({ deck, own });
  now.current = { deck, own };
  useEffect(() => {
    const down = (event: KeyboardEvent) => {
      const target = event.target as HTMLElement;
      const what = KEYS[event.key.toLowerCase()];
      if (!what || event.ctrlKey || event.metaKey || event.altKey || target.closest('input, textarea, select, [contenteditable]')) return;
      if (event.key === ' ' && target.closest('button, summary')) return; // the button's own key
      if (!now.current.deck) return;
      event.preventDefault();
      if (event.repeat) return;
      if (what === 'playpause') void send(now.current.deck.mode === 'play' ? 'pause' : 'play');
      else if (what === 'look' || what === 'full' || what === 'sound') now.current.own(what);
      else if (what === 'rewind' || what === 'fast_forward') hold.down(what);
      else void send(what);
    };
    const up = (event: KeyboardEvent) => { if (KEYS[event.key.toLowerCase()]?.match(/^(rewind|fast_forward)$/)) hold.up(); };
    const away = () => hold.up(true);
    addEventListener('keydown', down);
    addEventListener('keyup', up);
    addEventListener('blur', away);
    return () => {
      removeEventListener('keydown', down);
      removeEventListener('keyup', up);
      removeEventListener('blur', away);
    };
  }, [hold, send]);
}

export function Keys({ deck, send, own }: { deck: Deck | null; send: Send; own: (what: Own) => void }) {
  const mode = useRef<string | undefined>();
  mode.current = deck?.mode;
  const hold = useMemo(() => new Hold(() => mode.current, send), [send]);
  useKeyboard(deck, hold, send, own);
  const is = (...modes: string[]) => modes.includes(deck?.mode ?? '');
  const none = !deck;
  const empty = !deck?.tape_in;
  const press = (command: string, args?: Record<string, unknown>) => () => void send(command, args);
  const wind = { hold, send, disabled: empty };
  return (
    <div class="controls">
      <div class="keys side" role="group" aria-label="Power and tape">
        <Key name="Power" sign="power" extra="power" on={deck?.power ?? false} disabled={none} onPress={press('power')} />
        <Key name="Eject" sign="eject" disabled={empty} onPress={press('eject')} shortcut="e" />
      </div>
      <div class="keys transport" role="group" aria-label="Transport">
        <WindKey name="Rewind" sign="rewind" command="rewind" on={is('rewind', searchOf('rewind'))} shortcut="ArrowLeft" {...wind} />
        <Key name="Play" sign="play" extra="play" on={is('play')} disabled={empty} onPress={press('play')} shortcut="p" />
        <WindKey name="Fast forward" sign="forward" command="fast_forward" on={is('fast_forward', searchOf('fast_forward'))} shortcut="ArrowRight" {...wind} />
        <Key name="Pause" sign="pause" on={is('pause')} disabled={empty} onPress={press('pause')} />
        <Key name="Stop" sign="stop" disabled={empty} onPress={press('stop')} shortcut="s" />
      </div>
      <div class="keys minor" role="group" aria-label="Stepping and counter">
        <Key name="Frame back" sign="frame_back" disabled={empty} onPress={press('frame_back')} shortcut="," />
        <Key name="Slow" sign="slow" on={is('slow')} disabled={empty} onPress={press('slow', { speed: 0.2 })} />
        <Key name="Frame advance" sign="frame_advance" disabled={empty} onPress={press('frame_advance')} shortcut="." />
        <Key name="Counter reset" sign="reset" disabled={none} onPress={press('counter_reset')} />
        <Key name="Memory" sign="memory" on={deck?.memory ?? false} disabled={none} onPress={press('memory')} />
        <Key name="Repeat" sign="repeat" on={deck?.repeat ?? false} disabled={none} onPress={press('repeat')} />
      </div>
    </div>
  );
}
