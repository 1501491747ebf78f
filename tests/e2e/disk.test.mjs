// disk.test.mjs - a disk that answers EIO, that is full, and one so slow that recovery takes its time: what can go on goes on, what cannot says so, and all is well when the
// disk is. tests/fault/faults.c, loaded into the server as it is, breaks and mends it.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { addTape, Client, clip, root, Server, tempDir, until } from './lib.mjs';
import { active, asItIs, newDevice, PLAIN, Publisher, session } from './live_kit.mjs';

const shim = path.join(path.resolve(process.env.VCR_BUILD ?? path.join(root, 'build-asan')), 'tests/faults.so');

/** A server whose disk does what is told: hurt('eio-read', part of a path), heal(). */
async function onBadDisk(t) {
  const dir = tempDir(), rules = path.join(dir, 'rules'), told = new Set();
  mkdirSync(rules);
  const hurt = (rule, what) => { told.add(rule); writeFileSync(path.join(rules, rule), what); };
  const heal = () => { for (const rule of told) rmSync(path.join(rules, rule), { force: true }); told.clear(); };
  t.after(heal); // before the server's own hook, or it would not end
  // what vcr-render may not read, by its number: it maps this file, so that it never becomes shorter
  const inode = path.join(rules, 'eio-inode');
  writeFileSync(inode, Buffer.alloc(8));
  const hurtRender = (file) => {
    const number = Buffer.alloc(8);
    if (file) number.writeBigUInt64LE(statSync(path.join(dir, 'data/blobs', file), { bigint: true }).ino);
    writeFileSync(inode, number, { flag: 'r+' });
  };
  const server = await Server.start(t, { LD_PRELOAD: shim, VCR_FAULTS: rules }, dir);
  return { server, hurt, heal, hurtRender, client: await Client.register(server) };
}

const ready = async (server) => { const answer = await fetch(server.url + '/readyz'); return { http: answer.status, ...await answer.json() }; };
const command = (client, id, name, more) => client.call('POST', `/sessions/${id}/command`, { command: name, ...more });
const tapeOf = (client, id) => client.ok('GET', `/tapes/${id}`);
const recordedFor = (client, id, seconds) => until(`${seconds} s on the tape`, async () => (await session(client, id)).deck.position >= seconds);

async function record(t, client) {
  const device = await newDevice(client);
  const { id } = await client.ok('POST', '/sessions', { type: 'streaming', device_id: device.id });
  const publisher = new Publisher(t, device, PLAIN);
  await active(client, id);
  const answer = await command(client, id, 'record', {});
  assert.equal(answer.status, 200, answer.text);
  return { id, publisher, tape: answer.json.deck.tape_in.tape_id };
}

async function plays(client, tape) {
  const url = new URL((await client.ok('POST', `/hls/${tape.id}/token`)).url + '&look=clean', client.url).href;
  const run = spawnSync('ffmpeg', ['-v', 'error', '-xerror', '-i', url, ...asItIs, '-f', 'null', '-'], { encoding: 'utf8', timeout: 60000 });
  assert.deepEqual([run.status, run.stderr], [0, '']);
}

