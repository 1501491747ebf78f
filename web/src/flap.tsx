// flap.tsx - what a machine has behind its flap: tracking, tape speed, going to a time, sleep.
import { useEffect, useRef, useState } from 'preact/hooks';
import { Deck } from './api';
import { Send } from './hold';
import { Key } from './key';
import { clock, parseClock } from './tape';

const OPEN_KEY = 'vcr.flap';
const SPEEDS = { sp: 'SP', lp: 'LP', ep: 'EP' };
const SLEEP_MINUTES = [15, 30, 60, 90, 120, 180];

/** Opens the flap for whoever wants to type a time. */
export function openFlap() {
  const flap = document.querySelector<HTMLDetailsElement>('.flapdoor');
  if (flap) flap.open = true;
  flap?.querySelector<HTMLInputElement>('.gototime')?.focus();
}

function GoTo({ deck, send, say }: { deck: Deck | null; send: Send; say: (text: string) => void }) {
  const field = useRef<HTMLInputElement>(null);
  const go = (event: Event) => {
    event.preventDefault();
    const position = parseClock(field.current!.value);
    if (position === null) {
      say('Write the time as hours, minutes and seconds: 1:02:03.');
      return;
    }
    void send('seek', { position });
    field.current!.value = '';
    field.current!.blur();
  };
  return (
    <form class="goto" onSubmit={go}>
      <label><span>Go to</span>
        <input ref={field} class="gototime" inputMode="text" autocomplete="off" placeholder={deck ? clock(deck.position) : '0:00:00'} aria-label="Time on the tape" maxLength={9}
          disabled={!deck} onFocus={(e) => e.currentTarget.select()} onKeyDown={(e) => { if (e.key === 'Escape') { e.currentTarget.value = ''; e.currentTarget.blur(); } }} />
      </label>
      <button class="key small" disabled={!deck} aria-label="Go to this time">Go</button>
    </form>
  );
}

export function Flap({ deck, send, act, say }: { deck: Deck | null; send: Send; act: (what: string) => void; say: (text: string) => void }) {
  const [sleep, setSleep] = useState(0);
  const none = !deck;
  const on = deck?.power ?? false;
  useEffect(() => { if (!on) setSleep(0); }, [on]); // it has come, or somebody switched off
  const setTimer = (minutes: number) => {
    setSleep(minutes);
    void send('sleep', { minutes });
  };
  return (
    <details class="flapdoor" open={localStorage.getItem(OPEN_KEY) === 'open'} onToggle={(e) => localStorage.setItem(OPEN_KEY, e.currentTarget.open ? 'open' : 'closed')}>
      <summary>Tracking, tape speed, go to, sleep</summary>
      <div class="behind">
        <div class="keys" role="group" aria-label="Tracking">
          <Key name="Tracking down" label="Tracking" sign="minus" disabled={none} shortcut="-" onPress={() => act('tracking_down')} />
          <Key name="Automatic tracking" label="Auto" sign="auto" disabled={none} on={deck?.tracking === 'auto'} shortcut="a" onPress={() => act('tracking_auto')} />
          <Key name="Tracking up" label="Tracking" sign="plus" disabled={none} shortcut="+" onPress={() => act('tracking_up')} />
        </div>
        <div class="keys speeds" role="group" aria-label="Tape speed">
          {Object.entries(SPEEDS).map(([value, word]) => (
            <button key={value} class={`key small${deck?.tape_speed === value ? ' on' : ''}`} disabled={none} aria-label={`Tape speed ${word}`} aria-pressed={deck?.tape_speed === value}
              onClick={() => void send('tape_speed', { value })}>{word}</button>
          ))}
        </div>
        <GoTo deck={deck} send={send} say={say} />
        <label class="sleep"><span>Sleep</span>
          <select disabled={none} value={sleep} onChange={(e) => setTimer(Number(e.currentTarget.value))}>
            <option value={0}>off</option>
            {SLEEP_MINUTES.map((m) => <option key={m} value={m}>{m} min</option>)}
          </select>
        </label>
      </div>
    </details>
  );
}
