// live.mjs - what a device's live picture costs while it is watched over HLS and recorded nowhere: CPU of vcrd and of its vcr-ingest. Rows of JSON, see run.py.
import { execFileSync } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { Client, Server } from '../tests/e2e/lib.mjs';
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
    await publisher.stop();
    await client.ok('DELETE', `/sessions/${id}`);
    const vcrd = median(rounds.map((r) => r[0])), child = median(rounds.map((r) => r[1]));
    if (words === STEADY) row(`SRT ${what}: vcrd`, vcrd, limit, 'SRT, live HLS window, sender');
    else row(`SRT ${what}: all`, vcrd + child, limit, `vcrd ${vcrd.toFixed(3)}, vcr-ingest ${child.toFixed(3)}`);
    if (words === STEADY) row(`SRT ${what}: vcr-ingest`, child, 0, 'demultiplexing, sound to Opus and AAC');
  }
} finally {
  for (const f of cleanups) await f();
}
