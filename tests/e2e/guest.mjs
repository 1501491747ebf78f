// guest.mjs - one client of the storm: does what people do and what they should not, and keeps a ledger of what the server has acknowledged to it.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import net from 'node:net';
import { Client } from './lib.mjs';
import { badDtls, stunRequest, udp } from './junk.mjs';

const COMMANDS = ['play', 'play', 'stop', 'pause', 'rewind', 'fast_forward', 'cue', 'review', 'release', 'slow', 'frame_advance', 'frame_back', 'eject', 'insert', 'power',
  'look', 'seek', 'tracking', 'tape_speed', 'memory', 'repeat', 'sleep', 'counter_reset', 'index_next', 'mark_index', 'record', 'nonsense'];

/* A number below `below`, from a seed: the same storm again for the same seed, as far as the machine allows. */
export const randomFrom = (start) => {
  let state = start >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let x = Math.imul(state ^ (state >>> 15), state | 1);
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
    return ((x ^ (x >>> 14)) >>> 0) % below;
  };
};
export const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

/** Writes bytes to the HTTP port in two pieces, reads what comes and goes away after keepMs. */
export const rawHttp = (url, bytes, keepMs = 0) => new Promise((done) => {
  const { hostname, port } = new URL(url);
  const socket = net.connect(Number(port), hostname, () => {
    socket.write(bytes.subarray(0, bytes.length >> 1));
    setImmediate(() => { socket.write(bytes.subarray(bytes.length >> 1)); setTimeout(() => socket.destroy(), keepMs); });
  });
  socket.on('error', () => {});
  socket.on('data', () => {});
  socket.on('close', done);
});

const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');

export class Guest {
  /** storm: {server, film, viewer: the program rtc_viewer, mediaPort(), uploadsEach, stopping: true while the server is asked to go or is gone}. */
  constructor(storm, number, seed, account) {
    Object.assign(this, { storm, account, random: randomFrom(seed + number), seen: {}, uploads: 0 });
    this.client = new Client(storm.server.url);
    this.tapes = new Map();    // id -> {title, place: 'shelf' | 'bin' | 'gone', media, unsure: a change was sent and never answered}
    this.sessions = new Map(); // id -> {ended, unsure}
  }

  pick(list) { return list[this.random(list.length)]; }
  tape() { return this.pick([...this.tapes.keys()]); }
  session() { return this.pick([...this.sessions].filter(([, s]) => !s.ended).map(([id]) => id)); }

  /** Status 0: the server was on its way out or back in. */
  async call(method, route, body, headers) {
    this.client.url = this.storm.server.url;
    const wasStopping = this.storm.stopping;
    let answer;
    try {
      answer = await this.client.call(method, route, body, headers);
    } catch (e) {
      if (!wasStopping && !this.storm.stopping) throw new Error(`${method} ${route}: ${e.cause ?? e}`);
      return { status: 0, headers: new Headers(), json: null, text: '' };
    }
    const what = `${method} ${answer.status}`;
    this.seen[what] = (this.seen[what] ?? 0) + 1;
    if (answer.status >= 500 && answer.status !== 503) throw new Error(`${method} ${route}: ${answer.status} ${answer.text}`);
    return answer;
  }

  /** A call that changes `thing`: without an answer nobody knows whether it did. */
  async change(thing, ...call) {
    const before = thing.unsure;
    thing.unsure = true;
    const answer = await this.call(...call);
    if (answer.status) thing.unsure = before;
    return answer;
  }

  async enter() {
    const { json } = await this.call('POST', '/auth/login', { email: this.account.email, password: this.account.password });
    if (json) this.client.token = json.access_token;
  }

  async makeTape() {
    if (this.tapes.size > 12) return;
    const title = `tape ${this.random(1000)} ä\u{1F4FC}`;
    const answer = await this.call('POST', '/tapes', { title, tags: ['storm'] });
    if (answer.status === 201) this.tapes.set(answer.json.id, { title, place: 'shelf', media: false, unsure: false });
  }

  async editTape() {
    const id = this.tape(), tape = this.tapes.get(id), title = `again ${this.random(9999)}`;
    const { headers } = await this.call('GET', `/tapes/${id}`);
    const match = this.random(3) === 0 ? '"stale"' : headers.get('etag') ?? '*';
    const answer = await this.change(tape, 'PATCH', `/tapes/${id}`, { title, description: 'x'.repeat(this.random(3000)) }, { 'If-Match': match });
    if (answer.status === 200) tape.title = title;
    await this.call('GET', `/tapes?q=again&limit=${1 + this.random(5)}`);
    await this.call('GET', `/tapes/${id}/history`);
  }

