// live.test.mjs - a device that sends by SRT, as the ffmpeg command does it, and the streaming sessions on it.
import assert from 'node:assert/strict';
import dgram from 'node:dgram';
import { execFileSync, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { Client, Server, tempDir, until } from './lib.mjs';
import { active, FIELDS, newDevice, PLAIN, Publisher, REORDERED, session, watch } from './live_kit.mjs';

const probe = (file, what, stream = 'v') => execFileSync('ffprobe', ['-v', 'error', '-select_streams', stream, '-show_entries', what, '-of', 'default=nk=1:nw=1', file], { encoding: 'utf8' }).trim();
const decodes = (file) => spawnSync('ffmpeg', ['-v', 'error', '-i', file, '-f', 'null', '-'], { encoding: 'utf8' }).stderr;

/** NAL units of an Annex B file. */
function nals(bytes) {
  const out = [];
  for (let at = bytes.indexOf('\0\0\x01'); at >= 0;) {
    const next = bytes.indexOf('\0\0\x01', at + 3);
    let end = next < 0 ? bytes.length : next;
    while (end > at + 3 && bytes[end - 1] === 0) end--;
    out.push(bytes.subarray(at + 3, end));
    at = next;
  }
  return out;
}
const slices = (file) => nals(readFileSync(file)).filter((n) => [1, 5].includes(n[0] & 31));

test('live pictures by SRT', async (t) => {
  const server = await Server.start(t);
  const client = await Client.register(server);
  const dir = tempDir();
  const start = async (device) => (await client.ok('POST', '/sessions', { type: 'streaming', device_id: device.id })).id;

  await t.test('what qualifies comes to the viewer bit by bit', async (t2) => {
    const device = await newDevice(client), id = await start(device), kept = path.join(dir, 'kept.ts'), seen = path.join(dir, 'seen.h264');
    const before = await session(client, id);
    assert.deepEqual([before.status, before.deck.mode, before.deck.picture, before.type, before.device_id, before.tape_id],
      ['starting', 'stop', 'none', 'streaming', device.id, null]);
    const publisher = new Publisher(t2, device, PLAIN, { kept });
    const now = await active(client, id);
    assert.deepEqual([now.deck.mode, now.deck.picture, now.deck.sound], ['play', 'input', 'hifi']);
    assert.equal(now.display_aspect, '16:9');
    const online = await client.ok('GET', `/devices/${device.id}`);
    assert.equal(online.status, 'online');
    assert.ok(Date.now() - Date.parse(online.last_seen) < 20000);
    const sounds = await watch(client, id, 5, seen);
    assert.ok(sounds > 150, `${sounds} packets of sound`);
    await publisher.stop();
    execFileSync('ffmpeg', ['-y', '-v', 'error', '-i', kept, '-map', '0:v', '-c', 'copy', '-f', 'h264', path.join(dir, 'kept.h264')]);
    const sent = slices(path.join(dir, 'kept.h264')).map((n) => n.toString('latin1')), got = slices(seen).map((n) => n.toString('latin1'));
    const from = sent.indexOf(got[0]);
    assert.ok(from >= 0 && got.length > 60, `${got.length} slices, the first at ${from}`);
    assert.deepEqual(got.findIndex((n, i) => n !== sent[from + i]), -1);
    await until('no picture', async () => (await session(client, id)).status === 'starting');
    assert.equal((await session(client, id)).deck.mode, 'stop');
    await until('offline', async () => (await client.ok('GET', `/devices/${device.id}`)).status === 'offline');
    const again = new Publisher(t2, device, PLAIN); // it comes back: so does the picture
    await active(client, id);
    await again.stop();
    await client.ok('DELETE', `/sessions/${id}`);
    await until('vcr-ingest ends with who watches', async () => (await server.children('vcr-ingest')).length === 0);
  });

  await t.test('what does not qualify is encoded anew', async (t2) => {
    for (const [words, size, least, most, sar] of [[REORDERED, '640\n360', 25, 32, /^(1:1|N\/A|0:1)$/], [FIELDS, '720\n480', 52, 62, /^8:9$/]]) {
      const device = await newDevice(client), id = await start(device), seen = path.join(dir, `encoded${least}.h264`);
      const publisher = new Publisher(t2, device, words);
      await active(client, id);
      const sounds = await watch(client, id, 5, seen);
      await publisher.stop();
      assert.ok(sounds > 150, `${sounds} packets of sound`);
      assert.equal(probe(seen, 'stream=width,height'), size);
      assert.match(probe(seen, 'stream=sample_aspect_ratio'), sar);
      assert.equal(decodes(seen), '');
      const pictures = slices(seen).length, keys = slices(seen).filter((n) => (n[0] & 31) === 5).length;
      assert.ok(pictures > least * 3 && pictures < most * 6, `${pictures} pictures`);
      assert.ok(keys >= 3, `${keys} key frames`);
      await client.ok('DELETE', `/sessions/${id}`);
    }
  });

  await t.test('who may not send is told so', async (t2) => {
    const device = await newDevice(client), other = await newDevice(client);
    const tries = [{ passphrase: 'not the passphrase' }, { passphrase: null }, { streamid: 'publish:device-999999' }, { streamid: '%23!::m=publish' },
      { streamid: other.srt.stream_id }, { streamid: `#!::r=device-${device.id},m=request` }];
    for (const how of tries) {
      const publisher = new Publisher(t2, device, PLAIN, how);
      assert.notEqual(await publisher.gone, 0, JSON.stringify(how));
      assert.match(publisher.errors, /rejected|Input\/output error|Connection/i, JSON.stringify(how));
      assert.equal((await client.ok('GET', `/devices/${device.id}`)).status, 'offline');
    }
    for (const streamid of [`publish:device-${device.id}:me:x`, `%23!::r=device-${device.id}%2Cm=publish`, device.srt.stream_id]) {
      const publisher = new Publisher(t2, device, PLAIN, { streamid });
      await until('online', async () => (await client.ok('GET', `/devices/${device.id}`)).status === 'online');
      if (streamid === device.srt.stream_id) {
        const second = new Publisher(t2, device, PLAIN);
        assert.notEqual(await second.gone, 0);
        assert.equal((await client.ok('GET', `/devices/${device.id}`)).status, 'online');
      }
      await publisher.stop();
      await until('offline', async () => (await client.ok('GET', `/devices/${device.id}`)).status === 'offline');
    }
    const renewed = await client.ok('POST', `/devices/${device.id}/token`, { srt: true });
    assert.notEqual(await new Publisher(t2, device, PLAIN).gone, 0);
    const publisher = new Publisher(t2, device, PLAIN, { passphrase: renewed.srt.passphrase });
    await until('online', async () => (await client.ok('GET', `/devices/${device.id}`)).status === 'online');
    const id = await start(device);
    await active(client, id);
    await client.ok('DELETE', `/devices/${device.id}`); // hangs up, and ends the session
    assert.notEqual(await publisher.gone, 0);
    await until('the session ends', async () => (await session(client, id)).status === 'ended');
  });

  await t.test('a dead or misled vcr-ingest is replaced', async (t2) => {
    const device = await newDevice(client), id = await start(device);
    const publisher = new Publisher(t2, device, PLAIN);
    await active(client, id);
    const [first] = await server.children('vcr-ingest');
    process.kill(first, 'SIGKILL');
    await until('another one', async () => { const [now] = await server.children('vcr-ingest'); return now && now !== first; });
    await until('a picture again', async () => (await session(client, id)).status === 'active' && (await watch(client, id, 3, path.join(dir, 'again.h264'))) > 50);
    await publisher.stop();
    await client.ok('DELETE', `/sessions/${id}`);
  });

  await t.test('junk on the port and in a stream', async (t2) => {
    const device = await newDevice(client), id = await start(device), junk = path.join(dir, 'junk.ts');
    const port = Number(new URL(device.srt.url.replace('srt:', 'http:')).port), socket = dgram.createSocket('udp4');
    t2.after(() => socket.close());
    for (let i = 0; i < 500; i++) socket.send(randomBytes(1 + (i * 37) % 1400), port, '127.0.0.1');
    writeFileSync(junk, randomBytes(400000));
    const liar = new Publisher(t2, device, ['-re', '-f', 'data', '-i', junk, '-map', '0', '-c', 'copy', '-f', 'data']);
    await liar.gone;
    await until('the liar has left', async () => (await client.ok('GET', `/devices/${device.id}`)).status === 'offline');
    assert.equal((await session(client, id)).status, 'starting');
    const publisher = new Publisher(t2, device, PLAIN);
    await active(client, id);
    await publisher.stop();
    await client.ok('DELETE', `/sessions/${id}`);
  });

  await t.test('whose sessions', async () => {
    const device = await newDevice(client), id = await start(device), stranger = await Client.register(server, 'stranger@example.org');
    for (const [method, route, body] of [['GET', `/sessions/${id}`], ['GET', `/streams/${id}/offer`], ['DELETE', `/sessions/${id}`], ['POST', '/sessions', { type: 'streaming', device_id: device.id }],
      ['POST', `/sessions/${id}/command`, { command: 'stop' }]])
      assert.equal((await stranger.call(method, route, body)).status, 404, `${method} ${route}`);
    for (const [command, slug] of [['record', '/device-offline'], ['play', '/not-supported-by-deck'], ['rewind', '/not-supported-by-deck']]) {
      const answer = await client.call('POST', `/sessions/${id}/command`, { command });
      assert.equal(answer.status, 409);
      assert.ok(answer.json.type.endsWith(slug), answer.json.type);
      assert.equal(answer.json.deck.mode, 'stop');
    }
    await client.ok('DELETE', `/sessions/${id}`);
  });
});
