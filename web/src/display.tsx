// display.tsx - the fluorescent display of the machine: what is lit and what is not, the counter in seven segments.
import { Deck } from './api';
import { Sign, SignName } from './signs';

export const MODE_WORDS: Record<string, string> = {
  stop: 'Stop', play: 'Play', pause: 'Pause', cue: 'Cue', review: 'Review', fast_forward: 'Fast forward', rewind: 'Rewind', slow: 'Slow',
  record: 'Record', record_pause: 'Record pause', index_search: 'Index search', loading: 'Loading', ejecting: 'Ejecting', ejected: 'No tape', off: 'Off', fault: 'Fault',
};
const SHORT: Record<string, string> = { fast_forward: 'F.Fwd', record_pause: 'Rec pause', index_search: 'Search', ejecting: 'Eject' };
const MODE_SIGNS: Record<string, SignName> = {
  stop: 'stop', play: 'play', pause: 'pause', cue: 'forward', review: 'rewind', fast_forward: 'forward', rewind: 'rewind', slow: 'slow', loading: 'eject',
  ejecting: 'eject', off: 'power', index_search: 'forward',
};

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

const Lamp = ({ on, children }: { on: boolean; children: string }) => <span class={on ? 'lit' : ''}>{children}</span>;

export function Display({ deck }: { deck: Deck | null }) {
  const on = deck?.power ?? false;
  const moving = deck !== null && Math.abs(deck.speed) > 0.01;
  const sign = deck && MODE_SIGNS[deck.mode];
  return (
    <div class={`vfd${on ? '' : ' dark'}`}>
      <span class={`tapesign${deck?.tape_in ? ' lit' : ''}`}>
        <svg viewBox="0 0 48 28" aria-hidden="true" focusable="false">
          <path fill-rule="evenodd" d="M3 1h42a2 2 0 0 1 2 2v22a2 2 0 0 1-2 2H3a2 2 0 0 1-2-2V3a2 2 0 0 1 2-2zM3 3v22h42V3z" />
          <circle cx="10" cy="14" r="4.2" /><circle cx="38" cy="14" r="4.2" />
        </svg>
        <span>VHS</span>
      </span>
      <span class="mode">{sign ? <Sign name={sign} /> : null}{deck ? SHORT[deck.mode] ?? MODE_WORDS[deck.mode] ?? deck.mode : 'No tape'}</span>
      <span class="counter" role="timer" aria-label="Counter">
        <Segments text={on ? deck!.counter : '-:--:--'} /><span class="visually-hidden">{deck?.counter ?? '-:--:--'}</span>
      </span>
      <div class="lamps">
        <Lamp on={deck?.tape_speed === 'sp'}>SP</Lamp>
        <Lamp on={deck?.tape_speed === 'lp'}>LP</Lamp>
        <Lamp on={deck?.tape_speed === 'ep'}>EP</Lamp>
        <Lamp on={deck?.sound === 'hifi'}>HI-FI</Lamp>
        <Lamp on={deck?.tracking === 'auto'}>AUTO TRK</Lamp>
        <Lamp on={moving && deck?.servo === 'locked'}>SERVO</Lamp>
        <Lamp on={deck?.memory ?? false}>MEMORY</Lamp>
        <Lamp on={deck?.repeat ?? false}>REPEAT</Lamp>
      </div>
    </div>
  );
}
