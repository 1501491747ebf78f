// keys.tsx - the keys of the machine, and what each of them does.
import { useMemo, useRef } from 'preact/hooks';
import { Deck } from './api';
import { Flap } from './flap';
import { Hold, searchOf, Send, Wind } from './hold';
import { faceOf, Key, KeyProps } from './key';
import { useKeyboard } from './keyboard';
import { SignName } from './signs';

function WindKey({ command, hold, send, ...face }: KeyProps & { command: Wind; hold: Hold; send: Send }) {
  const let_go = (e: Event) => hold.up(e.timeStamp, true);
  return (
    <button {...faceOf(face)} onPointerDown={(e) => { if (e.button === 0) hold.down(command, e.timeStamp); }} onPointerUp={(e) => hold.up(e.timeStamp)} onPointerCancel={let_go}
      onPointerLeave={let_go} onContextMenu={(e) => e.preventDefault()}
      onClick={(e) => { if (e.detail === 0) void send(command); /* by the keyboard or a screen reader: no pointer went down before it */ }} />
  );
}

export type Own = 'look' | 'full' | 'sound' | 'record' | 'goto'; // what is the page's own and no key of the deck
const OWN: string[] = ['look', 'full', 'sound', 'record', 'goto'];

const SLOW = [1 / 5, 1 / 10, 1 / 30, 1 / 2]; // each press of SLOW in its direction goes on to the next
const nextSlow = (deck: Deck | null, direction: 1 | -1) => {
  const at = deck?.mode === 'slow' ? SLOW.findIndex((s) => Math.abs(deck.speed - direction * s) < 0.01) : -1;
  return direction * SLOW[(at + 1) % SLOW.length]!;
};

const TRACKING_MOST = 10;
const nextTracking = (deck: Deck | null, step: number) => {
  const now = typeof deck?.tracking === 'number' ? deck.tracking : 0;
  return Math.max(-TRACKING_MOST, Math.min(TRACKING_MOST, now + step));
};

/** Whatever a key says, as a command with its arguments. */
function actions(deck: () => Deck | null, send: Send, own: (what: Own) => void) {
  const special: Record<string, () => Promise<void>> = {
    playpause: () => send(deck()?.mode === 'play' ? 'pause' : 'play'),
    slow: () => send('slow', { speed: nextSlow(deck(), 1) }),
    slow_back: () => send('slow', { speed: nextSlow(deck(), -1) }),
    tracking_down: () => send('tracking', { value: nextTracking(deck(), -1) }),
    tracking_up: () => send('tracking', { value: nextTracking(deck(), 1) }),
    tracking_auto: () => send('tracking', { value: 'auto' }),
  };
  return (what: string) => {
    if (OWN.includes(what)) own(what as Own);
    else void (special[what] ?? (() => send(what)))();
  };
}

export function Keys({ deck, send, own, say }: { deck: Deck | null; send: Send; own: (what: Own) => void; say: (text: string) => void }) {
  const now = useRef({ deck, own });
  now.current = { deck, own };
  const hold = useMemo(() => new Hold(() => now.current.deck?.mode, send), [send]);
  const act = useMemo(() => actions(() => now.current.deck, send, (what) => now.current.own(what)), [send]);
  useKeyboard(deck !== null, hold, act);
  const is = (...modes: string[]) => modes.includes(deck?.mode ?? '');
  const none = !deck;
  const key = (name: string, sign: SignName, what: string, more: Partial<KeyProps> = {}) => <Key name={name} sign={sign} disabled={none} onPress={() => act(what)} {...more} />;
  const wind = { hold, send, disabled: none };
  return (
    <>
      <div class="controls">
        <div class="keys side" role="group" aria-label="Power and tape">
          {key('Power', 'power', 'power', { extra: 'power', on: deck?.power ?? false, shortcut: 'w' })}
          {key('Eject', 'eject', 'eject', { shortcut: 'e' })}
        </div>
        <div class="keys transport" role="group" aria-label="Transport">
          <WindKey name="Rewind" sign="rewind" command="rewind" on={is('rewind', searchOf('rewind'))} shortcut="ArrowLeft" {...wind} />
          {key('Play', 'play', 'play', { extra: 'play', on: is('play'), shortcut: 'p' })}
          <WindKey name="Fast forward" sign="forward" command="fast_forward" on={is('fast_forward', searchOf('fast_forward'))} shortcut="ArrowRight" {...wind} />
          {key('Pause', 'pause', 'pause', { on: is('pause', 'record_pause') })}
          {key('Stop', 'stop', 'stop', { shortcut: 's' })}
          {key('Record', 'record', 'record', { extra: 'rec', on: is('record', 'record_pause'), shortcut: 'r' })}
        </div>
        <div class="keys minor" role="group" aria-label="Stepping, index and counter">
          {key('Frame back', 'frame_back', 'frame_back', { shortcut: ',' })}
          {key('Slow back', 'slow_back', 'slow_back', { on: is('slow') && deck!.speed < 0, shortcut: 'y' })}
          {key('Slow', 'slow', 'slow', { on: is('slow') && deck!.speed > 0, shortcut: 'x' })}
          {key('Frame advance', 'frame_advance', 'frame_advance', { shortcut: '.' })}
          {key('Counter reset', 'reset', 'counter_reset', { shortcut: '0' })}
          {key('Previous index', 'index_previous', 'index_previous', { shortcut: 'b' })}
          {key('Mark index', 'mark', 'mark_index', { shortcut: 'i' })}
          {key('Next index', 'index_next', 'index_next', { shortcut: 'n' })}
          {key('Memory', 'memory', 'memory', { on: deck?.memory ?? false, shortcut: 'o' })}
          {key('Repeat', 'repeat', 'repeat', { on: deck?.repeat ?? false, shortcut: 'v' })}
        </div>
      </div>
      <Flap deck={deck} send={send} act={act} say={say} />
    </>
  );
}
