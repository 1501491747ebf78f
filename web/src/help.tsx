// help.tsx - the list of the keyboard's keys, and the switch for those who want none of them.
import { useState } from 'preact/hooks';
import { keyboardOn, switchKeyboard } from './keyboard';

const LIST: [string[], string][] = [
  [['Space'], 'play, pause'], [['P'], 'play'], [['S'], 'stop'], [['R'], 'record'], [['E'], 'eject'], [['W'], 'power'], [['←', '→'], 'rewind and fast forward; in play hold them to search'],
  [[',', '.'], 'frame back and forward'], [['Y', 'X'], 'slow back and forward; again: slower'], [['B', 'N'], 'previous and next index'], [['I'], 'mark index'], [['G'], 'go to a time'],
  [['0'], 'counter reset'], [['O'], 'memory'], [['V'], 'repeat'], [['−', '+', 'A'], 'tracking, automatic'], [['C'], 'clean or tape picture'], [['F'], 'full screen'], [['M'], 'sound'],
];

export function Help() {
  const [on, setOn] = useState(keyboardOn());
  const change = (value: boolean) => { switchKeyboard(value); setOn(value); };
  return (
    <details class="help">
      <summary>Keys of the keyboard</summary>
      <ul>{LIST.map(([keys, words]) => <li key={words}>{keys.map((k) => <kbd key={k}>{k}</kbd>)} {words}</li>)}</ul>
      <label class="tick"><input type="checkbox" checked={on} onChange={(e) => change(e.currentTarget.checked)} />The keyboard works the deck</label>
    </details>
  );
}
