// signs.tsx - the symbols on keys and display, drawn, so that no font has to have them.
const tri = (x: number) => `M${x} 3l9 6-9 6z`;
const back = (x: number) => `M${x} 3l-9 6 9 6z`;
const bar = (x: number) => `M${x} 3h3v12h-3z`;
const ring = (x: number) => `M${x} 3h6v12h-6zM${x + 1.7} 4.7v8.6h2.6v-8.6z`; // a nought of the counter

const PATHS = {
  eject: 'M12 2l8 8H4zM4 12.5h16v3H4z',
  rewind: back(12) + back(21),
  play: tri(8),
  forward: tri(3) + tri(12),
  pause: bar(7) + bar(14),
  stop: 'M6 3h12v12H6z',
  record: 'M12 3a6 6 0 1 1 0 12a6 6 0 1 1 0-12z',
  frame_back: 'M18 3l-8 6 8 6zM10 3l-8 6 8 6z' + 'M19.5 3h2.5v12h-2.5z',
  slow: bar(6) + tri(11),
  slow_back: back(13) + bar(15.5),
  frame_advance: 'M2 3h2.5v12H2z' + 'M6 3l8 6-8 6zM14 3l8 6-8 6z',
  index_previous: 'M1 3h2.5v12H1z' + back(13.5) + back(22.5),
  index_next: tri(1.5) + tri(10.5) + 'M20.5 3h2.5v12h-2.5z',
  mark: 'M6 2h12v14l-6-4.5L6 16z',
  reset: ring(0) + ring(9) + ring(18),
  memory: 'M4 15V3h3l5 6 5-6h3v12h-3V7.6l-5 6-5-6V15z',
  repeat: 'M4 5h12V2l6 4.5-6 4.5V8H7v3H4zM20 13H8v3l-6-4.5L8 7v3h9V7h3z',
  minus: 'M5 7.6h14v2.8H5z',
  plus: 'M5 7.6h5.6V2h2.8v5.6H19v2.8h-5.6V16h-2.8v-5.6H5z',
  auto: 'M10.4 2h3.2L19 16h-3l-1.2-3.4H9.2L8 16H5zM12 5.2l-1.8 5h3.6z',
  power: 'M10.8 1h2.4v8h-2.4zM8.6 3.2v2.7a4.9 4.9 0 1 0 6.8 0V3.2a7.3 7.3 0 1 1-6.8 0z',
};
export type SignName = keyof typeof PATHS;

export function Sign({ name }: { name: SignName }) {
  return <svg class="sign" viewBox="0 0 24 18" aria-hidden="true" focusable="false"><path fill-rule="evenodd" d={PATHS[name]} /></svg>;
}
