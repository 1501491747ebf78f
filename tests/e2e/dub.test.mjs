// dub.test.mjs - recording onto the tape that is in a VCR: from another session and from a device, over what was there and behind it, paused and gone on with, broken off in
// every way; and what shows afterwards.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { statSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { addTape, Client, root, Server, tempDir, until } from './lib.mjs';
import { newDevice, PLAIN, Publisher, session, watch } from './live_kit.mjs';

const replay = path.join(path.resolve(process.env.VCR_BUILD ?? path.join(root, 'build-asan')), 'tests/unit/deck/deck_replay');
const ROUNDS = process.env.VCR_LONG ? 100 : 3; // of kill -9
const FAST = { winding: 'fast', auto_rewind: false, grace_s: 600 };
const command = (client, id, name, more) => client.call('POST', `/sessions/${id}/command`, { command: name, ...more });
const key = async (client, id, name, more) => {
  const answer = await command(client, id, name, more);
  assert.equal(answer.status, 200, `${name}: ${answer.text}`);
  return answer.json.deck;
};
const deckIs = (client, id, what, check) => until(what, async () => { const { deck } = await session(client, id); return check(deck) && deck; });
const spans = async (client, tape) => (await client.ok('GET', `/tapes/${tape}/timeline`)).items;
const refused = async (answer, slug, status = 409) => {
  const a = await answer;
  assert.equal(a.status, status, a.text);
  if (slug) assert.ok(a.json.type.endsWith(slug), a.json.type);
};

/** A film of one colour with a tone. */
function film(dir, colour, seconds, pal = false) {
  const file = path.join(dir, `${colour}-${seconds}.mp4`);
  execFileSync('ffmpeg', ['-v', 'error', '-f', 'lavfi', '-i', `color=${colour}:s=${pal ? '720x576:r=25' : '720x480:r=30000/1001'}:d=${seconds}`, '-f', 'lavfi', '-i', `sine=f=440:r=48000:d=${seconds}`,
    '-vf', pal ? 'setsar=16/15' : 'setsar=8/9', '-c:v', 'libx264', '-preset', 'ultrafast', '-profile:v', 'baseline', '-g', '15', '-pix_fmt', 'yuv420p', '-c:a', 'aac', '-shortest', file]);
  return file;
}

/** The colour of each picture of what ffmpeg reads there. */
function colours(input) {
  const raw = execFileSync('ffmpeg', ['-v', 'error', '-i', input, '-map', '0:v', '-vf', 'scale=1:1:flags=area,format=rgb24', '-fps_mode', 'passthrough', '-f', 'rawvideo', '-'], { maxBuffer: 1 << 28 });
  const seen = [];
  for (let i = 0; i + 2 < raw.length; i += 3) {
    const [r, g, b] = raw.subarray(i, i + 3);
    seen.push({ colour: r > g + 60 && r > b + 60 ? 'red' : g > r + 40 && g > b + 40 ? 'green' : b > r + 40 && b > g + 40 ? 'blue' : Math.min(r, g, b) > 180 ? 'white' : `${r},${g},${b}` });
  }
  return seen;
}
/** One after another. */
const runs = (seen) => seen.filter((s, i) => i === 0 || s.colour !== seen[i - 1].colour).map((s) => s.colour);

async function hls(client, tape) {
  await until('bridges and sound', async () => (await client.ok('GET', `/jobs?tape_id=${tape}`)).items.every((j) => j.kind === 'finish' || ['done', 'failed'].includes(j.status)), 60000);
  return new URL((await client.ok('POST', `/hls/${tape}/token`, {})).url + '&look=clean', client.url).href;
}

/** Decodes all of it without a word; as long as that; sound and picture end together. */
async function plays(client, tape, seconds, unrecorded = 0) {
  const url = await hls(client, tape);
  const run = spawnSync('ffmpeg', ['-v', 'error', '-xerror', '-i', url, '-f', 'null', '-'], { encoding: 'utf8' });
  assert.deepEqual([run.status, run.stderr], [0, '']);
  for (const [kind, off] of [['v', 0.15], ['a', 0.2]]) {
    const ends = execFileSync('ffprobe', ['-v', 'error', '-select_streams', kind, '-show_entries', 'packet=pts_time,duration_time', '-of', 'csv=p=0', url], { encoding: 'utf8', maxBuffer: 1 << 28 })
      .trim().split('\n').map((l) => l.split(',').map(Number)), first = Math.min(...ends.map((e) => e[0])), last = Math.max(...ends.map((e) => e[0] + (e[1] || 0)));
    assert.ok(Math.abs(last - first - seconds) < off + unrecorded, `${kind}: ${last - first} s of ${seconds} s`);
  }
  return url;
}

