// soak.mjs - ./dev soak: an hour (VCR_SOAK_MINUTES) of a tape that repeats, in two Chromiums: one deck's pictures are all drawn (its look is nobody else's), the other's come from the render cache from its
// third round on, and once a minute it is paused and goes on, out of the cache and into it. What Chromium says of picture and sound is read each second, and what vcrd and its vcr-render hold.
// A freeze is told at once: which second, where the tape was, and what the machine did. Rows of JSON, see run.py.
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { addTape, browser, Client, Server, tempDir, until } from '../tests/e2e/lib.mjs';

const MINUTES = Number(process.env.VCR_SOAK_MINUTES || 60);
const FILM_S = Math.round(Math.max(20, Math.min(60, MINUTES * 60 / 8)));
const SETTLED = 0.25; // of the time: what has come until then is what the processes hold, growth is counted from there
const cleanups = [];
const t = { after: (f) => cleanups.unshift(f) };
const say = (text) => console.error(`${new Date().toISOString().slice(11, 19)} ${text}`);
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

// Moving pictures with some noise in them and a sound that is never the same, as a camera makes.
function film(dir) {
  const file = path.join(dir, 'soak.mp4');
  execFileSync('ffmpeg', ['-v', 'error', '-f', 'lavfi', '-i', `testsrc2=s=720x480:r=30000/1001:d=${FILM_S},noise=alls=6:allf=t,setsar=8/9`, '-f', 'lavfi', '-i', `anoisesrc=r=48000:a=.1:c=pink:d=${FILM_S}`,
    '-c:v', 'libx264', '-preset', 'ultrafast', '-profile:v', 'baseline', '-g', '30', '-b:v', '3M', '-pix_fmt', 'yuv420p', '-c:a', 'aac', '-shortest', file]);
  return file;
}

async function metrics(server) {
  const text = await (await fetch(server.url + '/metrics')).text();
  return (name) => Number(text.split('\n').find((l) => l.startsWith(`vcr_${name} `))?.split(' ').pop());
}

/** Anonymous memory in MiB and descriptors of a process. */
const held = (pid) => ({ mib: Number(/RssAnon:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) / 1024, fds: readdirSync(`/proc/${pid}/fd`).length });

/** Seconds that all threads of these processes have run, and that they were ready to and had no core. */
function cores(pids) {
  const sum = { ran: 0, waited: 0 };
  for (const pid of pids) {
    try {
      for (const thread of readdirSync(`/proc/${pid}/task`)) {
        const [ran, waited] = readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ').map(Number);
        sum.ran += ran / 1e9;
        sum.waited += waited / 1e9;
      }
    } catch { /* it has ended in the meantime */ }
  }
  return sum;
}

/** All that was started from here: vcrd and its own, Chromium and its own. */
function descendants() {
  const children = new Map();
  for (const pid of readdirSync('/proc').filter((n) => /^\d+$/.test(n))) {
    try {
      const parent = Number(/.*\) . (\d+)/s.exec(readFileSync(`/proc/${pid}/stat`, 'utf8'))[1]);
      children.set(parent, [...(children.get(parent) ?? []), Number(pid)]);
    } catch { /* it has ended */ }
  }
  const all = [process.pid];
  for (let i = 0; i < all.length; i++) all.push(...(children.get(all[i]) ?? []));
  return all;
}

/** On a machine that does other things, too, Chromium freezes for want of a core, whatever its niceness is. VCR_SOAK_REALTIME=1 puts vcrd, vcr-render and Chromium before all else (not the makers of segments). */
function beforeAllElse(server) {
  if (process.env.VCR_SOAK_REALTIME !== '1') return;
  for (const pid of server) execFileSync('chrt', ['-a', '-R', '-r', '-p', '2', String(pid)]);
  for (const pid of descendants().filter((n) => !server.includes(n) && n !== process.pid)) try { execFileSync('chrt', ['-a', '-r', '-p', '1', String(pid)], { stdio: 'ignore' }); } catch { /* it has ended */ }
}