  async dropTape() {
    const id = this.tape(), tape = this.tapes.get(id), purge = this.random(3) === 0;
    const dropped = await this.change(tape, 'DELETE', `/tapes/${id}${purge ? '?purge=true' : ''}`);
    if (dropped.status === 204) tape.place = purge ? 'gone' : 'bin';
    if (this.random(2)) return;
    const back = await this.change(tape, 'POST', `/tapes/${id}/restore`);
    if (back.status === 200) tape.place = 'shelf';
  }

  async wholeUpload() {
    if (this.uploads >= this.storm.uploadsEach) return;
    this.uploads++;
    const id = this.tape(), tape = this.tapes.get(id);
    const answer = await this.change(tape, 'PUT', `/tapes/${id}/media`, this.storm.film, { 'Content-Type': 'application/octet-stream' });
    if (answer.status === 201) tape.media = true;
  }

  async cutUpload() {
    const { film, server } = this.storm, chunked = this.random(2);
    const head = `PUT /api/v1/tapes/${this.tape()}/media HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${this.client.token}\r\n` +
      (chunked ? 'Transfer-Encoding: chunked\r\n\r\n10000\r\n' : `Content-Length: ${film.length * 3}\r\n\r\n`);
    await rawHttp(server.url, Buffer.concat([Buffer.from(head), film.subarray(0, this.random(chunked ? 65536 : film.length))]), this.random(30));
  }

  async jobs() {
    const { json } = await this.call('GET', '/jobs?limit=20');
    if (!json?.items?.length) return;
    const { id } = this.pick(json.items);
    await this.call('POST', `/jobs/${id}/${this.pick(['cancel', 'cancel', 'retry'])}`);
    await this.call('GET', `/jobs/${id}`);
  }

  async startSession() {
    const body = { type: 'emulation', settings: { autoplay: this.random(2) === 1, grace_s: this.random(3) } };
    if (this.random(4) && this.tapes.size) body.tape_id = this.tape();
    const answer = await this.call('POST', '/sessions', body);
    if (answer.status === 201) this.sessions.set(answer.json.id, { ended: false, unsure: false });
  }

  async command() {
    const on = this.random(2) === 1, command = this.pick(COMMANDS);
    const more = { look: { look: this.pick(['clean', 'vhs', 'sepia', {}]) }, seek: { position: this.random(9) - 1 }, insert: { tape_id: this.tape() ?? 1 }, cue: { hold: on },
      review: { hold: on }, slow: { speed: this.pick([0.1, 0.5, -0.2, 9, 1e300]) }, power: { on }, memory: { on }, repeat: { on }, sleep: { minutes: this.random(200) },
      tracking: { value: this.pick(['auto', 0, 11, -10]) }, tape_speed: { value: this.pick(['sp', 'ep', 'xp']) } };
    await this.call('POST', `/sessions/${this.session()}/command`, { command, ...more[command] });
  }

  async watchAndDrop() {
    const head = `GET /api/v1/sessions/${this.session()}/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${this.client.token}\r\n\r\n`;
    await rawHttp(this.storm.server.url, Buffer.from(head), this.random(300));
  }

  /** Five kinds of viewers: who never answers, whose answer is broken, who answers and is silent, who checks ICE and then sends no DTLS, who watches and vanishes. */
  async watch() {
    const id = this.session();
    const offer = await this.call('GET', `/streams/${id}/offer`);
    if (offer.status !== 200) return;
    const { sdp, peer_id } = offer.json;
    const answer = (text) => this.call('POST', `/streams/${id}/answer`, { type: 'answer', peer_id, sdp: text });
    const kind = this.random(5);
    if (kind === 1) {
      const lines = sdp.split('\r\n');
      lines.splice(this.random(lines.length), 1 + this.random(3), this.pick(['a=setup:active', 'm=video 0 X', 'a=fingerprint:sha-256 00', '\u0001']));
      await answer(lines.join('\r\n') || 'v');
    } else if (kind > 1) {
      await this.realViewer(sdp, answer, kind);
    }
  }

