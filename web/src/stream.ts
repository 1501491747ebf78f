// stream.ts - the picture and sound of a session: WebRTC, offered again by itself when it drops; where WebRTC cannot pass, the tape as HLS.
import { call, Deck, Problem } from './api';
import { Film } from './film';

/** stalled: the line stands but no picture comes; lost: the line broke; away: the server does not answer; film: HLS instead; none: the session is over. */
export type StreamState = 'connecting' | 'live' | 'stalled' | 'lost' | 'away' | 'film' | 'none';
interface Offer { type: 'offer'; sdp: string; peer_id: string; ice_servers: RTCIceServer[] }

const RETRY_MS = [250, 500, 1000, 2000, 4000];
const CONNECT_MS = 4000;
const LOOK_MS = 500;
const STALLED_MS = 1500;
const GIVE_UP_MS = 6000;
const TRIES_BEFORE_FILM = 2;

export class Stream {
  private peer: RTCPeerConnection | null = null;
  private film: Film | null = null;
  private deck: Deck | null = null;
  private closed = false;
  private tries = 0;
  private unheard = 0; // answered offers in a row that never connected
  private seen = false; // a picture has come before: from then on it can be lost
  private timer = 0;
  private look = 0;
  private state: StreamState = 'connecting';

  constructor(readonly sessionId: string, private readonly video: HTMLVideoElement, private readonly onState: (s: StreamState) => void,
    private readonly onBlockedSound: () => void, private readonly onPeer: (id: string) => void) {
    addEventListener('online', this.online);
    void this.connect();
  }

  close() {
    this.closed = true;
    removeEventListener('online', this.online);
    clearTimeout(this.timer);
    this.drop();
    this.stopFilm();
    this.video.srcObject = null;
  }

  /** For the tests. */
  stats = () => this.peer?.getStats() ?? Promise.resolve(null);

  /** Tries WebRTC again after the film was shown instead. */
  live() {
    this.stopFilm();
    this.tries = this.unheard = 0;
    void this.connect();
  }

  follow(deck: Deck | null) {
    this.deck = deck;
    this.film?.follow(deck);
  }

  private online = () => { if (this.state === 'lost' || this.state === 'away') { clearTimeout(this.timer); void this.connect(); } };

  private tell(state: StreamState) {
    if (this.closed || state === this.state) return;
    this.state = state;
    this.onState(state);
  }

  private drop() {
    clearInterval(this.look);
    if (!this.peer) return;
    this.peer.onconnectionstatechange = null;
    this.peer.ontrack = null;
    this.peer.close();
    this.peer = null;
  }

  private retry(state: StreamState) {
    if (this.closed) return;
    this.drop();
    clearTimeout(this.timer);
    if (this.unheard >= TRIES_BEFORE_FILM) {
      this.showFilm();
      return;
    }
    this.tell(state === 'lost' && !this.seen ? 'connecting' : state);
    this.timer = window.setTimeout(() => void this.connect(), RETRY_MS[Math.min(this.tries++, RETRY_MS.length - 1)]);
  }

  private async connect() {
    if (typeof RTCPeerConnection === 'undefined') {
      this.showFilm();
      return;
    }
    clearTimeout(this.timer);
    this.drop();
    if (!this.tries && !this.seen) this.tell('connecting');
    try {
      const offer = await call<Offer>('GET', `/streams/${this.sessionId}/offer`);
      if (this.closed) return;
      this.onPeer(offer.peer_id);
      const peer = new RTCPeerConnection({ iceServers: offer.ice_servers, bundlePolicy: 'max-bundle' });
      this.peer = peer;
      const media = new MediaStream();
      peer.ontrack = (e) => {
        media.addTrack(e.track);
        if (this.video.srcObject !== media) this.video.srcObject = media;
        void this.start();
      };
      peer.onconnectionstatechange = () => {
        if (peer.connectionState === 'connected') this.connected(peer);
        else if (peer.connectionState === 'failed' || peer.connectionState === 'disconnected' || peer.connectionState === 'closed') this.retry('lost');
      };
      await peer.setRemoteDescription({ type: 'offer', sdp: offer.sdp });
      await peer.setLocalDescription(await peer.createAnswer());
      await call('POST', `/streams/${this.sessionId}/answer`, { peer_id: offer.peer_id, type: 'answer', sdp: peer.localDescription!.sdp });
      if (this.closed || this.peer !== peer || peer.connectionState === 'connected') return;
      this.unheard++; // until it connects
      this.timer = window.setTimeout(() => this.retry('lost'), CONNECT_MS);
    } catch (e) {
      const problem = e instanceof Problem ? e : null;
      if (problem?.status === 404 || problem?.status === 409) { // the session is over: nothing to come back to
        this.drop();
        this.tell('none');
      } else {
        if (!problem) this.unheard++; // this browser could not make an answer
        this.retry(problem?.away ? 'away' : 'lost');
      }
    }
  }

  // Counts pictures: a line without any is no picture, whatever ICE says of it.
  private connected(peer: RTCPeerConnection) {
    this.unheard = 0;
    clearTimeout(this.timer);
    let seen = -1;
    let since = performance.now();
    clearInterval(this.look);
    this.look = window.setInterval(async () => {
      let frames = 0;
      (await peer.getStats()).forEach((s) => { if (s.type === 'inbound-rtp' && s.kind === 'video') frames = s.framesDecoded ?? 0; });
      if (this.peer !== peer) return;
      const now = performance.now();
      if (document.hidden || frames !== seen) {
        if (frames > 0) {
          this.tries = 0;
          this.seen = true;
          this.tell('live');
        }
        seen = frames;
        since = now;
      } else if (now - since > GIVE_UP_MS) {
        this.retry('lost');
      } else if (now - since > STALLED_MS && this.state === 'live') {
        this.tell('stalled');
      }
    }, LOOK_MS);
  }

  private stopFilm() {
    this.film?.close();
    this.film = null;
  }

  private showFilm() {
    this.stopFilm();
    this.video.srcObject = null;
    this.film = new Film(this.video, () => void this.start());
    this.film.follow(this.deck);
    this.tell('film');
  }

  // A browser lets sound start only after a gesture; without one the picture starts silent and the page offers the sound.
  private async start() {
    try {
      await this.video.play();
    } catch (e) {
      if ((e as DOMException).name !== 'NotAllowedError') return;
      this.video.muted = true;
      this.onBlockedSound();
      await this.video.play().catch(() => {});
    }
  }
}
