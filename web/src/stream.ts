// stream.ts - the picture and sound of a session: WebRTC, re-offered by itself when it drops.
import { call } from './api';

export type StreamState = 'connecting' | 'live' | 'lost';
interface Offer { type: 'offer'; sdp: string; peer_id: string; ice_servers: RTCIceServer[] }

const RETRY_MS = [250, 500, 1000, 2000, 4000];
const NO_PICTURE_MS = 6000;

export class Stream {
  private peer: RTCPeerConnection | null = null;
  private closed = false;
  private tries = 0;
  private timer = 0;

  constructor(readonly sessionId: string, private readonly video: HTMLVideoElement, private readonly onState: (s: StreamState) => void) {
    void this.connect();
  }

  close() {
    this.closed = true;
    clearTimeout(this.timer);
    this.drop();
    this.video.srcObject = null;
  }

  /** For the statistics panel and the tests. */
  stats = () => this.peer?.getStats() ?? Promise.resolve(null);

  private drop() {
    if (this.peer) {
      this.peer.onconnectionstatechange = null;
      this.peer.ontrack = null;
      this.peer.close();
      this.peer = null;
    }
  }

  private retry() {
    if (this.closed) return;
    this.drop();
    this.onState('lost');
    clearTimeout(this.timer);
    this.timer = window.setTimeout(() => void this.connect(), RETRY_MS[Math.min(this.tries++, RETRY_MS.length - 1)]);
  }

  private async connect() {
    this.onState('connecting');
    try {
      const offer = await call<Offer>('GET', `/streams/${this.sessionId}/offer`);
      if (this.closed) return;
      const peer = new RTCPeerConnection({ iceServers: offer.ice_servers, bundlePolicy: 'max-bundle' });
      this.peer = peer;
      const media = new MediaStream();
      peer.ontrack = (event) => {
        media.addTrack(event.track);
        if (this.video.srcObject !== media) this.video.srcObject = media;
        void this.start();
      };
      peer.onconnectionstatechange = () => {
        if (peer.connectionState === 'connected') {
          this.tries = 0;
          clearTimeout(this.timer);
          this.onState('live');
        } else if (peer.connectionState === 'failed' || peer.connectionState === 'disconnected' || peer.connectionState === 'closed') {
          this.retry();
        }
      };
      await peer.setRemoteDescription({ type: 'offer', sdp: offer.sdp });
      await peer.setLocalDescription(await peer.createAnswer());
      await call('POST', `/streams/${this.sessionId}/answer`, { peer_id: offer.peer_id, type: 'answer', sdp: peer.localDescription!.sdp });
      this.timer = window.setTimeout(() => peer.connectionState !== 'connected' && this.retry(), NO_PICTURE_MS);
    } catch (e) {
      const status = (e as { status?: number }).status;
      if (status === 404 || status === 409) this.onState('lost'); // the session is over: nothing to come back to
      else this.retry();
    }
  }

  // A browser lets sound start only after a gesture; without one the picture starts silent and the page offers the sound.
  private async start() {
    try {
      await this.video.play();
    } catch {
      this.video.muted = true;
      await this.video.play().catch(() => {});
    }
  }
}
