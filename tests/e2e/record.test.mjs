// record.test.mjs - live pictures recorded onto new tapes: what comes of them, whatever ends the recording.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { Client, Server, until } from './lib.mjs';
import { active, asItIs, FIELDS, newDevice, PLAIN, Publisher, session } from './live_kit.mjs';

const ROUNDS = process.env.VCR_LONG ? 100 : 2; // of kill -9
const command = (client, id, name, more) => client.call('POST', `/sessions/${id}/command`, { command: name, ...more });
const tapeOf = (client, id) => client.ok('GET', `/tapes/${id}`);
const ended = (client, id) => until('the recording is a tape', async () => { const tape = await tapeOf(client, id); return tape.status !== 'recording' && tape; });
const recordedFor = (client, id, seconds) => until(`${seconds} s on the tape`, async () => { const s = await session(client, id); return s.deck.position >= seconds && s; });

async function playlist(client, tape) {
  return new URL((await client.ok('POST', `/hls/${tape.id}/token`)).url + '&look=clean', client.url).href; // what was recorded, not what a deck makes of it
}

/** Plays it all by HLS: no error, times without a hole, and as long as the tape says; its sound may end so much earlier, as far as it had come. */
async function plays(client, tape, early = 0.5) {
  const url = await playlist(client, tape);
  const run = spawnSync('ffmpeg', ['-v', 'error', '-xerror', '-i', url, ...asItIs, '-f', 'null', '-'], { encoding: 'utf8' });
  assert.deepEqual([run.status, run.stderr], [0, '']);
  const seen = {};
  for (const kind of ['v', 'a']) {
    const lines = execFileSync('ffprobe', ['-v', 'error', '-select_streams', kind, '-show_entries', 'packet=dts_time,duration_time', '-of', 'csv=p=0', url], { encoding: 'utf8' }).trim().split('\n')
      .map((l) => l.split(',').map(Number)), most = kind === 'v' ? 0.15 : 0.05;
    assert.ok(lines.length > 20, `${lines.length} packets`);
    for (let i = 1; i < lines.length; i++)
      assert.ok(lines[i][0] > lines[i - 1][0] && lines[i][0] - lines[i - 1][0] < most, `${kind}: packet ${i} at ${lines[i][0]} after ${lines[i - 1]}`);
    seen[kind] = lines.at(-1)[0] + lines.at(-1)[1] - lines[0][0];
  }
  assert.ok(Math.abs(seen.v - tape.duration) < 0.05, `${seen.v} s of picture on a tape of ${tape.duration} s`);
  assert.ok(seen.a < tape.duration + 0.1 && seen.a > tape.duration - early, `${seen.a} s of sound on a tape of ${tape.duration} s`);
}