test('a disk that answers EIO', async (t) => {
  const { server, hurt, heal, client } = await onBadDisk(t);

  await t.test('while films are watched: that film breaks off, the server and other films do not', async () => {
    const [bad, good] = [await addTape(client, clip('movie-hello.mpeg'), 'bad'), await addTape(client, clip('movie-hello.mp4'), 'good')];
    const reel = async (tape) => `${server.url}/api/v1/hls/${tape.id}/t/${(await client.ok('POST', `/hls/${tape.id}/token`)).token}/video.mp4`;
    const first = await (await fetch(await reel(bad))).arrayBuffer();
    hurt('eio-read', `tapes/${bad.id}/`);
    await assert.rejects(async () => (await fetch(await reel(bad))).arrayBuffer());
    assert.ok((await (await fetch(await reel(good))).arrayBuffer()).byteLength > 1000);
    await assert.rejects(client.ok('GET', `/tapes/${bad.id}/media`));
    heal();
    assert.deepEqual(await (await fetch(await reel(bad))).arrayBuffer(), first);
  });

  await t.test('in the database: changes are refused with a problem, reading goes on, /readyz says so', async () => {
    for (const rule of ['eio-write', 'eio-sync']) {
      hurt(rule, 'vcr.db');
      const refused = await client.call('POST', '/tapes', { title: 'not kept' });
      assert.ok(refused.status >= 500, `${rule}: ${refused.status}`);
      assert.match(refused.headers.get('content-type'), /problem\+json/);
      assert.equal((await client.call('GET', '/tapes')).status, 200);
      await until('it is told', async () => { const now = await ready(server); return now.http === 503 && now.reasons.includes('the database takes no changes') || assert.fail(JSON.stringify(now)); });
      heal();
      await until('it is over', async () => (await ready(server)).http === 200);
      const taken = await client.ok('POST', '/tapes', { title: `kept after ${rule}` });
      const titles = (await client.ok('GET', '/tapes')).items.map((x) => x.title);
      assert.ok(titles.includes(taken.title) && !titles.includes('not kept'), titles.join());
    }
  });

  await t.test('while an original is read: its job is tried again, and the tape comes out', async () => {
    const tape = await client.ok('POST', '/tapes', { title: 'later' });
    hurt('eio-read', `tapes/${tape.id}/original`);
    const { readFileSync } = await import('node:fs');
    await client.ok('PUT', `/tapes/${tape.id}/media`, readFileSync(clip('movie-hello.mp4')));
    const job = () => client.ok('GET', `/jobs?tape_id=${tape.id}`).then((list) => list.items[0]);
    await until('it failed once', async () => { const now = await job(); return now.attempts >= 1 && now.status !== 'running' && now; });
    heal();
    await until('ready', async () => (await tapeOf(client, tape.id)).status === 'ready', 120000);
  });

  await t.test('while a live picture is recorded: what was whole is a tape, and the next recording works', async (t2) => {
    for (const rule of ['eio-write', 'eio-sync']) {
      const { id, publisher, tape } = await record(t2, client);
      await recordedFor(client, id, 3);
      hurt(rule, `tapes/${tape}/c1/clean.mp4`);
      const over = await until('it is over', async () => { const s = await session(client, id); return s.deck.stop_reason && s; });
      assert.equal(over.deck.stop_reason, 'fault');
      heal();
      const kept = await until('a tape', async () => { const now = await tapeOf(client, tape); return now.status !== 'recording' && now; });
      assert.equal(kept.status, 'ready');
      assert.ok(kept.duration >= 2, `${kept.duration} s`);
      await plays(client, kept);
      const again = await command(client, id, 'record', {});
      assert.equal(again.status, 200, again.text);
      await recordedFor(client, id, 1);
      await client.ok('DELETE', `/sessions/${id}`);
      assert.equal((await tapeOf(client, again.json.deck.tape_in.tape_id)).status, 'ready');
      await publisher.stop();
    }
  });
});

test('a disk that answers EIO to vcr-render', async (t) => {
  const { server, hurtRender, client } = await onBadDisk(t);
  const [bad, good] = [await addTape(client, clip('movie-hello.mpeg'), 'bad'), await addTape(client, clip('movie-hello.mp4'), 'good')];
  const { items: [job] } = await client.ok('GET', `/jobs?tape_id=${bad.id}`);
  const reel = `tapes/${bad.id}/r${job.id}/tape.mp4`;
  const segment = async (tape, n) => {
    const list = `${server.url}/api/v1/hls/${tape.id}/t/${(await client.ok('POST', `/hls/${tape.id}/token`)).token}/vhs/video.m3u8`;
    const text = await (await fetch(list)).text(), uri = text.split('\n').filter((l) => l && !l.startsWith('#'))[n];
    assert.ok(uri, text);
    const answer = await fetch(new URL(uri, list));
    return { status: answer.status, body: Buffer.from(await answer.arrayBuffer()) };
  };
  const given = (tape, n) => until(`segment ${n} of ${tape.title}`, async () => { const a = await segment(tape, n); return a.status === 200 && a.body; }, 60000);

  await t.test('while segments are made: nothing that the disk made is kept, and they come when it is well', async () => {
    hurtRender(reel);
    await until('it is refused', async () => (await segment(bad, 0)).status === 500); // a busy maker says 503 before that
    assert.ok((await given(good, 0)).length > 1000);
    hurtRender();
    const after = await given(bad, 0);
    await server.kill('SIGTERM');
    rmSync(path.join(server.dir, 'data/render-cache'), { recursive: true });
    await server.run();
    client.url = server.url;
    assert.deepEqual(await given(bad, 0), after);
  });

  await t.test('while it plays: that film has no picture until it is put in again, the process and its other decks go on', async () => {
    const insert = async (tape) => {
      const { id } = await client.ok('POST', '/sessions', { type: 'emulation', tape_id: tape.id, settings: { grace_s: 600 } });
      await until('loaded', async () => (await session(client, id)).deck.mode === 'stop');
      return id;
    };
    const plays = async (id) => {
      assert.equal((await command(client, id, 'play')).status, 200);
      await until('it plays', async () => { const { deck } = await session(client, id); return deck.mode === 'play' && deck.position > 0.3; });
    };
    const died = () => server.log.split('\n').filter((l) => /vcr-render .*(ended|replaced)/.test(l));
    const [hurt, well] = [await insert(bad), await insert(good)];
    hurtRender(reel);
    assert.equal((await command(client, hurt, 'play')).status, 200);
    await until('it is told', () => server.log.includes(`${hurt}: its seat failed: the tape's video reel cannot be played here`), 30000);
    await plays(well);
    assert.deepEqual(died(), []);
    hurtRender();
    await client.ok('DELETE', `/sessions/${hurt}`);
    const again = await insert(bad);
    await plays(again);
    assert.ok(!server.log.includes(`${again}: its seat failed`), server.log);
    assert.deepEqual(died(), []);
  });
});

