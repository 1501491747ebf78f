// replay.test.mjs - a deck in settled PLAY shows what was made for players: the same segments, and nobody sees where they begin and end.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { addTape, browser, Client, picture, Server, tempDir, until } from './lib.mjs';
import { watch } from './live_kit.mjs';

const STEP = 12, WIDTH = 720, BAR = 48; // a bar goes that far with each picture, so that its place is the picture's number

function film(dir) {
  const file = path.join(dir, 'bar.mp4');
  const bar = `color=c=0x303030:s=${WIDTH}x480:r=30000/1001:d=24[b];color=c=white:s=${BAR}x480:r=30000/1001:d=24[w];[b][w]overlay=x='mod(n*${STEP},${WIDTH - BAR})':y=0,setsar=8/9`;
  execFileSync('ffmpeg', ['-v', 'error', '-filter_complex', bar, '-f', 'lavfi', '-i', 'sine=440:r=48000:d=24', '-c:v', 'libx264', '-preset', 'ultrafast', '-bf', '0', '-g', '30',
    '-pix_fmt', 'yuv420p', '-c:a', 'aac', file]);
  return file;
}

/** Where the bar is in each picture of a stream: number of the picture within its round, -1: nowhere. */
function places(stream) {
  const raw = execFileSync('ffmpeg', ['-v', 'error', '-f', 'h264', '-i', stream, '-vf', `crop=${WIDTH}:120:0:180,scale=${WIDTH}:1:flags=area,format=gray`, '-f', 'rawvideo', '-'],
    { maxBuffer: 64 << 20 });
  const found = [];
  for (let at = 0; at + WIDTH <= raw.length; at += WIDTH) {
    let sum = 0, weight = 0;
    for (let x = 0; x < WIDTH; x++) if (raw[at + x] > 130) { sum += x; weight++; }
    found.push(weight > BAR / 2 && weight < BAR * 2 ? Math.round((sum / weight - (BAR - 1) / 2) / STEP) : -1);
  }
  return found;
}

const metric = async (server, name) => Number((await (await fetch(server.url + '/metrics')).text()).split('\n').find((l) => l.startsWith(`vcr_${name} `)).split(' ').pop());
const command = (client, id, name) => client.ok('POST', `/sessions/${id}/command`, { command: name });