test('recording onto a tape', async (t) => {
  const server = await Server.start(t);
  const client = await Client.register(server);
  const dir = tempDir();
  // None ends while a slow machine records from the one onto the other, or does more meanwhile.
  const red = film(dir, 'red', 20), longer = film(dir, 'red', 40), green = film(dir, 'green', 90);
  const source = await addTape(client, green, 'green');
  const deck = async (tape, look = 'clean') => {
    const { id } = await client.ok('POST', '/sessions', { type: 'emulation', tape_id: tape, look, settings: FAST });
    await deckIs(client, id, 'loaded', (d) => d.mode === 'stop' && d.tape_in);
    return id;
  };
  const paused = async (tape, at) => {
    const id = await deck(tape);
    await key(client, id, 'seek', { position: at });
    await deckIs(client, id, `pause at ${at}`, (d) => d.mode === 'pause' && !d.pending && Math.abs(d.position - at) < 0.1);
    return id;
  };
  const playing = async (tape = source.id) => {
    const id = await paused(tape, 1);
    await key(client, id, 'play');
    await deckIs(client, id, 'plays', (d) => d.mode === 'play' && d.servo === 'locked' && d.position > 1.2);
    return id;
  };
  const recordTo = (id, at) => deckIs(client, id, `recorded to ${at}`, (d) => d.mode === 'record' && d.position >= at);
  const sealed = (tape) => until('it is sealed', async () => (await client.ok('GET', `/tapes/${tape}`)).status === 'ready');

  const recorded = async (tape) => (await client.ok('GET', `/tapes/${tape}/history`)).items.find((i) => i.action === 'recorded');
  /** The log of a deck at rest, run on a deck alone, comes to where it is. */
  const runsAgain = async (id) => {
    const { text } = await client.call('GET', `/sessions/${id}/log`), { deck: is } = await session(client, id);
    const run = spawnSync(replay, { input: text, encoding: 'utf8' });
    assert.equal(run.status, 0, run.stderr);
    const states = run.stdout.trim().split('\n').map((line) => JSON.parse(line)), last = states.at(-1);
    assert.ok(states.some((s) => s.mode === 'record'), 'it recorded, in the log, too');
    assert.deepEqual([last.mode, last.counter, last.command_seq, last.stop_reason || null], [is.mode, is.counter, is.command_seq, is.stop_reason]);
    assert.ok(Math.abs(last.position - is.position) < 0.001, `${last.position}, ${is.position}`);
  };

  await t.test('a stretch from one session over a tape in another', async () => {
    const tape = await addTape(client, longer, 'red'), from = await playing(), to = await paused(tape.id, 7.3);
    const at = (await session(client, to)).deck.position;
    await key(client, to, 'record', { input: { session_id: from } });
    assert.equal((await deckIs(client, to, 'it records', (d) => d.mode === 'record' && d.position > at)).picture, 'input');
    const now = await session(client, to);
    assert.deepEqual(now.deck.input, { session_id: from, device_id: null });
    const seen = path.join(dir, 'input.h264');
    assert.ok(await watch(client, to, 3, seen) > 60);
    assert.deepEqual(runs(colours(seen)), ['green']);
    await recordTo(to, at + 4);
    const other = await deck(source.id);
    await refused(command(client, other, 'insert', { tape_id: tape.id }), null);
    await client.ok('DELETE', `/sessions/${other}`);
    for (const name of ['eject', 'rewind', 'power']) await refused(command(client, to, name), '/busy-recording');
    const end = (await key(client, to, 'stop')).position;
    await sealed(tape.id);
    const items = await spans(client, tape.id);
    assert.deepEqual(items.map((s) => s.reel.replace(/\d+/, 'N')), ['film', 'take-N', 'film'], JSON.stringify(items));
    const [before, take, after] = items;
    assert.ok(Math.abs(take.tape_start - at) < 0.002 && before.tape_end === take.tape_start, `${take.tape_start} for ${at}`);
    assert.ok(take.tape_end >= end - 0.02 && take.tape_end < end + 0.06 && after.tape_start === take.tape_end, `${take.tape_end} for ${end}`);
    assert.deepEqual([before.generation, take.generation, after.generation], [0, 1, 0]);
    // at once, before any job
    await key(client, to, 'seek', { position: at - 1.5 });
    await deckIs(client, to, 'there', (d) => d.mode === 'pause' && !d.pending);
    const back = path.join(dir, 'played.h264'), watched = watch(client, to, 8, back);
    await until('it is watched', () => statSync(back).size > 0); // before it plays: a second and a half later the red is over
    await key(client, to, 'play');
    await watched;
    assert.deepEqual(runs(colours(back)).filter((c) => /^(red|green)$/.test(c)).slice(0, 2), ['red', 'green']);
    await key(client, to, 'stop');
    // by HLS, to the picture
    const url = await plays(client, tape.id, tape.duration), pictures = colours(url);
    assert.deepEqual(runs(pictures), ['red', 'green', 'red']);
    const first = pictures.findIndex((p) => p.colour === 'green') * 1001 / 30000; // the film before it has all its pictures
    assert.ok(Math.abs(first - at) < 0.05, `${first} for ${at}`);
    // and the rest is made: its pictures for the tape's look
    const rest = await until('the rest is made', async () => (await client.ok('GET', `/jobs?tape_id=${tape.id}`)).items.filter((j) => j.kind === 'finish').every((j) => j.finished_at) &&
      (await client.ok('GET', `/jobs?tape_id=${tape.id}`)).items.filter((j) => j.kind === 'finish'), 60000);
    assert.deepEqual(rest.map((j) => [j.status, j.error]), [['done', null]]);
    const { details } = await recorded(tape.id);
    assert.deepEqual([details.source.tape_id, details.stop_reason], [source.id, 'stop']);
    await runsAgain(to);
    await client.ok('DELETE', `/sessions/${from}`);
    await client.ok('DELETE', `/sessions/${to}`);
  });

  await t.test('record pause: the next scene begins where the last one ended', async () => {
    const tape = await addTape(client, red, 'assembled'), from = await playing(), to = await paused(tape.id, 4);
    await key(client, to, 'record', { input: { session_id: from } });
    await recordTo(to, 6);
    await key(client, to, 'pause');
    const rest = await deckIs(client, to, 'record pause', (d) => d.mode === 'record_pause' && !d.pending);
    assert.equal(rest.picture, 'input');
    await sealed(tape.id);
    await key(client, to, 'pause');
    await recordTo(to, rest.position + 2);
    await key(client, to, 'stop');
    await until('both', async () => (await spans(client, tape.id)).filter((s) => s.reel !== 'film').length === 2);
    await sealed(tape.id);
    const [, one, two] = await spans(client, tape.id);
    assert.ok(one.tape_end === two.tape_start && Math.abs(two.tape_start - rest.position) < 0.002, `${one.tape_end}, ${two.tape_start}, paused at ${rest.position}`);
    assert.deepEqual(runs(colours(await plays(client, tape.id, tape.duration))), ['red', 'green', 'red']);
    await client.ok('DELETE', `/sessions/${from}`);
    await client.ok('DELETE', `/sessions/${to}`);
  });

  await t.test('from a device onto a blank tape', async (t2) => {
    const device = await newDevice(client), publisher = new Publisher(t2, device, PLAIN);
    const tape = await client.ok('POST', '/tapes', { title: 'blank', length_minutes: 30 });
    const to = await deck(tape.id);
    await until('it sends', async () => (await client.ok('GET', `/devices/${device.id}`)).status === 'online');
    await key(client, to, 'record', { input: { device_id: device.id } });
    await recordTo(to, 8);
    assert.deepEqual((await session(client, to)).deck.input, { session_id: null, device_id: device.id });
    await publisher.stop(); // and goes in the middle
    const over = await deckIs(client, to, 'it ends', (d) => d.mode === 'stop');
    assert.equal(over.stop_reason, 'input');
    await sealed(tape.id);
    assert.equal((await recorded(tape.id)).details.stop_reason, 'input');
    const items = await spans(client, tape.id), row = await client.ok('GET', `/tapes/${tape.id}`);
    assert.deepEqual([items.length, items[0].generation], [1, 0]);
    assert.ok(items[0].tape_start < 6, `its picture came ${items[0].tape_start} s late`);
    assert.ok(items[0].tape_end > 7.9, JSON.stringify(items));
    await plays(client, tape.id, row.duration, items[0].tape_start + 0.4); // nor is there the sound that the publisher had not sent when it went
    await refused(command(client, to, 'record', { input: { device_id: device.id } }), '/device-offline');
    await client.ok('DELETE', `/sessions/${to}`);
  });

  await t.test('the source stops, and then ends', async () => {
    const tape = await addTape(client, red, 'cut off'), from = await playing(), to = await paused(tape.id, 3);
    await key(client, to, 'record', { input: { session_id: from } });
    await recordTo(to, 5);
    await key(client, from, 'stop'); // a blue picture is one
    await recordTo(to, 7);
    await client.ok('DELETE', `/sessions/${from}`);
    const over = await deckIs(client, to, 'it ends', (d) => d.mode === 'stop');
    assert.equal(over.stop_reason, 'input');
    await sealed(tape.id);
    assert.equal((await recorded(tape.id)).details.stop_reason, 'input');
    const seen = runs(colours(await plays(client, tape.id, tape.duration)));
    assert.deepEqual([seen[0], seen[1], seen.at(-1)], ['red', 'green', 'red']);
    assert.ok(seen.includes('blue'), seen.join());
    await client.ok('DELETE', `/sessions/${to}`);
  });

  await t.test('the source changes from an NTSC tape to a PAL one', async () => {
    const pal = await addTape(client, film(dir, 'white', 14, true), 'pal'), tape = await addTape(client, red, 'of both'), from = await playing(), to = await paused(tape.id, 3);
    assert.equal(pal.status, 'ready', pal.error);
    await key(client, to, 'record', { input: { session_id: from } });
    await recordTo(to, 5);
    await key(client, from, 'eject');
    await deckIs(client, from, 'it is out', (d) => d.mode === 'eject' || !d.tape_in);
    await key(client, from, 'insert', { tape_id: pal.id });
    await deckIs(client, from, 'the other is in', (d) => d.mode === 'stop' && d.tape_in?.tape_id === pal.id);
    await key(client, from, 'play');
    await deckIs(client, from, 'it plays', (d) => d.mode === 'play' && d.servo === 'locked');
    const at = (await session(client, to)).deck.position;
    await recordTo(to, at + 1.5); // on and on
    await key(client, to, 'stop');
    await sealed(tape.id);
    const items = await spans(client, tape.id), [, one, two] = items;
    assert.deepEqual(items.map((i) => i.reel.replace(/\d+/, 'N')), ['film', 'take-N', 'take-N', 'film'], JSON.stringify(items));
    assert.equal(one.tape_end, two.tape_start, 'nothing of before between them');
    const told = (await client.ok('GET', `/tapes/${tape.id}/history`)).items.filter((i) => i.action === 'recorded').map((i) => i.details.stop_reason);
    assert.deepEqual(told.sort(), ['picture_changed', 'stop']);
    await key(client, to, 'seek', { position: one.tape_start + 0.5 });
    await deckIs(client, to, 'there', (d) => d.mode === 'pause' && !d.pending);
    await key(client, to, 'play');
    const back = path.join(dir, 'both.h264');
    await watch(client, to, two.tape_end - one.tape_start, back);
    assert.match(runs(colours(back).filter((p) => /^(green|blue|white)$/.test(p.colour))).join(), /green,blue,white/); // blue: no tape was in
    const url = await plays(client, tape.id, tape.duration);
    assert.deepEqual(runs(colours(url)), ['red', 'green', 'blue', 'white', 'red']);
    const sizes = execFileSync('ffprobe', ['-v', 'error', '-select_streams', 'v', '-show_entries', 'frame=width,height', '-of', 'csv=p=0', url], { encoding: 'utf8', maxBuffer: 1 << 28 });
    assert.deepEqual(sizes.match(/\d+,\d+/g).filter((l, i, all) => l !== all[i - 1]), ['720,480', '720,576', '720,480']);
    await client.ok('DELETE', `/sessions/${from}`);
    await client.ok('DELETE', `/sessions/${to}`);
  });

  await t.test('what is refused', async () => {
    const tape = await addTape(client, red, 'refused'), from = await playing(), to = await deck(tape.id), twin = await deck(tape.id);
    const record = (id, input, c = client) => command(c, id, 'record', input && { input });
    await refused(record(to, { session_id: to }), null, 422);
    await refused(record(to, { session_id: from, device_id: 1 }), null, 422);
    await refused(record(to, { session_id: 'x' }), null, 422);
    await refused(record(to, { session_id: '01890000-0000-7000-8000-000000000000' }), null, 404);
    await refused(record(to, { device_id: 999999 }), null, 404);
    await refused(record(to, { session_id: from }), '/tape-in-use');
    await client.ok('DELETE', `/sessions/${twin}`);
    await refused(record(to, null), null, 422);
    const stranger = await Client.register(server, 'second@example.org');
    const own = await stranger.ok('POST', '/sessions', { type: 'emulation' });
    await refused(record(own.id, { session_id: from }, stranger), null, 404);
    await client.ok('PATCH', `/tapes/${tape.id}`, { write_protected: true }); // while it is in
    await refused(record(to, { session_id: from }), '/write-protected');
    const still = (await session(client, to)).deck;
    assert.deepEqual([still.mode, still.tape_in.tape_id], ['stop', tape.id]); // and it stays in
    await client.ok('DELETE', `/sessions/${to}`);
    const shut = await deck(tape.id);
    await refused(record(shut, { session_id: from }), '/write-protected');
    const empty = await client.ok('POST', '/sessions', { type: 'emulation' });
    await refused(record(empty.id, { session_id: from }), '/no-tape');
    for (const id of [shut, from, empty.id]) await client.ok('DELETE', `/sessions/${id}`);
  });

  await t.test('two VCRs cannot record each other', async () => {
    const a = await addTape(client, red, 'a'), one = await playing(), two = await deck(a.id);
    await key(client, two, 'record', { input: { session_id: one } });
    await deckIs(client, two, 'records', (d) => d.mode === 'record' && d.position > 1.5);
    await refused(command(client, one, 'record', { input: { session_id: two } }), null);
    await client.ok('DELETE', `/sessions/${two}`); // answers when it is sealed
    assert.equal((await client.ok('GET', `/tapes/${a.id}`)).status, 'ready');
    assert.equal((await spans(client, a.id)).length, 2);
    await client.ok('DELETE', `/sessions/${one}`);
  });

  await t.test(`kill -9, ${ROUNDS} times`, async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const tape = await addTape(client, red, `killed ${round}`), from = await playing(), to = await paused(tape.id, 5.2);
      const at = (await session(client, to)).deck.position;
      await key(client, to, 'record', { input: { session_id: from } });
      const seen = await recordTo(to, at + 2.5 + (round % 3));
      await new Promise((done) => setTimeout(done, (round * 379) % 1000)); // anywhere in a fragment
      await server.kill('SIGKILL');
      await server.run();
      client.url = server.url;
      client.token = (await client.ok('POST', '/auth/login', { email: client.email, password: client.password })).access_token; // many rounds take longer than a token lasts
      await sealed(tape.id);
      const items = await spans(client, tape.id);
      assert.deepEqual(items.map((s) => s.reel.replace(/\d+/, 'N')), ['film', 'take-N', 'film'], `round ${round}`);
      assert.ok(Math.abs(items[1].tape_start - at) < 0.002);
      assert.ok(items[1].tape_end > seen.position - 2.2, `round ${round}: ${items[1].tape_end} s of ${seen.position} s`); // a fragment, and what was under way to the disk
      assert.deepEqual(runs(colours(await plays(client, tape.id, tape.duration))), ['red', 'green', 'red'], `round ${round}`);
      assert.equal((await client.ok('GET', `/tapes/${tape.id}/history`)).items.find((i) => i.action === 'recorded').details.recovered, true);
    }
  });
});