// In the page, once: time stamps of the pictures shown, and the longest time without a new one.
const watchPictures = () => {
  const seen = window.vcrSeen = { pictures: 0, backward: 0, left: 0, unshown: 0, longest_ms: 0 };
  let last = null;
  const look = (now, m) => {
    seen.pictures++;
    if (last) {
      const step = (m.rtpTimestamp - last.rtp) | 0, shown = m.presentedFrames - last.presented, units = Math.round(step / 3003);
      if (step <= 0) seen.backward++;
      seen.unshown += shown - 1;
      seen.left += Math.max(0, units - shown);
      seen.longest_ms = Math.max(seen.longest_ms, now - last.now);
    }
    last = { rtp: m.rtpTimestamp, presented: m.presentedFrames, now };
    document.querySelector('video').requestVideoFrameCallback(look);
  };
  document.querySelector('video').requestVideoFrameCallback(look);
};

const readStats = async () => {
  const out = { seen: { ...window.vcrSeen } };
  window.vcrSeen.longest_ms = 0;
  (await window.vcrStream.stats())?.forEach((s) => { if (s.type === 'inbound-rtp') out[s.kind] = s; });
  return out;
};

/** A deck in its own Chromium, and what was read of it. */
class Deck {
  constructor(name, client, page, id) {
    Object.assign(this, { name, client, page, id, freezes: [], seconds: 0, longest_ms: 0, slow: 0 });
  }

  static async open(server, name, email, file) {
    const client = await Client.register(server, email);
    const tape = await addTape(client, file, name, 600000);
    if (tape.error) throw new Error(tape.error);
    const page = await browser(t, { viewport: { width: 900, height: 700 } });
    await page.goto(server.url);
    await page.getByLabel('E-mail').fill(client.email);
    await page.getByLabel('Password').fill(client.password);
    await page.getByRole('button', { name: 'Sign in', exact: true }).click();
    await page.getByRole('button', { name: `Insert ${name}` }).click();
    await until('threaded', async () => /stop/i.test(await page.locator('.vfd .mode').innerText()));
    await until('picture', () => page.evaluate(() => document.querySelector('video').videoWidth > 0));
    return new Deck(name, client, page, (await client.ok('GET', '/sessions')).items[0].id);
  }

  press(command, more = {}) { return this.client.ok('POST', `/sessions/${this.id}/command`, { command, ...more }); }
  async deck() { return (await this.client.ok('GET', `/sessions/${this.id}`)).deck; }

  async begin() {
    await this.press('play');
    await until('it plays', async () => (await this.deck()).mode === 'play');
    await until('pictures come', () => this.page.evaluate(async () => { let n = 0; (await window.vcrStream.stats()).forEach((s) => { n += s.kind === 'video' && s.framesDecoded || 0; }); return n > 60; }));
    await this.page.evaluate(watchPictures);
    this.first = this.last = await this.page.evaluate(readStats);
  }

  /** One second's reading; around: what the machine did. */
  async read(second, around) {
    const now = await this.page.evaluate(readStats), was = this.last;
    if (!now.video || !now.audio || now.video.id !== was.video.id || now.video.framesDecoded < was.video.framesDecoded) throw new Error(`${this.name}: the line was lost in second ${second}; ${around}`);
    this.seconds++;
    this.longest_ms = Math.max(this.longest_ms, now.seen.longest_ms);
    const rate = (now.video.framesDecoded - was.video.framesDecoded) / ((now.video.timestamp - was.video.timestamp) / 1000);
    this.slow += rate < 25;
    if (now.video.freezeCount > was.video.freezeCount) {
      const d = await this.deck().catch(() => ({}));
      const told = `${this.name}: second ${second} a freeze of ${(now.video.totalFreezesDuration - was.video.totalFreezesDuration).toFixed(2)} s, ${d.mode} at ${d.position?.toFixed(1)} s, ${rate.toFixed(1)} pictures/s decoded, `
        + `${now.video.packetsLost - was.video.packetsLost} packets lost, ${now.video.nackCount - was.video.nackCount} asked for again, ${now.video.framesDropped - was.video.framesDropped} dropped; ${around}`;
      this.freezes.push(told);
      say(told);
    }
    this.last = now;
  }

