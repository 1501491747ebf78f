// display.tsx - the fluorescent display of the machine: what is lit and what is not, the counter in seven segments.
import { Deck } from './api';
import { Sign, SignName } from './signs';
import { clock } from './tape';

export const MODE_WORDS: Record<string, string> = {
  stop: 'Stop', play: 'Play', pause: 'Pause', cue: 'Cue', review: 'Review', fast_forward: 'Fast forward', rewind: 'Rewind', slow: 'Slow',
  record: 'Record', record_pause: 'Record pause', index_search: 'Index search', loading: 'Loading', ejecting: 'Ejecting', ejected: 'No tape', off: 'Off', fault: 'Fault',
};
const SHORT: Record<string, string> = { fast_forward: 'F.Fwd', record_pause: 'Rec pause', index_search: 'Search', ejecting: 'Eject' };
const MODE_SIGNS: Record<string, SignName> = {
  stop: 'stop', play: 'play', pause: 'pause', cue: 'forward', review: 'rewind', fast_forward: 'forward', rewind: 'rewind', slow: 'slow', loading: 'eject',
  ejecting: 'eject', off: 'power', record: 'record', record_pause: 'record',
};
/** Why the deck stopped by itself. */
export const REASONS: Record<string, string> = {
  end: 'End of tape', start: 'Start of tape', memory: 'Memory stop', no_index: 'No index mark there', head_protection: 'Stopped to protect heads and tape',
  timer: 'Recorded as long as asked', blue: 'Nothing recorded here', snow: 'Nothing recorded here', no_viewer: 'Nobody watched', no_signal: 'The input has no signal',
  fault: 'The mechanism stopped',
};
const SLOWS = [2, 3, 5, 7, 10, 20, 30];

const STROKES: Record<string, string> = { a: 'M3 2h6', b: 'M10 3v6', c: 'M10 11v6', d: 'M3 18h6', e: 'M2 11v6', f: 'M2 3v6', g: 'M3 10h6' };
const LIT: Record<string, string> = {
  0: 'abcdef', 1: 'bc', 2: 'abdeg', 3: 'abcdg', 4: 'bcfg', 5: 'acdfg', 6: 'acdefg', 7: 'abc', 8: 'abcdefg', 9: 'abcdfg', '-': 'g', ' ': '',
};
const DIGIT = 13;
const COLON = 6;
const PLACES = 8; // a sign, hours, minutes, seconds

/** Digits as a tube shows them: the dark segments can be made out, too. */
function Segments({ text }: { text: string }) {
  let x = 2;
  const cells = [...text.padStart(PLACES).slice(-PLACES)].map((c, i) => {
    const at = x;
    x += c === ':' ? COLON : DIGIT;
    return c === ':' ? <path key={i} class="dots" d={`M${at + 2} 6.5v.1M${at + 2} 13.5v.1`} /> : (
      <g key={i} transform={`translate(${at})`}>
        {Object.entries(STROKES).map(([name, d]) => <path key={name} class={LIT[c]?.includes(name) ? 'on' : ''} d={d} />)}
      </g>
    );
  });
  return <svg class="segments" viewBox={`0 0 ${x + 2} 20`} aria-hidden="true" focusable="false"><g transform="skewX(-5) translate(1.5)">{cells}</g></svg>;
}

const Lamp = ({ on, kind = '', children }: { on: boolean; kind?: string; children: string }) => <span class={`${on ? 'lit' : ''} ${kind}`.trim()}>{children}</span>;

function signOf(deck: Deck): SignName | undefined {
  if (deck.mode === 'index_search') return deck.speed < 0 ? 'index_previous' : 'index_next';
  return deck.mode === 'slow' && deck.speed < 0 ? 'slow_back' : MODE_SIGNS[deck.mode];
}

const PENDING: Record<string, string> = {
  seek: 'to a place', index_next: 'to the next mark', index_previous: 'to a mark before', insert: 'tape goes in', eject: 'tape comes out', power: 'then off',
};
export const pendingWords = (command: string) => PENDING[command] ?? `then ${MODE_WORDS[command]?.toLowerCase() ?? command.replace(/_/g, ' ')}`;

