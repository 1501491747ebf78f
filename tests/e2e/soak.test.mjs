// soak.test.mjs - evening after evening on one server: sessions come, play, change tapes and looks, are watched and go. What vcrd and its vcr-render hold afterwards, memory
// and descriptors, is what they held after the first few. VCR_LONG=1: fifty times as many.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { addTape, Client, clip, root, Server, until } from './lib.mjs';

const long = Boolean(process.env.VCR_LONG);
const WARM_UP = long ? 48 : 6, EVENINGS = long ? 600 : 12, AT_ONCE = 6;
const GROWTH_MIB = 40; // two or three seats: how many a vcr-render had at its fullest is chance
const viewerProgram = path.join(path.resolve(process.env.VCR_BUILD ?? path.join(root, 'build-asan')), 'tests/unit/webrtc/rtc_viewer');

const anonymousMib = (pid) => Number(/RssAnon:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) / 1024;
const descriptors = (pid) => readdirSync(`/proc/${pid}/fd`).length;

/** Answers an offer with a viewer that is killed when its time is over. */
async function watch(t, client, id) {
  const { sdp, peer_id } = await client.ok('GET', `/streams/${id}/offer`);
  const viewer = spawn(viewerProgram, ['30'], { stdio: ['pipe', 'pipe', 'ignore'] });
  const gone = new Promise((done) => viewer.once('exit', done));
  t.after(() => viewer.kill('SIGKILL'));
  viewer.stdin.end(sdp);
  let answer = '';
  for await (const data of viewer.stdout) answer += data;
  await client.ok('POST', `/streams/${id}/answer`, { type: 'answer', peer_id, sdp: answer });
  return async () => { viewer.kill('SIGKILL'); await gone; };
}

async function evening(t, client, tapes, number) {
  const tape = (k) => tapes[(number + k) % tapes.length];
  const session = await client.ok('POST', '/sessions', { type: 'emulation', tape_id: tape(0), look: number % 2 ? 'vhs' : 'clean', settings: { autoplay: true } });
  const command = (name, more) => client.ok('POST', `/sessions/${session.id}/command`, { command: name, ...more });
  const mode = (...modes) => until(`${modes} in evening ${number}`, async () => modes.includes((await client.ok('GET', `/sessions/${session.id}`)).deck.mode));
  const leave = await watch(t, client, session.id);
  await mode('play');
  await client.call('POST', `/sessions/${session.id}/command`, { command: number % 3 ? 'pause' : 'cue' }); // 409 where a slow machine has let eight seconds of tape run out
  await command('look', { look: number % 2 ? 'clean' : 'vhs' });
  if (number % 8 === 0) { // it takes its time, as with a real one
    await command('eject');
    await mode('ejected');
    await command('insert', { tape_id: tape(1) });
    await mode('stop');
    await command('play');
    await mode('play');
  }
  await leave();
  await client.ok('DELETE', `/sessions/${session.id}`);
}

test('evening after evening', { skip: !existsSync(viewerProgram) && `no ${viewerProgram}` }, async (t) => {
  const server = await Server.start(t);
  const client = await Client.register(server);
  const tapes = [];
  for (const name of ['movie-hello.mpeg', 'movie-hello.mp4']) tapes.push((await addTape(client, clip(name), name)).id);
  let number = 0;
  const evenings = async (count) => {
    const end = number + count;
    await Promise.all(Array.from({ length: AT_ONCE }, async () => { while (number < end) await evening(t, client, tapes, number++); }));
  };
  await evenings(WARM_UP);
  const renders = await server.children('vcr-render');
  const pids = [server.child.pid, ...renders];
  const quiet = () => until('the seats are empty', () => pids.every((pid) => descriptors(pid) <= before?.get(pid)?.fds), 120000); // reels stay open for a minute
  let before = null;
  const measure = () => new Map(pids.map((pid) => [pid, { mib: anonymousMib(pid), fds: descriptors(pid) }]));
  before = measure();
  await evenings(EVENINGS);
  await quiet().catch((e) => { throw new Error(`${e.message}: descriptors ${JSON.stringify([...before])} became ${JSON.stringify([...measure()])}`); });
  const after = measure();
  t.diagnostic(pids.map((pid) => `${before.get(pid).mib.toFixed(1)} MiB became ${after.get(pid).mib.toFixed(1)}`).join(', '));
  assert.deepEqual(await server.children('vcr-render'), renders, 'a vcr-render died');
  for (const pid of pids) assert.ok(after.get(pid).mib < before.get(pid).mib + GROWTH_MIB, `${pid === server.child.pid ? 'vcrd' : 'vcr-render'} grew`);
});