  since(kind, what) { return (this.last[kind][what] ?? 0) - (this.first[kind][what] ?? 0); }
}

const row = (name, value, unit, limit, note = '') => console.log(JSON.stringify({ row: name, value, unit, note, ...(limit !== undefined ? { op: '<', limit } : {}) }));

function tell(d, what) {
  const s = (kind, name) => d.since(kind, name), seconds = (d.last.video.timestamp - d.first.video.timestamp) / 1000;
  const seen = (name) => d.last.seen[name] - d.first.seen[name];
  row(`${what}: freezes in Chromium`, s('video', 'freezeCount'), '', 1, `${s('video', 'totalFreezesDuration').toFixed(2)} s in all, of ${(seconds / 60).toFixed(1)} min`);
  row(`${what}: pictures decoded a second`, s('video', 'framesDecoded') / seconds, '', undefined,
    `${s('video', 'framesDropped')} of ${s('video', 'framesReceived')} dropped, fewer than 25 in ${d.slow} s, jitter ${(d.last.video.jitter * 1000).toFixed(1)} ms, buffer ${(1000 * s('video', 'jitterBufferDelay') / Math.max(1, s('video', 'jitterBufferEmittedCount'))).toFixed(0)} ms`);
  row(`${what}: pictures left out by time stamps`, seen('left'), '', undefined, `${seen('backward')} went back, longest without a new one ${d.longest_ms.toFixed(0)} ms, ${seen('unshown')} of ${seen('pictures')} not looked at`);
  row(`${what}: packets lost`, s('video', 'packetsLost') + s('audio', 'packetsLost'), '', 1, `NACK ${s('video', 'nackCount')}, PLI ${s('video', 'pliCount')}, of ${s('video', 'packetsReceived')} of pictures`);
  row(`${what}: sound made up by Chromium`, 100 * s('audio', 'concealedSamples') / Math.max(1, s('audio', 'totalSamplesReceived')), '%', 0.1,
    `${s('audio', 'concealmentEvents')} times, jitter ${(d.last.audio.jitter * 1000).toFixed(1)} ms`);
}

/** Growth of what is held, from the median of the readings after the settling time to the median of the last ones. */
function growth(name, list, limitMib) {
  const median = (l) => l.sort((a, b) => a - b)[Math.floor(l.length / 2)], from = Math.floor(list.length * SETTLED), some = Math.max(1, Math.floor(list.length / 10));
  const at = (begin, key) => median(list.slice(begin, begin + some).map((x) => x[key]));
  const before = { mib: at(from, 'mib'), fds: at(from, 'fds') }, after = { mib: at(list.length - some, 'mib'), fds: at(list.length - some, 'fds') };
  row(`${name}: memory grown`, after.mib - before.mib, 'MiB', limitMib, `${before.mib.toFixed(1)} became ${after.mib.toFixed(1)}, at most ${Math.max(...list.map((x) => x.mib)).toFixed(1)}`);
  row(`${name}: descriptors grown`, after.fds - before.fds, '', 8, `${before.fds} became ${after.fds}, at most ${Math.max(...list.map((x) => x.fds))}`);
}

/** Once a minute the deck is paused for two seconds, if it PLAYs. */
async function pauseAndGoOn(d) {
  if ((await d.deck()).mode !== 'play') return 0;
  await d.press('pause');
  await sleep(2000);
  if ((await d.deck()).mode === 'pause') await d.press('play');
  return 1;
}

