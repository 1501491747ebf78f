// live.mjs - what a device's live picture costs while it is watched over HLS and recorded nowhere, and what recording it onto a tape adds: CPU of vcrd, of its vcr-ingest and of the
// VCR's vcr-render. Rows of JSON, see run.py.
import { execFileSync } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { Client, Server, until } from '../tests/e2e/lib.mjs';
import { active, FIELDS, newDevice, Publisher, scene } from '../tests/e2e/live_kit.mjs';

const SECONDS = 10, ROUNDS = 3;
const cleanups = [];
const t = { after: (f) => cleanups.unshift(f) };
const median = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];
const row = (name, value, limit, note = '') => console.log(JSON.stringify({ row: name, value, unit: 'core', note, ...(limit ? { op: '<', limit } : {}) }));
const libsrt = execFileSync('dpkg-query', ['-W', '-f', '${Version}', 'libsrt1.5-gnutls'], { encoding: 'utf8' });

/** Seconds of CPU that all threads of a process have used. */
const used = (pid) => readdirSync(`/proc/${pid}/task`).reduce((sum, n) => sum + Number(readFileSync(`/proc/${pid}/task/${n}/schedstat`, 'utf8').split(' ')[0]) / 1e9, 0);
async function load(pids) {
  const from = pids.map(used), start = performance.now();
  await new Promise((done) => setTimeout(done, SECONDS * 1000));
  const seconds = (performance.now() - start) / 1000;
  return pids.map((pid, i) => (used(pid) - from[i]) / seconds);
}

const STEADY = scene('720x480', '30000/1001', '-c:v', 'libx264', '-preset', 'ultrafast', '-profile:v', 'baseline', '-bf', '0', '-g', '30', '-pix_fmt', 'yuv420p', '-b:v', '2800k',
  '-minrate', '2800k', '-maxrate', '2800k', '-bufsize', '1400k', '-x264-params', 'nal-hrd=cbr', '-c:a', 'aac', '-b:a', '128k');

/** A VCR with a blank tape records that session; what it then costs, a round after the other. */
async function recorded(server, client, session, pids) {
  const tape = await client.ok('POST', '/tapes', { title: 'recorded', length_minutes: 60 });
  const { id } = await client.ok('POST', '/sessions', { type: 'emulation', tape_id: tape.id });
  const deck = (mode) => until(mode, async () => { const d = (await client.ok('GET', `/sessions/${id}`)).deck; return d.mode === mode && !d.pending && d; });
  await deck('stop');
  await client.ok('POST', `/sessions/${id}/command`, { command: 'record', input: { session_id: session } });
  await deck('record');
  const from = (await deck('record')).position, renders = await server.children('vcr-render'), rounds = [];
  for (let i = 0; i < ROUNDS; i++) rounds.push(await load([...pids, ...renders]));
  const length = (await deck('record')).position - from; // or what was measured was no recording
  if (!(length >= SECONDS * ROUNDS * 0.8)) throw new Error(`${length} s were recorded`);
  await client.ok('POST', `/sessions/${id}/command`, { command: 'stop' });
  await deck('stop');
  await client.ok('DELETE', `/sessions/${id}`);
  return rounds.map((r) => [r[0], r[1], r.slice(2).reduce((a, b) => a + b, 0)]);
}

try {
  const server = await Server.start(t);
  const client = await Client.register(server);
  const idle = [];
  for (let i = 0; i < ROUNDS; i++) idle.push((await load([server.child.pid]))[0]);
  row('vcrd with nobody there', median(idle), 0, `most of it libsrt ${libsrt}, which looks at its socket a hundred times a second`);
  for (const [words, what, limit] of [[STEADY, 'passed through, 3 Mbit/s', 0.02], [FIELDS, '480i MPEG-2 encoded anew', 0.35]]) {
    const device = await newDevice(client), { id } = await client.ok('POST', '/sessions', { type: 'streaming', device_id: device.id });
    const publisher = new Publisher(t, device, words);
    await active(client, id);
    const [ingest] = await server.children('vcr-ingest'), rounds = [];
    for (let i = 0; i < ROUNDS; i++) rounds.push(await load([server.child.pid, ingest]));
    const onTape = words === STEADY ? await recorded(server, client, id, [server.child.pid, ingest]) : null;
    await publisher.stop();
    await client.ok('DELETE', `/sessions/${id}`);
    const vcrd = median(rounds.map((r) => r[0])), child = median(rounds.map((r) => r[1]));
    if (words === STEADY) row(`SRT ${what}: vcrd`, vcrd, limit, 'SRT, live HLS window, sender');
    else row(`SRT ${what}: all`, vcrd + child, limit, `vcrd ${vcrd.toFixed(3)}, vcr-ingest ${child.toFixed(3)}`);
    if (onTape) {
      const [server_, , render] = [0, 1, 2].map((n) => median(onTape.map((r) => r[n])));
      row('the same recorded onto a tape by a VCR: vcrd', server_, 0, `${(server_ - vcrd).toFixed(4)} more than without; vcr-render ${render.toFixed(4)}`);
    }
    if (words === STEADY) row(`SRT ${what}: vcr-ingest`, child, 0, 'demultiplexing, sound to Opus and AAC');
  }
} finally {
  for (const f of cleanups) await f();
}
