// whip.test.mjs - a page of another origin publishes Chromium's camera and microphone as a device's live picture (RFC 9725), and a streaming session shows it.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import http from 'node:http';
import path from 'node:path';
import { test } from 'node:test';
import { browser, Client, Server, tempDir, until } from './lib.mjs';
import { active, newDevice, session, watch } from './live_kit.mjs';

const CAMERA = ['--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream'];
const probe = (file, what) => execFileSync('ffprobe', ['-v', 'error', '-count_frames', '-select_streams', 'v', '-show_entries', what, '-of', 'default=nk=1:nw=1', file], { encoding: 'utf8' }).trim();

/** An empty page of an origin of its own. */
async function studio(t) {
  const server = http.createServer((request, response) => { response.setHeader('Content-Type', 'text/html'); response.end('<!doctype html><title>studio</title>'); });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  t.after(() => server.close());
  return `http://127.0.0.1:${server.address().port}/`;
}

/** Publishes from the page; what the server answered is returned. */
const publish = (page, url, token) => page.evaluate(async ([endpoint, bearer]) => {
  window.media ??= await navigator.mediaDevices.getUserMedia({ audio: true, video: { width: 640, height: 480, frameRate: 30 } });
  window.pc = new RTCPeerConnection({ bundlePolicy: 'max-bundle' });
  for (const track of window.media.getTracks()) pc.addTransceiver(track, { direction: 'sendonly', streams: [window.media] });
  await pc.setLocalDescription(await pc.createOffer());
  const headers = { Authorization: `Bearer ${bearer}` };
  const answer = await fetch(endpoint, { method: 'POST', headers: { ...headers, 'Content-Type': 'application/sdp' }, body: pc.localDescription.sdp });
  const text = await answer.text();
  if (answer.status !== 201) { pc.close(); return { status: answer.status, problem: JSON.parse(text) }; }
  const resource = new URL(answer.headers.get('Location'), endpoint).href, etag = answer.headers.get('ETag');
  await pc.setRemoteDescription({ type: 'answer', sdp: text });
  const line = (name) => new RegExp(`a=${name}:.*`).exec(pc.localDescription.sdp)[0];
  const fragment = [line('ice-ufrag'), line('ice-pwd'), 'm=audio 9 UDP/TLS/RTP/SAVPF 0', 'a=mid:0', 'a=candidate:1 1 udp 2122260223 192.0.2.1 9 typ host', ''].join('\r\n');
  const patched = await fetch(resource, { method: 'PATCH', headers: { ...headers, 'Content-Type': 'application/trickle-ice-sdpfrag', 'If-Match': etag }, body: fragment });
  window.hangUp = async () => {
    const gone = [];
    for (let i = 0; i < 2; i++) gone.push((await fetch(resource, { method: 'DELETE', headers })).status);
    pc.close();
    return gone;
  };
  return { status: answer.status, resource, patched: patched.status };
}, [url, token]);

