// storm.test.mjs - many clients at once that edit, cut their uploads, vanish from their streams and never answer, bytes that are no protocol on both ports, vcr-render and
// vcr-ingest killed all the while, and the server itself sent away and started again in the middle. Afterwards: no answer was a 500, all that was acknowledged is there,
// /healthz never failed, no sanitizer spoke, no process, descriptor or half file stays behind, no job hangs.
//
// It runs the sanitizer build (VCR_BUILD); with VCR_BUILD=build-tsan it looks for data races. VCR_LONG=1: minutes, restarts by SIGTERM and kill -9. VCR_SEED repeats a storm.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { Guest, randomFrom, rawHttp, sleep } from './guest.mjs';
import { badDatagram, badHttp, udp } from './junk.mjs';
import { Client, root, Server, tempDir, until } from './lib.mjs';

const long = Boolean(process.env.VCR_LONG);
const programs = path.resolve(process.env.VCR_BUILD ?? path.join(root, 'build-asan'));
const seed = Number(process.env.VCR_SEED ?? Date.now() % 2 ** 31);
const GUESTS = long ? 60 : 24, ACCOUNTS = GUESTS / 4; // a password costs a third of a second
const LIVES = long ? ['SIGTERM', 'SIGKILL', 'SIGTERM', 'SIGKILL', 'SIGTERM'] : ['SIGTERM'];
const LIFE_MS = Number(process.env.VCR_STORM_S ?? (long ? 40 : 5)) * 1000;

const SANITIZER = /^.*(AddressSanitizer|LeakSanitizer|ThreadSanitizer|UndefinedBehaviorSanitizer|runtime error:|Assertion)[\s\S]{0,6000}/m;

/** What each descriptor stands for, without its number. Connections of keep-alive come and go, and reels that players read stay open for a minute. */
const descriptors = (pid) => readdirSync(`/proc/${pid}/fd`).map((fd) => { try { return readlinkSync(`/proc/${pid}/fd/${fd}`); } catch { return null; } })
  .filter((what) => what && !what.startsWith('socket:') && (long || !/\/r\d+\/\w+\.(mp4|idx)/.test(what))).map((what) => what.replace(/\d+/g, 'N')).sort();
const rssMib = (pid) => Math.round(Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) / 1024);

/** Processes whose parent is pid, dead ones that nobody waited for among them: "vcr-render S". */
const children = (pid) => readdirSync('/proc').filter((name) => /^\d+$/.test(name)).flatMap((name) => {
  try {
    const [, comm, state, parent] = /^\d+ \((.*)\) (\S) (\d+)/s.exec(readFileSync(`/proc/${name}/stat`, 'utf8'));
    return Number(parent) === pid ? [`${comm} ${state === 'Z' ? 'Z' : 'alive'}`] : [];
  } catch {
    return []; // it has ended
  }
}).sort();

/** One second, and a box of 3 MiB that says nothing: so large that a reader can leave in the middle. */
function makeFilm(dir) {
  const file = path.join(dir, 'film.mp4');
  execFileSync('ffmpeg', ['-v', 'error', '-f', 'lavfi', '-i', 'testsrc2=size=320x240:rate=30:duration=1', '-f', 'lavfi', '-i', 'sine=duration=1', '-c:v', 'libx264',
    '-preset', 'ultrafast', '-pix_fmt', 'yuv420p', '-c:a', 'aac', '-movflags', '+faststart', file]);
  const free = Buffer.alloc(3 << 20);
  free.writeUInt32BE(free.length);
  free.write('free', 4);
  return Buffer.concat([readFileSync(file), free]);
}

/** A guest does everything once, so that what is opened lazily is open before descriptors are counted. */
async function oneEvening(server, film, email) {
  const client = await Client.register(server, email);
  const tape = await client.ok('POST', '/tapes', { title: 'evening' });
  await client.ok('PUT', `/tapes/${tape.id}/media`, film, { 'Content-Type': 'application/octet-stream' });
  await until('the tape is ready', async () => (await client.ok('GET', `/tapes/${tape.id}`)).status === 'ready', 120000);
  const session = await client.ok('POST', '/sessions', { type: 'emulation', tape_id: tape.id, settings: { autoplay: true } });
  assert.match((await client.ok('GET', `/streams/${session.id}/offer`)).sdp, /^v=0/);
  await until('it plays', async () => (await client.ok('GET', `/sessions/${session.id}`)).deck.mode === 'play');
  await client.ok('DELETE', `/sessions/${session.id}`);
}