  async realViewer(sdp, answer, kind) {
    const viewer = spawn(this.storm.viewer, ['30'], { stdio: ['pipe', 'pipe', 'ignore'] });
    const gone = new Promise((done) => viewer.once('exit', done));
    viewer.stdin.on('error', () => {});
    viewer.stdin.end(sdp);
    let text = '';
    for await (const data of viewer.stdout) text += data;
    if (kind < 4) viewer.kill('SIGKILL'); // only its answer is used
    const { status } = await answer(text);
    if (status === 204 && kind === 3) {
      const find = (from, name) => new RegExp(`a=${name}:(\\S+)`).exec(from)[1];
      const check = stunRequest(`${find(sdp, 'ice-ufrag')}:${find(text, 'ice-ufrag')}`, find(sdp, 'ice-pwd'), this.random);
      await udp(this.storm.mediaPort(), [check, ...badDtls(this.random)], 20);
    }
    if (kind === 4) {
      await sleep(this.random(1500));
      viewer.kill('SIGKILL');
    }
    await gone;
  }

  async endSession() {
    const id = this.session(), session = this.sessions.get(id);
    const answer = await this.change(session, 'DELETE', `/sessions/${id}`);
    if (answer.status === 204) session.ended = true;
    await this.call('GET', `/sessions/${id}`);
  }

  async lists() {
    await this.call('GET', this.pick(['/sessions', '/jobs', '/users/me', '/tapes?trashed=true', '/server', '/openapi.json', '/tapes/1/media', '/tapes?limit=x', '/tapes/9e9',
      ...(this.tapes.size ? [`/tapes/${this.tape()}/thumbnail`, `/hls/${this.tape()}/playlist.m3u8`, `/hls/${this.tape()}/video.mp4`] : [])]));
  }

  async abandoned() {
    const stop = new AbortController();
    setTimeout(() => stop.abort(), this.random(20));
    const route = this.tapes.size && this.random(2) ? `tapes/${this.tape()}/media` : 'tapes';
    const headers = { Authorization: `Bearer ${this.client.token}` };
    await fetch(`${this.storm.server.url}/api/v1/${route}`, { headers, signal: stop.signal }).then((r) => r.arrayBuffer()).catch(() => null);
  }

  async relogin() {
    if (this.random(8) === 0) await this.enter();
  }

  async run() {
    this.client.token = this.account.token;
    await this.makeTape();
    while (!this.storm.over) {
      const tape = this.tapes.size ? [this.editTape, this.dropTape, this.wholeUpload, this.cutUpload, this.jobs] : [];
      const session = this.session() ? [this.command, this.command, this.command, this.watchAndDrop, this.watch, this.watch, this.endSession] : [];
      await this.pick([this.makeTape, this.startSession, this.lists, this.abandoned, this.relogin, ...tape, ...session]).call(this);
      await sleep(this.random(50));
    }
  }

  /** What the server said yes to is so. */
  async audit() {
    this.client.url = this.storm.server.url;
    assert.equal((await this.client.ok('GET', '/users/me')).email, this.account.email);
    const bin = (await this.client.ok('GET', '/tapes?trashed=true&limit=200')).items.map((t) => t.id);
    for (const [id, tape] of this.tapes) {
      if (tape.unsure) continue;
      const { status, json } = await this.call('GET', `/tapes/${id}`);
      assert.deepEqual([id, status, bin.includes(id)], [id, tape.place === 'shelf' ? 200 : 404, tape.place === 'bin'], `a tape of the ${tape.place}`);
      if (tape.place !== 'shelf') continue;
      assert.equal(json.title, tape.title);
      if (!tape.media) continue;
      const original = await fetch(`${this.storm.server.url}/api/v1/tapes/${id}/media`, { headers: { Authorization: `Bearer ${this.client.token}` } });
      assert.equal(original.status, 200, `the original of tape ${id}`);
      assert.equal(sha256(new Uint8Array(await original.arrayBuffer())), sha256(this.storm.film));
    }
    for (const [id, session] of this.sessions) {
      const { status, json } = await this.call('GET', `/sessions/${id}`);
      assert.equal(status, 200, `session ${id}`);
      if (session.ended && !session.unsure) assert.equal(json.status, 'ended');
    }
  }

  async leave() {
    for (const s of (await this.client.ok('GET', '/sessions?limit=200')).items) if (!s.ended_at) await this.client.ok('DELETE', `/sessions/${s.id}`);
  }
}