test('recovery from a slow disk does not keep the server from starting', async (t) => {
  const { server, hurt, heal, client } = await onBadDisk(t);
  const { id, publisher, tape } = await record(t, client);
  await recordedFor(client, id, 3);
  await server.kill('SIGKILL');
  await publisher.gone;
  hurt('wait-read', `tapes/${tape}/c1/clean.mp4`);
  await server.run();
  client.url = server.url;
  assert.equal((await fetch(server.url + '/healthz')).status, 200);
  const now = await until('the render processes run', async () => { const seen = await ready(server); return !seen.reasons.some((r) => /render processes/.test(r)) && seen; });
  assert.deepEqual([now.http, now.status, now.reasons], [200, 'degraded', ["1 recording that broke off is being made whole"]]);
  assert.equal((await tapeOf(client, tape)).status, 'recording');
  await client.ok('POST', '/tapes', { title: 'meanwhile' });
  heal();
  const kept = await until('a tape', async () => { const seen = await tapeOf(client, tape); return seen.status !== 'recording' && seen; });
  assert.deepEqual([kept.status, kept.media.recovered], ['ready', true]);
  await plays(client, kept);
  await until('nothing is left', async () => (await ready(server)).reasons.length === 0);
});

test('a disk that is full while a live picture is recorded', async (t) => {
  const { hurt, heal, client } = await onBadDisk(t), { id, publisher, tape } = await record(t, client);
  await recordedFor(client, id, 3);
  hurt('full-write', `tapes/${tape}/c1/clean.mp4`); // for what is needed to seal it room was set aside
  const over = await until('it is over', async () => { const s = await session(client, id); return s.deck.stop_reason && s; });
  heal();
  assert.equal(over.deck.stop_reason, 'disk_full');
  const kept = await until('a tape', async () => { const now = await tapeOf(client, tape); return now.status !== 'recording' && now; });
  assert.equal(kept.status, 'ready');
  assert.ok(kept.duration > 2, `${kept.duration} s`);
  await plays(client, kept);
  const { details } = (await client.ok('GET', `/tapes/${tape}/history`)).items.find((i) => i.action === 'recorded');
  assert.equal(details.stop_reason, 'disk_full');
  assert.equal((await session(client, id)).status, 'active'); // it is still watched
  await publisher.stop();
});

test('a disk that is full while a VCR records onto its tape', async (t) => {
  const { hurt, heal, client } = await onBadDisk(t), film = await addTape(client, clip('movie-hello.mpeg'), 'film'), blank = await client.ok('POST', '/tapes', { title: 'blank', length_minutes: 30 });
  const deck = async (tape) => {
    const { id } = await client.ok('POST', '/sessions', { type: 'emulation', tape_id: tape.id, settings: { grace_s: 600 } });
    await until('loaded', async () => (await session(client, id)).deck.mode === 'stop');
    return id;
  };
  const from = await deck(film), to = await deck(blank);
  const take = async (round) => {
    const answer = await command(client, to, 'record', { input: { session_id: from } });
    assert.equal(answer.status, 200, answer.text);
    await until('it records', async () => { const { deck: d } = await session(client, to); return d.mode === 'record' && d.position > answer.json.deck.position + 3; });
    return round;
  };
  await take(1);
  hurt('full-write', 'clean.mp4'); // as above: not what is needed to seal it
  const over = await until('it is over', async () => { const s = await session(client, to); return s.deck.mode === 'stop' && s; });
  assert.equal(over.deck.stop_reason, 'disk_full');
  assert.equal(over.deck.tape_in.tape_id, blank.id); // it stays in, at its place
  heal();
  await until('a tape', async () => (await tapeOf(client, blank.id)).status === 'ready');
  const [span] = (await client.ok('GET', `/tapes/${blank.id}/timeline`)).items;
  assert.ok(span.tape_end > 1.5 && span.tape_end <= over.deck.position + 0.1, JSON.stringify(span));
  const { details } = (await client.ok('GET', `/tapes/${blank.id}/history`)).items.find((i) => i.action === 'recorded');
  assert.equal(details.stop_reason, 'disk_full');
  await take(2); // the next one works
  assert.equal((await command(client, to, 'stop')).status, 200);
  await until('both', async () => (await client.ok('GET', `/tapes/${blank.id}/timeline`)).items.length >= 2 && (await tapeOf(client, blank.id)).status === 'ready');
  await client.ok('DELETE', `/sessions/${to}`);
  await client.ok('DELETE', `/sessions/${from}`);
});
