// film.ts - the tape as HLS in place of the live picture, in the look that the deck has: it runs while the deck plays, stands otherwise, and is where the tape is.
import { Deck } from './api';

interface Player { destroy(): void }

const DRIFT_S = 1.5;
const STILL_S = 0.01; // less than any frame
const AGAIN_MS = 3000;
const CONFLICT = 409; // this tape has no such look to give

const lookOf = (deck: Deck | null) => deck?.look === 'clean' ? 'clean' : 'vhs';

export class Film {
  private tape: number | null = null;
  private look = '';
  private player: Player | null = null;
  private deck: Deck | null = null;
  private timer = 0;

  constructor(private readonly video: HTMLVideoElement, private readonly play: () => void) {
    video.onloadedmetadata = () => this.follow(this.deck);
  }

  close() {
    this.video.onloadedmetadata = null;
    this.take();
  }

  follow(deck: Deck | null) {
    this.deck = deck;
    const tape = deck?.tape_in?.tape_id ?? null;
    if (tape !== this.tape || (deck && lookOf(deck) !== this.look)) {
      this.take();
      this.tape = tape;
      this.look = lookOf(deck);
      if (tape !== null) void this.put(tape, this.look);
      return;
    }
    if (!deck || this.video.readyState === 0) return;
    const runs = deck.mode === 'play';
    if (Math.abs(this.video.currentTime - deck.position) > (runs ? DRIFT_S : STILL_S)) this.video.currentTime = deck.position;
    if (runs && this.video.paused) this.play();
    else if (!runs && !this.video.paused) this.video.pause();
  }

  private take() {
    clearTimeout(this.timer);
    this.player?.destroy();
    this.player = null;
    this.tape = null;
    this.video.removeAttribute('src');
    this.video.load();
  }

  private async put(tape: number, look: string) {
    const wanted = this.look;
    const url = `/api/v1/hls/${tape}/playlist.m3u8?look=${look}`;
    const { default: Hls } = await import('hls.js');
    if (this.tape !== tape || this.look !== wanted) return;
    if (!Hls.isSupported()) {
      this.video.src = url; // iOS has a player of its own
      return;
    }
    const player = new Hls({ startPosition: this.deck?.position ?? 0 });
    player.on(Hls.Events.ERROR, (_, data) => {
      if (!data.fatal) return;
      if (look === 'vhs' && data.response?.code === CONFLICT) {
        player.destroy();
        void this.put(tape, 'clean');
        return;
      }
      this.take();
      this.timer = window.setTimeout(() => this.follow(this.deck), AGAIN_MS);
    });
    player.loadSource(url);
    player.attachMedia(this.video);
    this.player = player;
  }
}