/** The small line below the mode: what is still to come, how slow, which index, why it stopped, or how much tape is left. */
export function alsoOf(deck: Deck): string {
  if (!deck.power || !deck.tape_in) return '';
  const screen = deck.osd.join(' ');
  const index = deck.mode === 'index_search' && /INDEX\s*([+-]?\d+)/.exec(screen)?.[1];
  if (index) return `index ${index}`;
  if (deck.pending) return pendingWords(deck.pending);
  const ends = deck.mode === 'record' && /OTR\s*([\d:]+)/.exec(screen)?.[1];
  if (ends) return `for ${ends}`;
  if (deck.mode === 'slow') return `1/${SLOWS.reduce((a, b) => Math.abs(1 / b - Math.abs(deck.speed)) < Math.abs(1 / a - Math.abs(deck.speed)) ? b : a)}`;
  if (deck.mode === 'cue' || deck.mode === 'review') return `${Math.abs(Math.round(deck.speed))}×`;
  if (deck.mode === 'stop' && deck.stop_reason) return REASONS[deck.stop_reason] ?? deck.stop_reason.replace(/_/g, ' ');
  return `left ${clock(deck.remaining)}`;
}

const trackingOf = (deck: Deck | null) => typeof deck?.tracking === 'number' ? `TRK ${deck.tracking > 0 ? '+' : ''}${deck.tracking}` : 'AUTO TRK';

function Lamps({ deck }: { deck: Deck | null }) {
  const moving = deck !== null && Math.abs(deck.speed) > 0.01;
  const { tab = false, blank = false, missing = false } = deck?.flags ?? {};
  const recording = deck?.mode === 'record' || deck?.mode === 'record_pause';
  return (
    <div class="lamps">
      <Lamp on={recording} kind={`red${deck?.mode === 'record_pause' ? ' waits' : ''}`}>● REC</Lamp>
      <Lamp on={deck?.tape_speed === 'sp'}>SP</Lamp>
      <Lamp on={deck?.tape_speed === 'lp'}>LP</Lamp>
      <Lamp on={deck?.tape_speed === 'ep'}>EP</Lamp>
      <Lamp on={deck?.sound === 'hifi'}>HI-FI</Lamp>
      <Lamp on={deck !== null && deck.power}>{trackingOf(deck)}</Lamp>
      <Lamp on={moving && deck?.servo === 'locked'}>SERVO</Lamp>
      <Lamp on={deck?.picture === 'input'}>INPUT</Lamp>
      <Lamp on={blank || missing}>{missing ? 'MISSING' : 'BLANK'}</Lamp>
      <Lamp on={tab} kind="amber">TAB</Lamp>
      <Lamp on={deck?.memory ?? false}>MEMORY</Lamp>
      <Lamp on={deck?.repeat ?? false}>REPEAT</Lamp>
    </div>
  );
}

export function Display({ deck }: { deck: Deck | null }) {
  const on = deck?.power ?? false;
  const sign = deck && signOf(deck);
  return (
    <div class={`vfd${on ? '' : ' dark'}${deck?.mode.startsWith('record') ? ' recording' : ''}`}>
      <span class={`tapesign${deck?.tape_in ? ' lit' : ''}`}>
        <svg viewBox="0 0 48 28" aria-hidden="true" focusable="false">
          <path fill-rule="evenodd" d="M3 1h42a2 2 0 0 1 2 2v22a2 2 0 0 1-2 2H3a2 2 0 0 1-2-2V3a2 2 0 0 1 2-2zM3 3v22h42V3z" />
          <circle cx="10" cy="14" r="4.2" /><circle cx="38" cy="14" r="4.2" />
        </svg>
        <span>VHS</span>
      </span>
      <span class="says">
        <span class="mode">{sign ? <Sign name={sign} /> : null}{deck ? SHORT[deck.mode] ?? MODE_WORDS[deck.mode] ?? deck.mode : 'No tape'}</span>
        <span class="also">{deck ? alsoOf(deck) : ''}</span>
      </span>
      <span class="counter" role="timer" aria-label="Counter">
        <Segments text={on ? deck!.counter : '-:--:--'} /><span class="visually-hidden">{deck?.counter ?? '-:--:--'}</span>
      </span>
      <Lamps deck={deck} />
    </div>
  );
}
