// system.mjs - the whole program as a viewer meets it: key press to picture, answer to first key frame, idle memory. Rows of JSON, see run.py.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { addTape, browser, Client, Server, tempDir, until } from '../tests/e2e/lib.mjs';

const ROUNDS = 15;
const PICTURE_LIMIT_MS = 5000;
const cleanups = [];
const t = { after: (f) => cleanups.unshift(f) };
const sorted = (list) => [...list].sort((a, b) => a - b);
const median = (list) => sorted(list)[Math.floor(list.length / 2)];
const row = (name, value, unit, limit, note = '') => console.log(JSON.stringify({ row: name, value, unit, note, ...(limit ? { op: '<', limit } : {}) }));
const rss = (pid) => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) / 1024;
const chromium = () => /[\d.]+/.exec(execFileSync('/usr/bin/chromium', ['--version'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }))[0].split('.')[0];

// A film of white alone: any picture that is dark or blue is the deck's, not the tape's.
function whiteFilm(dir) {
  const file = path.join(dir, 'white.mp4');
  execFileSync('ffmpeg', ['-v', 'error', '-f', 'lavfi', '-i', 'color=white:s=720x480:r=30000/1001:d=90', '-f', 'lavfi', '-i', 'sine=d=90',
    '-c:v', 'libx264', '-preset', 'ultrafast', '-pix_fmt', 'yuv420p', '-c:a', 'aac', '-shortest', file]);
  return file;
}

// Defined in the page once: waits for the first presented picture that is (not) blue; ms since the call, or null after the limit.
const watcher = (limit) => {
  const video = () => document.querySelector('video');
  const g = Object.assign(document.createElement('canvas'), { width: 8, height: 6 }).getContext('2d', { willReadFrequently: true });
  window.vcrUntilBlue = (blue) => new Promise((done) => {
    const start = performance.now();
    const timer = setTimeout(() => done(null), limit);
    const look = () => {
      g.drawImage(video(), 0, 0, 8, 6);
      const [r, , b] = g.getImageData(4, 3, 1, 1).data;
      if ((b > r + 60) !== blue) return video().requestVideoFrameCallback(look);
      clearTimeout(timer);
      done(performance.now() - start);
    };
    video().requestVideoFrameCallback(look);
  });
};

async function keyToPicture(page) {
  const times = [];
  await page.evaluate(watcher, PICTURE_LIMIT_MS);
  for (let i = 0; i < ROUNDS; i++) {
    await page.getByRole('button', { name: 'Play', exact: true }).click();
    if ((await page.evaluate(() => window.vcrUntilBlue(false))) === null) throw new Error('PLAY brings no picture');
    await new Promise((done) => setTimeout(done, 300 + 37 * i)); // another phase of the picture clock each round
    // STOP in PLAY turns the screen blue at once: from the key to the first presented picture that is blue.
    const ms = await page.evaluate(() => {
      const seen = window.vcrUntilBlue(true);
      document.body.dispatchEvent(new KeyboardEvent('keydown', { key: 's', bubbles: true }));
      return seen;
    });
    if (ms === null) throw new Error('STOP shows no blue picture');
    times.push(ms);
  }
  return times;
}

async function firstKeyFrames(page, client) {
  const times = [];
  for (let i = 0; i < 8; i++) {
    await page.reload();
    await until('picture', () => page.evaluate(() => document.querySelector('video')?.videoWidth > 0));
    const { items } = await client.ok('GET', '/sessions');
    const { viewers } = await client.ok('GET', `/sessions/${items[0].id}`);
    times.push(Math.max(...viewers.map((v) => v.first_key_frame_ms ?? 0)));
  }
  return times;
}

const max = (list) => `max ${Math.max(...list).toFixed(0)}`;

async function main() {
  const server = await Server.start(t);
  await new Promise((done) => setTimeout(done, 1000)); // idle means idle: start-up is over
  const idle = rss(server.child.pid);
  row('vcrd idle, resident', idle, 'MiB', 40);
  const client = await Client.register(server);
  const tape = await addTape(client, whiteFilm(tempDir(t)), 'White');
  if (tape.error) throw new Error(tape.error);

  const page = await browser(t);
  await page.goto(server.url);
  await page.getByLabel('E-mail').fill(client.email);
  await page.getByLabel('Password').fill(client.password);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('button', { name: `Insert ${tape.title}` }).click();
  await until('threaded', async () => /stop/i.test(await page.locator('.vfd .mode').innerText()));
  await until('picture', () => page.evaluate(() => document.querySelector('video').videoWidth > 0));

  const keys = await keyToPicture(page);
  row(`key press to picture in Chromium ${chromium()}, p50`, median(keys), 'ms', 150, max(keys));
  const first = await firstKeyFrames(page, client);
  row('answer to first key frame sent, to Chromium, worst', Math.max(...first), 'ms', 150, `p50 ${median(first).toFixed(0)}, the server\'s clock`);
  const one = rss(server.child.pid);
  row('vcrd with one session, resident', one, 'MiB');
}

let failed = null;
await main().catch((e) => { failed = e; });
for (const f of cleanups) await Promise.resolve(f()).catch((e) => console.error(String(e)));
if (failed) console.error(failed);
process.exit(failed ? 1 : 0);