class Storm {
  constructor(server, film) {
    const viewer = path.join(programs, 'tests/unit/webrtc/rtc_viewer');
    Object.assign(this, { server, film, viewer, uploadsEach: long ? 3 : 1, stopping: false, over: false, killed: 0, asked: 0, logs: [] });
    this.guests = [];
  }

  async invite() {
    const accounts = await Promise.all(Array.from({ length: ACCOUNTS }, (_, i) => Client.register(this.server, `guest${i}@example.org`)));
    this.guests = Array.from({ length: GUESTS }, (_, i) => new Guest(this, i, seed, accounts[i % ACCOUNTS]));
  }

  mediaPort() { return Number(/media on UDP port (\d+)/.exec(this.server.log)?.[1] ?? 9); }

  /** A worker does its thing again and again until the storm is over. */
  async again(number, act) {
    const random = randomFrom(seed + number);
    while (!this.over) await act(random);
  }

  workers() {
    return [
      this.again(1000, async (random) => { await rawHttp(this.server.url, badHttp(random), random(20)); }),
      this.again(2000, async (random) => { await udp(this.mediaPort(), Array.from({ length: 20 }, () => badDatagram(random)), 5); }),
      this.again(3000, async (random) => {
        await sleep(200 + random(600));
        for (const name of ['vcr-render', 'vcr-ingest'])
          for (const pid of await this.server.children(name))
            if (random(2)) {
              try { process.kill(pid, 'SIGKILL'); this.killed++; } catch { /* it has ended */ }
            }
      }),
      this.again(4000, async () => {
        const before = this.stopping, { url } = this.server;
        const status = await fetch(`${url}/healthz`, { headers: { Connection: 'close' }, signal: AbortSignal.timeout(60000) }).then((r) => r.status, (e) => String(e.cause ?? e));
        if (before || this.stopping) { await sleep(20); return; }
        assert.equal(status, 200, '/healthz');
        this.asked++;
        await sleep(50);
      }),
    ];
  }

  /** Sends the server away with that signal, and starts it again. */
  async restart(signal) {
    this.stopping = true;
    const gone = await this.server.kill(signal);
    this.logs.push(this.server.log);
    assert.deepEqual(gone, signal === 'SIGTERM' ? { code: 0, signal: null } : { code: null, signal }, this.server.log.slice(-3000));
    await this.server.run();
    this.stopping = false;
  }

  /** Enough has happened since the server was started the last time, however slow the machine is. */
  raged(since) {
    const seen = this.seen();
    return this.killed > since.killed && this.asked > since.asked + 5 && seen['POST 201'] > (since.seen['POST 201'] ?? 0) + 20 && seen['PUT 201'] > 0 && seen['POST 204'] > 0;
  }

  async run() {
    const lives = async () => {
      for (const signal of [...LIVES, null]) {
        const since = { killed: this.killed, asked: this.asked, seen: this.seen() };
        await sleep(LIFE_MS);
        await until('the storm is no calm', () => this.raged(since), 60000);
        if (signal) await this.restart(signal);
      }
    };
    const work = [lives(), ...this.guests.map((g) => g.run()), ...this.workers()];
    const done = await Promise.race(work).then(() => null, (e) => e); // the first that ends is lives(), or who failed
    this.over = true;
    const all = await Promise.allSettled(work);
    const failed = done ?? all.find((r) => r.status === 'rejected')?.reason;
    if (failed) throw failed;
  }

  seen() {
    const sum = {};
    for (const g of this.guests) for (const [what, n] of Object.entries(g.seen)) sum[what] = (sum[what] ?? 0) + n;
    return sum;
  }
}