test('recordings of live pictures', async (t) => {
  const server = await Server.start(t);
  const client = await Client.register(server);
  const begin = async (t2, words = PLAIN) => {
    const device = await newDevice(client);
    const { id } = await client.ok('POST', '/sessions', { type: 'streaming', device_id: device.id });
    const publisher = new Publisher(t2, device, words);
    await active(client, id);
    return { device, id, publisher };
  };

  await t.test('a tape from the first second to the last', async (t2) => {
    for (const [words, title] of [[PLAIN, 'Christmas'], [FIELDS, undefined]]) {
      const { device, id, publisher } = await begin(t2, words);
      const answer = await command(client, id, 'record', { title });
      assert.equal(answer.status, 200, answer.text);
      assert.equal(answer.json.deck.mode, 'record');
      const now = await session(client, id), tape = await tapeOf(client, now.tape_id);
      assert.equal(tape.status, 'recording');
      assert.equal(tape.title, title ?? tape.title.replace(/^.*(?=, )/, device.name));
      assert.deepEqual([now.deck.mode, now.deck.tape_in.tape_id], ['record', tape.id]);
      for (const [name, slug] of [['record', '/busy-recording'], ['play', '/busy-recording']]) {
        const refused = await command(client, id, name);
        assert.equal(refused.status, 409);
        assert.ok(refused.json.type.endsWith(slug), refused.json.type);
      }
      const before = await recordedFor(client, id, 5);
      assert.equal(before.deck.counter, '0:00:' + String(Math.floor(before.deck.position)).padStart(2, '0'));
      assert.equal((await command(client, id, 'stop')).json.deck.mode, 'play');
      const ready = await ended(client, tape.id);
      assert.equal(ready.status, 'ready');
      assert.ok(ready.duration >= before.deck.position);
      assert.deepEqual([ready.media.recovered, ready.media.video.codec, ready.media.audio[0].codec], [false, 'h264', 'aac']);
      await plays(client, ready);
      const history = (await client.ok('GET', `/tapes/${tape.id}/history`)).items.map((i) => i.action);
      assert.ok(history.includes('recorded'), history.join());
      const after = await until('the session knows', async () => { const s = await session(client, id); return s.deck.mode === 'play' && s; });
      assert.deepEqual([after.tape_id, after.deck.tape_in, after.deck.stop_reason], [tape.id, null, null]);
      const job = await until('the rest is made', async () => (await client.ok('GET', `/jobs?tape_id=${tape.id}`)).items.find((j) => j.kind === 'finish' && ['done', 'failed'].includes(j.status)));
      assert.equal(job.status, 'done', job.error);
      assert.equal((await client.call('GET', `/tapes/${tape.id}/thumbnail`)).status, 200);
      const again = await command(client, id, 'record'); // a second tape of the same session
      assert.equal(again.status, 200, again.text);
      assert.notEqual((await session(client, id)).tape_id, tape.id);
      await recordedFor(client, id, 1);
      await client.ok('DELETE', `/sessions/${id}`); // answers when it is sealed
      assert.equal((await tapeOf(client, again.json.deck.tape_in.tape_id)).status, 'ready');
      await publisher.stop();
    }
  });

  await t.test('a publisher that goes, and one that comes back', async (t2) => {
    const { device, id, publisher } = await begin(t2);
    await command(client, id, 'record');
    await recordedFor(client, id, 2);
    await publisher.stop('SIGKILL'); // it says no good-bye: its connection stays until it times out, unless somebody with the passphrase calls
    const dark = await until('no picture', async () => { const s = await session(client, id); return s.status === 'starting' && s; });
    assert.deepEqual([dark.deck.mode, dark.deck.picture], ['record_pause', 'none']);
    const back = new Publisher(t2, device, PLAIN); // within ten seconds: the recording goes on
    await until('on again', async () => (await session(client, id)).deck.mode === 'record');
    const at = (await session(client, id)).deck.position;
    await recordedFor(client, id, at + 2);
    await back.stop();
    const over = await until('it is over', async () => { const s = await session(client, id); return s.deck.stop_reason && s; });
    assert.deepEqual([over.deck.mode, over.deck.stop_reason, over.status], ['stop', 'no_signal', 'starting']);
    const tape = await tapeOf(client, over.tape_id);
    assert.equal(tape.status, 'ready');
    assert.ok(tape.duration > 3.9, `${tape.duration} s`);
    const { details } = (await client.ok('GET', `/tapes/${tape.id}/history`)).items.find((i) => i.action === 'recorded');
    assert.equal(details.stop_reason, 'no_signal');
    await plays(client, tape);
    await client.ok('DELETE', `/sessions/${id}`);
  });

  await t.test('the server is told to go', async (t2) => {
    const { id, publisher } = await begin(t2);
    const tape = (await command(client, id, 'record')).json.deck.tape_in.tape_id;
    const seen = await recordedFor(client, id, 2);
    await server.kill('SIGTERM');
    await publisher.gone;
    await server.run();
    client.url = server.url;
    const ready = await tapeOf(client, tape);
    assert.deepEqual([ready.status, ready.media.recovered], ['ready', false]);
    assert.ok(ready.duration >= seen.deck.position);
    await plays(client, ready);
  });

  await t.test(`kill -9, ${ROUNDS} times`, async (t2) => {
    for (let round = 0; round < ROUNDS; round++) {
      client.token = (await client.ok('POST', '/auth/login', { email: client.email, password: client.password })).access_token; // of a quarter of an hour
      const { id, publisher } = await begin(t2, round % 2 ? FIELDS : PLAIN);
      const tape = (await command(client, id, 'record')).json.deck.tape_in.tape_id;
      const seen = await recordedFor(client, id, 3 + (round % 3));
      await new Promise((done) => setTimeout(done, (round * 379) % 1000)); // anywhere in a fragment
      await server.kill('SIGKILL');
      await publisher.gone;
      await server.run();
      client.url = server.url;
      const ready = await until('it is recovered', async () => { const now = await client.ok('GET', `/tapes/${tape}`); return now.status !== 'recording' && now; });
      assert.deepEqual([ready.status, ready.media.recovered], ['ready', true], `round ${round}`);
      assert.ok(ready.duration >= seen.deck.position, `round ${round}: ${ready.duration} s of ${seen.deck.position} s`);
      await plays(client, ready, 1.6); // and a fragment of it may be lost for itself
      const job = await until('the rest is made', async () => (await client.ok('GET', `/jobs?tape_id=${tape}`)).items.find((j) => ['done', 'failed'].includes(j.status)));
      assert.equal(job.status, 'done', job.error);
    }
  });
});