async function makeAll(server, client, tape) {
  const get = (url) => until(url, async () => { const r = await fetch(new URL(url, server.url)); return r.status === 200 && { url: r.url, text: await r.text() }; });
  const { url } = await client.ok('POST', `/hls/${tape.id}/token`, {});
  const master = await get(url + '&look=vhs');
  const list = await get(new URL(/#EXT-X-STREAM-INF:\S+\n(\S+)/.exec(master.text)[1], master.url).href);
  await get(new URL(/EXT-X-MAP:URI="([^"]+)"/.exec(list.text)[1], list.url).href);
  for (const [, uri] of list.text.matchAll(/#EXTINF:[\d.]+,\n(\S+)/g)) await get(new URL(uri, list.url).href);
}

test('what was made for players is shown to viewers of a deck, without a seam', async (t) => {
  const dir = tempDir(), server = await Server.start(t);
  const client = await Client.register(server);
  const tape = await addTape(client, film(dir));
  await makeAll(server, client, tape);
  const made = await metric(server, 'maker_made_total');
  const session = await client.ok('POST', '/sessions', { type: 'emulation', tape_id: tape.id });
  const stream = path.join(dir, 'seen.h264');
  const seen = watch(client, session.id, 18, stream);
  await command(client, session.id, 'play');
  const passed = until('made pictures are shown', () => metric(server, 'render_passed_frames_per_second'));
  await passed;
  await until('some of them', async () => (await client.ok('GET', `/sessions/${session.id}`)).deck.position > 10.5);
  await command(client, session.id, 'pause');
  await until('the picture stands', async () => (await metric(server, 'render_passed_frames_per_second')) === 0);
  await seen;
  assert.equal(await metric(server, 'render_pieces_total{found="yes"}') > 2, true);
  assert.equal(await metric(server, 'maker_made_total'), made, 'who watches alone has nothing made');

  const round = (WIDTH - BAR) / STEP, at = places(stream);
  const moves = at.map((p, i) => (i && p >= 0 && at[i - 1] >= 0 ? (p - at[i - 1] + round) % round : null));
  const first = moves.findIndex((m, i) => i > 5 && moves.slice(i, i + 30).every((x) => x === 1)), last = moves.lastIndexOf(1);
  assert.ok(first >= 0, `it plays: ${at.slice(0, 80)}`);
  const bad = moves.slice(first, last + 1).flatMap((m, i) => (m === 1 ? [] : [`${first + i}: ${at[first + i - 1]} ${at[first + i]}`]));
  assert.deepEqual(bad, [], `${last - first} pictures`);
  assert.ok(last - first > 200);
  assert.ok(moves.slice(last + 2, -1).every((m) => m === 0), 'it stands');
});

test('the second deck at a place has it made, pictures and sound', async (t) => {
  const server = await Server.start(t), client = await Client.register(server);
  const tape = await addTape(client, film(tempDir()));
  const first = await client.ok('POST', '/sessions', { type: 'emulation', tape_id: tape.id });
  const alone = watch(client, first.id, 14, path.join(tempDir(), 'alone.h264'));
  await command(client, first.id, 'play');
  await alone;
  assert.ok(await metric(server, 'render_pieces_total{found="no"}') > 4);
  assert.equal(await metric(server, 'maker_made_total'), 0, 'nothing for one alone');
  await client.ok('DELETE', `/sessions/${first.id}`);
  const second = await client.ok('POST', '/sessions', { type: 'emulation', tape_id: tape.id });
  const deck = async () => (await client.ok('GET', `/sessions/${second.id}`)).deck;
  await until('it is loaded', async () => (await deck()).mode === 'stop');
  await command(client, second.id, 'rewind');
  await until('it is at its start', async () => { const d = await deck(); return d.position < 0.5 && d.mode === 'stop'; });
  const seen = watch(client, second.id, 24, path.join(tempDir(), 'seen.h264'));
  await command(client, second.id, 'play');
  await until('made pictures are shown', () => metric(server, 'render_passed_frames_per_second'));
  await seen;
  assert.ok(await metric(server, 'maker_made_total') > 3);
});

test('Chromium goes on over the borders, into made pictures and out of them', async (t) => {
  const server = await Server.start(t), client = await Client.register(server);
  const tape = await addTape(client, film(tempDir()), 'Bar');
  await makeAll(server, client, tape);
  const page = await browser(t);
  await page.goto(server.url);
  await page.getByLabel('E-mail').fill(client.email);
  await page.getByLabel('Password').fill(client.password);
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await page.getByRole('button', { name: /^Insert .*Bar/ }).click();
  await until('threaded', async () => /stop/i.test(await page.locator('.vfd .mode').innerText()));
  await page.getByRole('button', { name: 'Play', exact: true }).click();
  await until('made pictures are shown', () => metric(server, 'render_passed_frames_per_second'));
  const before = await picture(page);
  await until('they are decoded, and heard', async () => { const p = await picture(page); return p.frames > before.frames + 60 && p.energy > before.energy; });
  await page.getByRole('button', { name: 'Pause', exact: true }).click();
  await until('none are sent', async () => (await metric(server, 'render_passed_frames_per_second')) === 0);
  const still = await picture(page);
  await until('what is drawn is decoded', async () => (await picture(page)).frames > still.frames + 20);
});

test('with the setting off every picture is drawn', async (t) => {
  const server = await Server.start(t, { VCR_RENDER_CACHE_SESSIONS: 'off' }), client = await Client.register(server);
  const tape = await addTape(client, film(tempDir()));
  const session = await client.ok('POST', '/sessions', { type: 'emulation', tape_id: tape.id });
  const seen = watch(client, session.id, 9, path.join(tempDir(), 'seen.h264'));
  await command(client, session.id, 'play');
  await seen;
  assert.equal(await metric(server, 'render_pieces_total{found="no"}'), 0);
});
