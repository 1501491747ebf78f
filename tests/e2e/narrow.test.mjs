// narrow.test.mjs - Chromium watches a session over a line that becomes narrow (a UDP relay here, with a queue of 300 ms): it tells what comes (transport-wide feedback), the encoder
// makes less, and the picture goes on.
import assert from 'node:assert/strict';
import dgram from 'node:dgram';
import { test } from 'node:test';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import { addTape, browser, clip, Client, Server, until, whepModule } from './lib.mjs';

/** One viewer's datagrams through here; towards it no faster than bps (0: any), with a drop-tail queue. */
async function relay(t, serverPort) {
  const front = dgram.createSocket('udp4'), back = dgram.createSocket('udp4');
  const line = { bps: 0, lost: 0, busy: 0, viewer: null };
  await Promise.all([front, back].map((s) => new Promise((done) => s.bind(0, '127.0.0.1', done))));
  line.port = front.address().port;
  front.on('message', (data, from) => {
    line.viewer = from;
    back.send(data, serverPort, '127.0.0.1');
  });
  back.on('message', (data) => {
    if (!line.viewer) return;
    const now = performance.now();
    line.busy = Math.max(line.busy, now);
    if (line.bps && line.busy - now > 300) return void line.lost++;
    if (line.bps) line.busy += data.length * 8000 / line.bps;
    setTimeout(() => { try { front.send(data, line.viewer.port, line.viewer.address); } catch { /* the test is over */ } }, line.busy - now);
  });
  t.after(() => { front.close(); back.close(); });
  return line;
}

test('a viewer whose line becomes narrow sees a smaller picture, and goes on seeing it', async (t) => {
  const server = await Server.start(t), client = await Client.register(server);
  const tape = await addTape(client, clip('movie-hello.mpeg'));
  const page = await browser(t);
  const pages = { '/': ['text/html', '<!doctype html><title>theatre</title><video autoplay muted playsinline></video>'], '/whep.js': ['text/javascript', readFileSync(whepModule)] };
  const site = http.createServer((request, response) => {
    const [type, body] = pages[request.url] ?? ['text/plain', ''];
    response.setHeader('Content-Type', type);
    response.end(body);
  });
  await new Promise((done) => site.listen(0, '127.0.0.1', done));
  t.after(() => site.close());
  await page.goto(`http://127.0.0.1:${site.address().port}/`);
  const { id } = await client.ok('POST', '/sessions', { type: 'emulation', tape_id: tape.id });
  for (const command of ['repeat', 'play']) await client.ok('POST', `/sessions/${id}/command`, { command });

  // The server's port is known by its first answer: a viewer that goes at once.
  const watch = (port) => page.evaluate(async ([endpoint, token, port]) => {
    const { WHEPClient } = await import('/whep.js');
    window.pc?.close();
    window.pc = new RTCPeerConnection({ bundlePolicy: 'max-bundle' });
    for (const kind of ['audio', 'video']) pc.addTransceiver(kind, { direction: 'recvonly' });
    const video = document.querySelector('video');
    video.srcObject = new MediaStream();
    pc.ontrack = ({ track }) => video.srcObject.addTrack(track);
    window.whep = new WHEPClient();
    whep.onAnswer = (sdp) => {
      window.serverPort = Number(/a=candidate:\d+ 1 udp \d+ \S+ (\d+) /.exec(sdp)[1]);
      window.answer = sdp;
      return port ? sdp.replace(/(a=candidate:\d+ 1 udp \d+ \S+ )\d+/g, `$1${port}`).replace(/a=candidate:\d+ 1 tcp .*\r\n/g, '') : sdp;
    };
    await whep.view(pc, endpoint, token);
  }, [`${server.url}/api/v1/whep/${id}`, client.token, port]);
  await watch(0);
  const line = await relay(t, await page.evaluate('serverPort'));
  await page.evaluate('whep.stop()');
  await watch(line.port);
  const inbound = () => page.evaluate(async () => {
    const { framesDecoded: frames, freezeCount: freezes, bytesReceived: bytes, keyFramesDecoded: keys } = [...(await pc.getStats()).values()].find((s) => s.type === 'inbound-rtp' && s.kind === 'video') ?? {};
    return { frames, freezes, bytes, keys };
  });
  const viewer = async () => (await client.ok('GET', `/sessions/${id}`)).viewers.find((v) => v.connected);
  assert.match(await page.evaluate('answer'), /a=rtcp-fb:\d+ transport-cc/);

  const wide = await until('a picture, and what is known of its line', async () => {
    const [now, v] = [await inbound(), await viewer()];
    return now.frames > 200 && v?.bitrate_bps > 1000000 && v?.estimate_by === 'transport-cc' && v;
  });
  console.log('# wide:', JSON.stringify(wide), JSON.stringify(await inbound()));
  assert.equal(typeof wide.delay_ms_per_s, 'number');

  line.bps = 800000;
  const narrow = await until('less is sent than the line carries', async () => {
    const v = await viewer();
    return v.estimate_bps < 900000 && v.bitrate_bps < 900000 && v;
  });
  const before = await inbound();
  console.log('# narrow:', JSON.stringify(narrow), JSON.stringify(before), `${line.lost} lost`);
  await until('the picture goes on', async () => (await inbound()).frames > before.frames + 150);
  console.log('# then:', JSON.stringify(await viewer()), JSON.stringify(await inbound()), `${line.lost} lost`);
});