test('a storm', { skip: !existsSync(path.join(programs, 'vcrd')) && `no sanitizer build in ${programs}` }, async (t) => {
  const dir = tempDir();
  const film = makeFilm(dir);
  t.diagnostic(`seed ${seed}`);
  const server = await Server.start(t, { VCR_REGISTRATION: 'open', ASAN_OPTIONS: 'quarantine_size_mb=8:malloc_context_size=12:detect_leaks=1',
    UBSAN_OPTIONS: 'print_stacktrace=1', TSAN_OPTIONS: `suppressions=${root}/tools/tsan.supp` }, dir, programs);
  const storm = new Storm(server, film);
  await oneEvening(server, film, 'host@example.org');
  await storm.invite();
  const before = { fds: descriptors(server.child.pid), rss: rssMib(server.child.pid), children: children(server.child.pid) };

  await t.test('no request of it fails by the fault of the server, and /healthz answers throughout', async () => {
    await storm.run();
    const seen = storm.seen();
    t.diagnostic(`${storm.killed} processes killed, ${storm.asked} times healthy; ${Object.entries(seen).sort().map(([k, v]) => `${k}: ${v}`).join(', ')}`);
  });

  await t.test('what was acknowledged is there', async () => {
    for (const g of storm.guests) await g.audit();
  });

  await t.test('no job hangs, and each ends with a reason or done', async () => {
    for (const g of storm.guests) await g.leave();
    for (const { client } of storm.guests) {
      const jobs = await until('all jobs over', async () => {
        const { items } = await client.ok('GET', '/jobs?limit=200');
        return items.every((j) => !['queued', 'running'].includes(j.status)) && { items };
      }, 240000);
      for (const j of jobs.items) assert.ok(j.status !== 'failed' || j.error, `job ${j.id} failed and does not say why`);
      await until('no tape is in between', async () => (await client.ok('GET', '/tapes?limit=200')).items.every((x) => ['blank', 'ready', 'failed'].includes(x.status)));
    }
  });

  await t.test('it serves as before', () => oneEvening(server, film, 'late@example.org'));

  await t.test('no process, descriptor or memory stays behind', async () => {
    const { pid } = server.child;
    await until('processes as before', () => String(children(pid)) === String(before.children))
      .catch((e) => { throw new Error(`${e.message}; now ${children(pid)}; before ${before.children}`); });
    await until('descriptors as before', () => String(descriptors(pid)) === String(before.fds), long ? 120000 : 60000)
      .catch((e) => { throw new Error(`${e.message}; now ${descriptors(pid)}; before ${before.fds}`); });
    t.diagnostic(`MiB ${before.rss}, then ${rssMib(pid)}`);
    assert.ok(rssMib(pid) < before.rss + 200, `${rssMib(pid)} MiB after ${before.rss}`);
  });

  await t.test('it ends as asked, and no sanitizer had anything to say', async () => {
    assert.deepEqual(await server.kill('SIGTERM'), { code: 0, signal: null });
    for (const log of [...storm.logs, server.log]) assert.equal(SANITIZER.exec(log)?.[0], undefined);
  });

  await t.test('what is stored is whole, and nothing is stored that nobody knows of', () => {
    const data = path.join(dir, 'data');
    const sql = (text) => execFileSync('sqlite3', ['-readonly', path.join(data, 'vcr.db'), text], { encoding: 'utf8' }).split('\n').filter(Boolean);
    assert.deepEqual(sql('PRAGMA integrity_check; PRAGMA foreign_key_check'), ['ok']);
    const files = readdirSync(path.join(data, 'blobs'), { recursive: true, withFileTypes: true }).filter((f) => f.isFile())
      .map((f) => path.relative(path.join(data, 'blobs'), path.join(f.path, f.name)));
    const originals = sql("SELECT 'tapes/' || id || '/original' FROM tapes WHERE media IS NOT NULL");
    const reels = sql('SELECT blob_key FROM reels UNION SELECT index_key FROM reels UNION SELECT blob_key FROM storyboards');
    const pictures = new Set(sql("SELECT 'tapes/' || id || '/thumb.jpg' FROM tapes WHERE status = 'ready'"));
    assert.deepEqual([...originals, ...reels].filter((name) => !files.includes(name)), [], 'missing');
    assert.deepEqual(files.filter((name) => !originals.includes(name) && !reels.includes(name) && !pictures.has(name)), [], 'nobody knows of');
  });
});
