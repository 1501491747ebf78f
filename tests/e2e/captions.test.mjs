// captions.test.mjs - a capture of NTSC that kept line 21 in its top rows: what was said in it can be read, at the right times, in the lists of every player; what the owner writes
// is never overwritten.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { addTape, Client, Server, until } from './lib.mjs';

const WIDTH = 720, HEIGHT = 486, FRAMES = 120, FRAME_S = 1001 / 30000;
const odd = (byte) => { let ones = 0; for (let b = byte & 127; b; b >>= 1) ones += b & 1; return (byte & 127) | (ones & 1 ? 0 : 128); };
const pairs = (...parts) => parts.flatMap((p) => (typeof p === 'number' ? [[p >> 8, p & 255]] : p.match(/..?/g).map((s) => [s.charCodeAt(0), s.charCodeAt(1) || 0])));

/** Line 21's wave: seven cycles of run-in, a start bit, sixteen bits, of 1/32 of a line each. */
function wave(luma, row, [a, b]) {
  const bits = odd(a) | (odd(b) << 8), jitter = Math.random() * 4;
  for (let x = 0; x < WIDTH; x++) {
    const at = (x - 20 - jitter) / (858 / 32), k = Math.floor(at - 8.5);
    const high = at < 0 ? 0 : at < 7 ? 0.5 - 0.5 * Math.cos(2 * Math.PI * at) : k === 0 || (k > 0 && k <= 16 && (bits >> (k - 1)) & 1) ? 1 : 0;
    luma[row * WIDTH + x] = 20 + 100 * high + Math.random() * 16;
  }
}

function film(file) {
  const said = Array(FRAMES).fill([0, 0]);
  const say = (at, list) => list.forEach((p, i) => (said[at + i] = p));
  say(5, pairs(0x1420, 0x1420, 0x1470, 0x1470, 'Do not adjust', 0x142f, 0x142f)); // 5 + 4 + 7: with picture 16
  say(60, pairs(0x142c, 0x142c, 0x1420, 0x1470, 'your set & sit.', 0x142f)); // 60 + 4 + 8: with picture 72
  say(100, pairs(0x142c, 0x142c));
  const frames = said.map((pair, n) => {
    const yuv = Buffer.alloc((WIDTH * HEIGHT * 3) / 2, 128);
    for (let y = 0; y < HEIGHT; y++) yuv.fill(60 + ((y + n * 3) % 90), y * WIDTH, (y + 1) * WIDTH);
    wave(yuv, 1, pair);
    wave(yuv, 2, [0, 0]);
    return yuv;
  });
  const made = spawnSync('ffmpeg', ['-v', 'error', '-f', 'rawvideo', '-s', `${WIDTH}x${HEIGHT}`, '-pix_fmt', 'yuv420p', '-r', '30000/1001', '-i', '-', '-c:v', 'ffv1', '-y', file],
    { input: Buffer.concat(frames), maxBuffer: 1 << 20 });
  assert.equal(made.status, 0, String(made.stderr));
}

const seconds = (stamp) => stamp.split(':').reduce((sum, part) => sum * 60 + Number(part), 0);
const cuesOf = (text) => [...text.matchAll(/^(\S+) --> (\S+).*\n(.*)$/gm)].map(([, from, to, line]) => ({ from: seconds(from), to: seconds(to), line }));

test('captions in line 21', async (t) => {
  const server = await Server.start(t);
  const ada = await Client.register(server, 'ada@example.org');
  const file = path.join(server.dir, 'capture.mkv');
  film(file);
  const tape = await addTape(ada, file);
  assert.equal(tape.status, 'ready', tape.error);
  const root = `/hls/${tape.id}/`;
  const get = async (url) => { const r = await ada.call('GET', url); assert.equal(r.status, 200, url); return r.text; };

  await t.test('are in the playlist, and say what was said when it was said', async () => {
    const [found] = (await ada.ok('GET', `/tapes/${tape.id}/captions`)).items;
    assert.deepEqual([found.language, found.source, found.cues], ['en', 'line21', 2]);
    for (const look of ['clean', 'vhs']) {
      const list = await get(root + 'playlist.m3u8?look=' + look);
      assert.match(list, /TYPE=SUBTITLES.*LANGUAGE="en".*URI="captions\/en\.m3u8"/, look);
      assert.match(list, /STREAM-INF:.*SUBTITLES="captions"/, look);
    }
    const [uri] = (await get(root + 'captions/en.m3u8')).split('\n').filter((l) => l && !l.startsWith('#'));
    const cues = cuesOf(await get(root + 'captions/' + uri));
    assert.deepEqual(cues.map((c) => c.line), ['Do not adjust', 'your set &amp; sit.']);
    for (const [i, [from, to]] of [[16, 60], [72, 100]].entries()) {
      assert.ok(Math.abs(cues[i].from - from * FRAME_S) < 0.035, JSON.stringify(cues[i]));
      assert.ok(Math.abs(cues[i].to - to * FRAME_S) < 0.035, JSON.stringify(cues[i]));
    }
  });

  await t.test('give way to what the owner writes, and stay away when the film is processed anew', async () => {
    const mine = 'WEBVTT\n\n00:00.500 --> 00:02.000\nMy words\n';
    await ada.ok('PUT', `/tapes/${tape.id}/captions/en`, Buffer.from(mine), { 'Content-Type': 'text/vtt' });
    await ada.ok('POST', `/tapes/${tape.id}/reprocess`, {});
    await until('processed again', async () => { const [job] = (await ada.ok('GET', `/jobs?tape_id=${tape.id}`)).items; return job.status === 'done'; }, 60000);
    const [found] = (await ada.ok('GET', `/tapes/${tape.id}/captions`)).items;
    assert.deepEqual([found.source, found.cues], ['user', 1]);
    await ada.ok('DELETE', `/tapes/${tape.id}/captions/en`);
    await ada.ok('PATCH', `/tapes/${tape.id}`, { language: 'de' });
    await ada.ok('POST', `/tapes/${tape.id}/reprocess`, {});
    const items = await until('found again, in the language of the tape', async () => { const l = (await ada.ok('GET', `/tapes/${tape.id}/captions`)).items; return l.length && l; }, 60000);
    assert.deepEqual(items.map((c) => [c.language, c.source]), [['de', 'line21']]);
  });
});
