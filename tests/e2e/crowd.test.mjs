// crowd.test.mjs - more connections than the process has descriptors for, and each of them a nuisance: silent, dripping a head or a body, asking and never reading. Who came
// before still works, uploads and watches (which needs files and processes), who comes too late is told so, and the slow are let go.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import { test } from 'node:test';
import { Client, clip, Server, until } from './lib.mjs';

const DESCRIPTORS = 1024, CROWD = 500;

/** A client that keeps to one connection, which it has before the crowd comes. */
class Insider {
  constructor(url, token) {
    this.agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    this.url = url;
    this.token = token;
  }

  call(method, route, body, type = 'application/json') {
    return new Promise((resolve, reject) => {
      const headers = { Authorization: `Bearer ${this.token}`, ...(body ? { 'Content-Type': type, 'Content-Length': Buffer.byteLength(body) } : {}) };
      const request = http.request(`${this.url}/api/v1${route}`, { method, agent: this.agent, headers }, async (response) => {
        let text = '';
        for await (const data of response.setEncoding('utf8')) text += data;
        resolve({ status: response.statusCode, json: text ? JSON.parse(text) : null });
      });
      request.on('error', reject);
      request.end(body);
    });
  }

  async ok(...call) {
    const { status, json } = await this.call(...call);
    assert.ok(status < 300, `${call[0]} ${call[1]}: ${status} ${JSON.stringify(json)}`);
    return json;
  }
}

/** One of the crowd: what it first says, what it says again and again, and whether it ever reads. */
class Nuisance {
  constructor(port, first, drop, reads) {
    this.text = '';
    this.closed = false;
    this.socket = net.connect(port, '127.0.0.1', () => {
      this.socket.write(first);
      if (drop) this.timer = setInterval(() => this.socket.write(drop), 500);
    });
    this.socket.on('error', () => {});
    this.socket.on('close', () => { this.closed = true; clearInterval(this.timer); });
    if (reads) this.socket.on('data', (data) => { this.text += data; });
  }

  get status() { return Number(/^HTTP\/1.1 (\d+)/.exec(this.text)?.[1] ?? 0); }
  leave() { this.socket.destroy(); }
}

test('a crowd of slow clients', async (t) => {
  const server = await Server.start(t, {}, undefined, undefined, ['prlimit', `--nofile=256:${DESCRIPTORS}`]);
  const port = Number(new URL(server.url).port);
  const host = await Client.register(server);
  const insider = new Insider(server.url, host.token);
  const film = readFileSync(clip('movie-hello.mpeg'));
  const tape = await insider.ok('POST', '/tapes', JSON.stringify({ title: 'first' }));
  await insider.ok('PUT', `/tapes/${tape.id}/media`, film, 'application/octet-stream');
  const blank = await insider.ok('POST', '/tapes', JSON.stringify({ title: 'blank' }));
  const ready = (id) => until('ready', async () => (await insider.ok('GET', `/tapes/${id}`)).status === 'ready', 120000);
  await ready(tape.id);
  const session = await insider.ok('POST', '/sessions', JSON.stringify({ type: 'emulation', tape_id: tape.id }));

  const head = (line) => `${line} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${host.token}\r\n`;
  const kinds = {
    silent: ['', null, true],
    head: ['GET / HTTP/1.1\r\nX: ', 'x', true],
    body: [head(`PUT /api/v1/tapes/${blank.id}/media`) + 'Content-Length: 100000\r\n\r\n', 'x', true],
    json: [head('POST /api/v1/tapes') + 'Content-Type: application/json\r\nContent-Length: 5000\r\n\r\n{', ' ', true],
    chunks: [head('POST /api/v1/tapes') + 'Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n', '1\r\n \r\n', true],
    segment: [head(`GET /api/v1/hls/${tape.id}/video.mp4`) + '\r\n', null, false],
    original: [head(`GET /api/v1/tapes/${tape.id}/media`) + '\r\n', null, false],
    events: [head(`GET /api/v1/sessions/${session.id}/events`) + '\r\n', null, false],
  };
  const names = Object.keys(kinds);
  const crowd = [];
  t.after(() => crowd.forEach((c) => c.leave()));

  await t.test('who was there before is served, with files and processes', async () => {
    for (let i = 0; i < CROWD; i++) crowd.push(Object.assign(new Nuisance(port, ...kinds[names[i % names.length]]), { kind: names[i % names.length] }));
    await until('the house is full', () => crowd.some((c) => c.status === 503));
    const more = await insider.ok('POST', '/tapes', JSON.stringify({ title: 'second' }));
    await insider.ok('PUT', `/tapes/${more.id}/media`, film, 'application/octet-stream');
    await ready(more.id);
    const second = await insider.ok('POST', '/sessions', JSON.stringify({ type: 'emulation', tape_id: more.id, settings: { autoplay: true } }));
    assert.match((await insider.ok('GET', `/streams/${second.id}/offer`)).sdp, /^v=0/);
    await until('it plays', async () => (await insider.ok('GET', `/sessions/${second.id}`)).deck.mode === 'play');
    await insider.ok('DELETE', `/sessions/${second.id}`);
  });

  await t.test('who drips or is silent is let go, with the reason', async () => {
    const slow = crowd.filter((c) => ['silent', 'head', 'body', 'json', 'chunks'].includes(c.kind));
    await until('they are gone', () => slow.every((c) => c.closed), 60000);
    for (const c of slow) {
      const allowed = { silent: [0, 503], head: [408, 503], body: [408, 409, 503] }[c.kind] ?? [408, 503];
      assert.ok(allowed.includes(c.status), `${c.kind}: ${c.text.slice(0, 300)}`);
    }
    for (const kind of ['head', 'body', 'json', 'chunks']) assert.ok(slow.some((c) => c.kind === kind && c.status === 408), kind);
    const again = new Client(server.url);
    await until('there is room again', async () => (await again.call('GET', '/server')).status === 200);
    await until('the cut upload is blank', async () => (await insider.ok('GET', `/tapes/${blank.id}`)).status === 'blank');
  });

  await t.test('the server leaves when asked, whoever does not read', async () => {
    crowd.forEach((c) => c.leave());
    assert.deepEqual(await server.kill('SIGTERM'), { code: 0, signal: null });
  });
});