test('live pictures by WHIP', async (t) => {
  const server = await Server.start(t);
  const client = await Client.register(server);
  const dir = tempDir(), device = await newDevice(client), endpoint = `${server.url}/api/v1/whip/${device.id}`;
  const page = await browser(t, { args: CAMERA });
  await page.goto(await studio(t));
  const { id } = await client.ok('POST', '/sessions', { type: 'streaming', device_id: device.id });

  await t.test('a browser publishes and a viewer sees and hears it', async () => {
    const answer = await publish(page, endpoint, device.device_token);
    assert.deepEqual([answer.status, answer.patched], [201, 204], JSON.stringify(answer));
    await active(client, id);
    assert.equal((await client.ok('GET', `/devices/${device.id}`)).status, 'online');
    const seen = path.join(dir, 'seen.h264');
    const sounds = await watch(client, id, 5, seen);
    assert.ok(sounds > 150, `${sounds} packets of sound`);
    const [width, height, frames] = probe(seen, 'stream=width,height,nb_read_frames').split('\n').map(Number);
    assert.ok(width === 640 && height === 480 && frames > 60, `${frames} pictures of ${width}x${height}`);
    assert.equal(spawnSync('ffmpeg', ['-v', 'error', '-i', seen, '-f', 'null', '-'], { encoding: 'utf8' }).stderr, '');
  });

  await t.test('it is there as low-latency HLS', async () => {
    const { token } = await client.ok('POST', `/hls/live/${id}/token`);
    const base = `${server.url}/api/v1/hls/live/${id}/t/${token}/`;
    await until('parts', async () => /#EXT-X-PART:/.test(await (await fetch(base + 'video.m3u8')).text()));
    const seen = spawnSync('ffmpeg', ['-v', 'error', '-nostdin', '-i', base + 'playlist.m3u8', '-t', '2', '-map', '0:v', '-f', 'framemd5', '-'], { encoding: 'utf8', timeout: 60000 });
    assert.equal(seen.status, 0, seen.stderr);
    assert.ok(seen.stdout.split('\n').filter((line) => line && !line.startsWith('#')).length > 20, seen.stdout);
  });

  await t.test('it is recorded', async () => {
    const { deck } = await client.ok('POST', `/sessions/${id}/command`, { command: 'record', title: 'From the studio' });
    await until('3 s on the tape', async () => (await session(client, id)).deck.position >= 3);
    await client.ok('POST', `/sessions/${id}/command`, { command: 'stop' });
    const tape = await until('a tape', async () => { const now = await client.ok('GET', `/tapes/${deck.tape_in.tape_id}`); return now.status !== 'recording' && now; });
    assert.deepEqual([tape.status, tape.media.video.codec, tape.media.audio[0].codec], ['ready', 'h264', 'aac']);
    const url = new URL((await client.ok('POST', `/hls/${tape.id}/token`)).url, server.url).href;
    // A browser sends pictures when it has them, under load two of them within one of the periods by which ffmpeg would number them: in the film's own time base.
    const run = spawnSync('ffmpeg', ['-v', 'error', '-xerror', '-i', url, '-fps_mode', 'passthrough', '-enc_time_base', '-1', '-f', 'null', '-'], { encoding: 'utf8' });
    assert.deepEqual([run.status, run.stderr], [0, '']);
    const times = execFileSync('ffprobe', ['-v', 'error', '-select_streams', 'v', '-show_entries', 'packet=dts_time', '-of', 'csv=p=0', url], { encoding: 'utf8' }).trim().split('\n').map(parseFloat);
    assert.ok(times.every((at, i) => i === 0 || at > times[i - 1]), times.join());
    const pictures = Number(probe(url, 'stream=nb_read_frames').split('\n')[0]);
    assert.ok(tape.duration >= 3 && pictures > 10 * tape.duration, `${pictures} pictures in ${tape.duration} s`);
  });

  await t.test('it raises its bitrate, and makes a key frame each second', async () => {
    const stats = () => page.evaluate(async () => [...(await pc.getStats()).values()].find((s) => s.type === 'outbound-rtp' && s.kind === 'video'));
    await until('more than the 300 kbit/s that browsers start with', async () => (await stats()).targetBitrate > 400000);
    const { keyFramesEncoded } = await stats();
    await until('key frames', async () => (await stats()).keyFramesEncoded >= keyFramesEncoded + 3);
  });

  await t.test('one publisher a device', async () => {
    const other = await page.context().newPage();
    await other.goto(page.url());
    const second = await publish(other, endpoint, device.device_token);
    assert.equal(second.status, 409);
    assert.match(second.problem.type, /\/device-busy$/);
    assert.equal((await publish(other, endpoint, client.token)).status, 401);
    await other.close();
    assert.equal((await session(client, id)).status, 'active');
  });

  await t.test('it hangs up, comes again, and goes with its page', async () => {
    assert.deepEqual(await page.evaluate('hangUp()'), [200, 404]);
    await until('no picture', async () => (await session(client, id)).status === 'starting');
    await until('offline', async () => (await client.ok('GET', `/devices/${device.id}`)).status === 'offline');
    assert.equal((await publish(page, endpoint, device.device_token)).status, 201);
    await active(client, id);
    await page.evaluate('pc.close()'); // without a DELETE
    await until('offline', async () => (await client.ok('GET', `/devices/${device.id}`)).status === 'offline');
    assert.equal((await publish(page, endpoint, device.device_token)).status, 201);
    await until('online', async () => (await client.ok('GET', `/devices/${device.id}`)).status === 'online');
    await client.ok('DELETE', `/devices/${device.id}`); // and with its device
    await until('hung up on', () => page.evaluate(() => ['closed', 'failed', 'disconnected'].includes(pc.connectionState)));
    assert.deepEqual(page.errors.filter((e) => !/401|404|409/.test(e)), []);
  });
});
