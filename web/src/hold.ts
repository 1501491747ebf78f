// hold.ts - rewind and fast forward under a finger or a key, as on a machine: with the tape at the heads the search begins with the press; a long press ends
// with it, a short one leaves the search running until PLAY. From stop the key winds; held while the tape winds already, it lets one look at the picture.
export type Send = (command: string, args?: Record<string, unknown>) => Promise<void>;

const HOLD_MS = 350;
const SEARCH = { rewind: 'review', fast_forward: 'cue' } as const;
const AT_HEADS = ['play', 'pause', 'slow', 'cue', 'review'];
export type Wind = keyof typeof SEARCH;
export const searchOf = (command: Wind) => SEARCH[command];

export class Hold {
  private search: string | null = null;
  private peek = 0; // the timer of a press that may become a look
  private since = 0;

  constructor(private readonly mode: () => string | undefined, private readonly send: Send) {}

  /** at: the event's own time. A page that is busy hears of the events late, and of a short press as if it were a long one. */
  down(command: Wind, at: number) {
    this.up(at, true);
    const mode = this.mode() ?? '';
    if (AT_HEADS.includes(mode)) {
      this.begin(SEARCH[command], at);
    } else {
      if (mode !== command) void this.send(command);
      this.peek = window.setTimeout(() => { this.peek = 0; if (this.mode() === command) this.begin(SEARCH[command], performance.now()); }, HOLD_MS);
    }
  }

  /** Let go. Cancelled: the touch became a scroll, the pointer left the key or the window lost the focus. */
  up(at: number, cancelled = false) {
    clearTimeout(this.peek);
    this.peek = 0;
    const search = this.search;
    this.search = null;
    if (search) void (cancelled || at - this.since >= HOLD_MS ? this.send('release') : this.send(search));
  }

  private begin(search: string, at: number) {
    this.search = search;
    this.since = at;
    void this.send(search, { hold: true });
  }
}
