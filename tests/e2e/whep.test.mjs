// whep.test.mjs - a standard WHEP client (npm: whip-whep) in a page of another origin watches a session in Chromium: it plays, is listed, and ends in every way. GStreamer watches, too.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { addTape, browser, clip, Client, root, Server, until, whepModule } from './lib.mjs';

/** A page with nothing but a video and the client's module, on an origin of its own. */
async function theatre(t) {
  const pages = { '/': ['text/html', '<!doctype html><title>theatre</title><video autoplay muted playsinline></video>'], '/whep.js': ['text/javascript', readFileSync(whepModule)] };
  const server = http.createServer((request, response) => {
    const [type, body] = pages[request.url] ?? ['text/plain', ''];
    response.setHeader('Content-Type', type);
    response.end(body);
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  t.after(() => server.close());
  return `http://127.0.0.1:${server.address().port}/`;
}

/** Watches with the client as its documentation says; what it asked the server is in window.asked. Gives what it throws. */
const view = (page, url, token, { kinds = ['audio', 'video'], tcp = false } = {}) => page.evaluate(async ([endpoint, bearer, kinds, tcp]) => {
  const { WHEPClient } = await import('/whep.js');
  const own = window.ownFetch ??= window.fetch.bind(window);
  window.asked = [];
  window.fetch = async (target, init = {}) => {
    const response = await own(target, init);
    window.asked.push({ method: init.method ?? 'GET', status: response.status, location: response.headers.get('location'), etag: response.headers.get('etag'), text: await response.clone().text() });
    return response;
  };
  window.pc = new RTCPeerConnection({ bundlePolicy: 'max-bundle' });
  for (const kind of kinds) pc.addTransceiver(kind, { direction: 'recvonly' });
  const video = document.querySelector('video');
  video.srcObject = new MediaStream();
  pc.ontrack = ({ track, streams }) => { window.streams = streams.map((s) => s.id); video.srcObject.addTrack(track); };
  window.whep = new WHEPClient();
  if (tcp) whep.onAnswer = (sdp) => sdp.replace(/a=candidate:\d+ 1 udp .*\r\n/g, '');
  return whep.view(pc, endpoint, bearer).then(() => null, (e) => String(e));
}, [url, token, kinds, tcp]);

const seen = (page) => page.evaluate(async () => {
  const out = { at: document.querySelector('video').currentTime, state: pc.connectionState, asked: window.asked, width: document.querySelector('video').videoWidth };
  const stats = [...(await pc.getStats()).values()];
  const pair = stats.find((s) => s.type === 'candidate-pair' && s.nominated && s.state === 'succeeded');
  out.protocol = stats.find((s) => s.id === pair?.remoteCandidateId)?.protocol;
  for (const s of stats.filter((s) => s.type === 'inbound-rtp')) {
    const codec = stats.find((c) => c.id === s.codecId);
    out[s.kind] = { frames: s.framesDecoded, keys: s.keyFramesDecoded, freezes: s.freezeCount, samples: s.totalSamplesReceived, codec: codec?.mimeType, pt: codec?.payloadType };
  }
  return out;
});
const plays = async (page, frames = 60) => {
  const before = await seen(page);
  return until(`${frames} pictures more`, async () => {
    const now = await seen(page);
    return now.at > before.at + 1 && now.video?.frames >= (before.video?.frames ?? 0) + frames && now;
  });
};
const viewers = async (client, id) => (await client.ok('GET', `/sessions/${id}`)).viewers;

test('a standard player by WHEP', async (t) => {
  const server = await Server.start(t, { VCR_MEDIA_LISTEN: '0.0.0.0:0' }); // GStreamer's ICE (libnice) has no candidate on loopback
  const client = await Client.register(server), stranger = await Client.register(server, 'eve@example.org');
  const tape = await addTape(client, clip('movie-hello.mpeg'));
  const page = await browser(t);
  await page.goto(await theatre(t));
  const { id } = await client.ok('POST', '/sessions', { type: 'emulation', tape_id: tape.id });
  await client.ok('POST', `/sessions/${id}/command`, { command: 'repeat' });
  const endpoint = `${server.url}/api/v1/whep/${id}`;

  await t.test('it plays, with picture and sound under its own numbers', async () => {
    assert.equal(await view(page, endpoint, client.token), null);
    const now = await plays(page);
    assert.deepEqual([now.state, now.protocol, now.video.codec, now.audio.codec], ['connected', 'udp', 'video/H264', 'audio/opus']);
    assert.ok(now.width === 720 && now.audio.samples > 0, JSON.stringify(now));
    const [post, ...patches] = now.asked;
    assert.ok(post.method === 'POST' && post.status === 201 && /^".+"$/.test(post.etag), JSON.stringify(post));
    assert.ok(patches.length > 0 && patches.every((p) => p.method === 'PATCH' && p.status === 204), JSON.stringify(patches)); // its candidates
    assert.match(post.text, new RegExp(`a=rtpmap:${now.video.pt} H264/90000`));
    assert.deepEqual(await page.evaluate('streams'), ['vcr']);
    const listed = await viewers(client, id);
    assert.deepEqual(listed.map((v) => [v.connected, v.user.id]), [[true, client.user.id]]);
    assert.equal(post.location, `/api/v1/whep/${id}/${listed[0].peer_id}`);
  });

  await t.test('it stops, and is gone', async () => {
    const { asked } = await seen(page);
    await page.evaluate('whep.stop()');
    assert.deepEqual(await page.evaluate('asked.slice(-1).map((a) => [a.method, a.status])'), [['DELETE', 200]]);
    assert.equal((await client.call('DELETE', asked[0].location.replace('/api/v1', ''))).status, 404);
    assert.deepEqual(await viewers(client, id), []);
  });

  await t.test('a page that closes is gone, too', async () => {
    assert.equal(await view(page, endpoint, client.token), null);
    await plays(page, 10);
    await page.evaluate('pc.close()');
    await until('nobody watches', async () => (await viewers(client, id)).length === 0);
  });

  await t.test('sound alone', async () => {
    assert.equal(await view(page, endpoint, client.token, { kinds: ['audio'] }), null);
    const now = await until('sound', async () => { const s = await seen(page); return s.audio?.samples > 48000 && s; });
    assert.equal(now.video, undefined);
    await page.evaluate('whep.stop()');
  });

  await t.test('where UDP does not get through it plays over TCP', async () => {
    assert.equal(await view(page, endpoint, client.token, { tcp: true }), null);
    const now = await plays(page);
    assert.deepEqual([now.protocol, now.video.codec, now.width], ['tcp', 'video/H264', 720]);
    await page.evaluate('whep.stop()');
    await until('nobody watches', async () => (await viewers(client, id)).length === 0);
  });

  await t.test('GStreamer plays it', async (sub) => {
    if (!Object.values(os.networkInterfaces()).flat().some((i) => i.family === 'IPv4' && !i.internal)) return sub.skip('there is no network but loopback');
    const child = spawn('/usr/bin/python3', [path.join(root, 'tests/e2e/gst_whep.py'), endpoint, client.token, '60'], { stdio: ['ignore', 'pipe', 'inherit'] });
    let said = '';
    child.stdout.on('data', (data) => { said += data; });
    await new Promise((resolve) => child.once('close', resolve));
    const { pictures, sounds, ...rest } = JSON.parse(said);
    assert.deepEqual(rest, { posted: 201, deleted: 200, size: [720, 480], error: null });
    assert.ok(pictures >= 60 && sounds > 0, said);
  });

  await t.test('who may not is told so, in words that the page can read', async () => {
    for (const [token, status] of [[stranger.token, 404], ['nonsense', 401], [undefined, 401]]) {
      assert.match(await view(page, endpoint, token), new RegExp(`${status}`));
      const [{ text }] = await page.evaluate('asked');
      assert.equal(JSON.parse(text).status, status);
    }
  });

  await t.test('it goes with its session', async () => {
    assert.equal(await view(page, endpoint, client.token), null);
    await plays(page, 10);
    const [{ location }] = await page.evaluate('asked');
    await client.ok('DELETE', `/sessions/${id}`);
    await until('hung up on', () => page.evaluate(() => ['closed', 'failed', 'disconnected'].includes(pc.connectionState)));
    assert.equal((await client.call('DELETE', location.replace('/api/v1', ''))).status, 404);
    assert.match(await view(page, endpoint, client.token), /409/);
    assert.deepEqual(page.errors.filter((e) => !/401|404|409/.test(e)), []);
  });
});