async function main() {
  say(`${MINUTES} minutes, a tape of ${FILM_S} s; load ${os.loadavg()[0].toFixed(1)}`);
  const server = await Server.start(t, { VCR_RATE_LIMITS: 'on' }), file = film(tempDir());
  const drawn = await Deck.open(server, 'Drawn', 'first@example.org', file), cached = await Deck.open(server, 'Cached', 'second@example.org', file);
  for (const d of [drawn, cached]) await d.press('repeat', { on: true });
  await drawn.press('look', { look: { profile: 'family', settings: { 'luma.mtf': 2.7 } } }); // nobody's saved look: never in the cache
    const renders = await server.children('vcr-render'), pids = [server.child.pid, ...renders];
  beforeAllElse(pids);
  await Promise.all([drawn.begin(), cached.begin()]);
  const rows = new Map(pids.map((pid) => [pid, []])), start = performance.now(), before = cores(pids);
  let frames = 0, passed = 0, late = 0, hands = 0, pausing = Promise.resolve(), broken = null, ours = descendants().filter((pid) => !pids.includes(pid)), was = [pids, ours].map(cores);
  const until_ms = start + MINUTES * 60000;
  for (let second = 1; performance.now() < until_ms && !broken; second++) {
    await sleep(Math.max(0, start + second * 1000 - performance.now()));
    const m = await metrics(server), now = [pids, ours].map(cores), [served, shown] = now.map((c, i) => c.waited - was[i].waited);
    const around = `load ${os.loadavg()[0].toFixed(1)}, vcrd and vcr-render waited ${(1000 * served).toFixed(0)} ms for a core, Chromium ${(1000 * shown).toFixed(0)} ms, ${m('render_frames_per_second')} pictures/s sent, ${m('render_passed_frames_per_second')} of them made ones, ${m('render_late_frames_per_second')} late`;
    was = now;
    if (second % 10 === 0) { ours = descendants().filter((pid) => !pids.includes(pid)); was = [pids, ours].map(cores); }
    frames += m('render_frames_per_second');
    passed += m('render_passed_frames_per_second');
    late += m('render_late_frames_per_second');
    for (const pid of pids) rows.get(pid).push(held(pid));
    await Promise.all([drawn, cached].map((d) => d.read(second, around))).catch((e) => { broken = e; });
    if (m('render_restarts_total')) broken ??= new Error('a vcr-render died');
    if (second % 60 === 30) pausing = pausing.then(() => pauseAndGoOn(cached)).then((n) => { hands += n; }, (e) => { broken ??= e; });
    if (second % 60 === 0) say(`${second / 60} min: ${drawn.freezes.length} + ${cached.freezes.length} freezes, ${(100 * passed / Math.max(1, frames)).toFixed(0)} % made pictures; ${around}; ${pids.map((p) => `${held(p).mib.toFixed(1)} MiB`).join(', ')}`);
  }
  await pausing;
  const seconds = (performance.now() - start) / 1000;
  tell(drawn, 'drawn');
  tell(cached, 'cached');
  row('of all pictures made ones', 100 * passed / Math.max(1, frames), '%', 51, `${hands} times out of them and into them by keys, late ${late} of ${frames}`);
  pids.forEach((pid, i) => growth(i ? `vcr-render ${i}` : 'vcrd', rows.get(pid), 8));
  row('CPU of vcrd and vcr-render', (cores(pids).ran - before.ran) / seconds, 'core', undefined, `load ${os.loadavg()[0].toFixed(1)} at the end`);
  for (const told of [...drawn.freezes, ...cached.freezes]) console.log(told);
  if (broken) throw broken;
}

let failed = null;
await main().catch((e) => { failed = e; });
for (const f of cleanups) await Promise.resolve(f()).catch((e) => console.error(String(e)));
if (failed) console.error(failed);
process.exit(failed ? 1 : 0);
