// film.ts - the clean film as HLS in place of the live picture: it runs while the deck plays, stands otherwise, and is where the tape is.
import { Deck } from './api';

interface Player { destroy(): void }

const DRIFT_S = 1.5;
const STILL_S = 0.01; // less than any frame
const AGAIN_MS = 3000;

export class Film {
  private tape: number | null = null;
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
    if (tape !== this.tape) {
      this.take();
      this.tape = tape;
      if (tape !== null) void this.put(tape);
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

  private async put(tape: number) {
    const url = `/api/v1/hls/${tape}/playlist.m3u8?look=clean`;
    const { default: Hls } = await import('hls.js');
    if (this.tape !== tape) return;
    if (!Hls.isSupported()) {
      this.video.src = url; // iOS has a player of its own
      return;
    }
    const player = new Hls({ startPosition: this.deck?.position ?? 0 });
    player.on(Hls.Events.ERROR, (_, data) => {
      if (!data.fatal) return;
      this.take();
      this.timer = window.setTimeout(() => this.follow(this.deck), AGAIN_MS);
    });
    player.loadSource(url);
    player.attachMedia(this.video);
    this.player = player;
  }
}
