// lib.mjs - what every end-to-end test needs: a vcrd of its own on free ports in a temporary folder, an HTTP client, a Chromium.
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
const web = createRequire(path.join(root, 'web/package.json'));
const { chromium } = web('playwright-core');
export const hlsScript = web.resolve('hls.js/dist/hls.min.js');
export const whepModule = path.join(root, 'web/node_modules/whip-whep/whep.js'); // the package names no entry
export const shakaScript = web.resolve('shaka-player/dist/shaka-player.compiled.js');

// The programs under test: the ordinary build, which is what a user runs.
export const programs = process.env.VCR_RELEASE ?? path.join(root, 'build');
export const shots = process.env.VCR_SCREENSHOTS ?? path.join(programs, 'screenshots');

const CLIPS = [path.resolve(root, '../shared/media'), path.resolve(root, '../../shared/media'), '/usr/share/forensics-samples/original-files/movie2'];
/** The path of a real clip; those of Debian's package forensics-samples-files are always there. */
export function clip(name) {
  const found = CLIPS.map((d) => path.join(d, name)).find(existsSync);
  if (!found) throw new Error(`${name} is in none of ${CLIPS.join(', ')}`);
  return found;
}

// Folders are removed when all is over. Not by hooks of tests: those run in the order in which they were made, and whoever writes into the folder is ended by a later one.
const passing = [];
process.on('exit', () => { for (const dir of passing) rmSync(dir, { recursive: true, force: true, maxRetries: 10 }); });
function passingDir(name) {
  passing.push(mkdtempSync(path.join(os.tmpdir(), name)));
  return passing.at(-1);
}
export const tempDir = () => passingDir('vcr-e2e-');

export class Server {
  constructor(dir, env, from, under) {
    Object.assign(this, { dir, env, from, under });
  }

  /** Starts the vcrd of the build folder from, under a command such as prlimit, and waits for its ready line. */
  static async start(t, env = {}, dir = tempDir(), from = programs, under = []) {
    const server = new Server(dir, env, from, under);
    await server.run();
    t.after(() => server.kill('SIGTERM'));
    return server;
  }

  run() {
    this.log = '';
    const [program, ...words] = [...this.under, path.join(this.from, 'vcrd')];
    this.child = spawn(program, words, {
      cwd: this.dir,
      env: { ...process.env, VCR_LISTEN: '127.0.0.1:0', VCR_MEDIA_LISTEN: '127.0.0.1:0', VCR_SRT_LISTEN: '127.0.0.1:0', VCR_DATA_DIR: path.join(this.dir, 'data'),
        VCR_LOG: 'json', VCR_RATE_LIMITS: 'off', ...this.env },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    this.gone = new Promise((resolve) => this.child.once('exit', (code, signal) => resolve({ code, signal })));
    this.closed = new Promise((resolve) => this.child.stderr.once('close', resolve));
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error('vcrd is not ready after 60 s:\n' + this.log)), 60000);
      this.child.stderr.on('data', (data) => {
        this.log += data;
        const ready = /^ready (http:\S+)\n/m.exec(this.log);
        if (ready) {
          clearTimeout(timer);
          this.url = ready[1];
          resolve(this);
        }
      });
      this.child.once('close', (code) => { clearTimeout(timer); reject(new Error(`vcrd ended with ${code}:\n` + this.log)); });
    });
  }

  /** Sends the signal and waits for the end, also of what vcrd had started: a child that outlives it still holds its log, and fails the test. */
  async kill(signal) {
    if (this.child.exitCode === null && this.child.signalCode === null) this.child.kill(signal);
    const gone = await this.gone;
    let timer;
    const alone = await Promise.race([this.closed.then(() => true), new Promise((resolve) => { timer = setTimeout(resolve, 60000, false); })]);
    clearTimeout(timer);
    if (!alone) {
      this.child.stderr.destroy();
      throw new Error('a process started by vcrd is still there 60 s after vcrd ended');
    }
    return gone;
  }

  /** Children of vcrd with that name, as process ids. */
  async children(name) {
    const { execFileSync } = await import('node:child_process');
    try {
      return execFileSync('pgrep', ['-P', String(this.child.pid), '-x', name], { encoding: 'utf8' }).split('\n').filter(Boolean).map(Number);
    } catch {
      return [];
    }
  }
}

/** A client with a Bearer token. */
export class Client {
  constructor(url) { this.url = url; }

  async call(method, route, body, headers = {}) {
    const raw = body instanceof Uint8Array || body instanceof ReadableStream;
    const response = await fetch(this.url + (route.startsWith('/api') || !route.startsWith('/') ? '' : '/api/v1') + route, {
      method,
      headers: { ...(this.token ? { Authorization: `Bearer ${this.token}` } : {}),
        ...(body !== undefined && !raw ? { 'Content-Type': 'application/json' } : {}), ...headers },
      body: body === undefined ? undefined : raw ? body : JSON.stringify(body),
      ...(body instanceof ReadableStream ? { duplex: 'half' } : {}),
    });
    const text = await response.text();
    let json = null;
    try { json = JSON.parse(text); } catch { /* not every answer is JSON */ }
    return { status: response.status, headers: response.headers, json, text };
  }

  /** The same, for calls that must succeed. */
  async ok(method, route, body, headers) {
    const answer = await this.call(method, route, body, headers);
    if (answer.status >= 300) throw new Error(`${method} ${route}: ${answer.status} ${answer.text}`);
    return answer.json;
  }

  static async register(server, email = 'first@example.org', password = 'correct horse battery') {
    const client = new Client(server.url);
    client.email = email;
    client.password = password;
    const body = await client.ok('POST', '/auth/register', { email, password });
    client.token = body.access_token;
    client.user = body.user;
    return client;
  }
}

/** Waits until check() gives something true; the condition itself is watched, never a fixed time. The limit only says when to give up: a slow machine never comes near. */
export async function until(what, check, limitMs = 60000) {
  const end = performance.now() + limitMs;
  let last;
  for (;;) {
    try {
      last = await check();
      if (last) return last;
    } catch (e) {
      last = e;
    }
    if (performance.now() > end) throw new Error(`${what}: not within ${limitMs} ms (last: ${last instanceof Error ? last.message : JSON.stringify(last)})`);
    await new Promise((done) => setTimeout(done, 50));
  }
}

/** Adds a film and waits for its processing. */
export async function addTape(client, file, title = path.basename(file), limitMs = 120000) {
  const { readFileSync } = await import('node:fs');
  const tape = await client.ok('POST', '/tapes', { title });
  await client.ok('PUT', `/tapes/${tape.id}/media`, readFileSync(file), { 'X-Filename': path.basename(file), 'Content-Type': 'application/octet-stream' });
  return until(`${title} processed`, async () => {
    const now = await client.ok('GET', `/tapes/${tape.id}`);
    if (now.status === 'failed') {
      const job = (await client.ok('GET', `/jobs?tape_id=${tape.id}`)).items[0];
      return { ...now, error: job.error };
    }
    return now.status === 'ready' && now;
  }, limitMs);
}

/** args of the options are added to the common ones. */
export async function browser(t, { args = [], ...options } = {}) {
  const context = await chromium.launchPersistentContext(passingDir('vcr-chromium-'), {
    executablePath: '/usr/bin/chromium',
    headless: true,
    viewport: { width: 1440, height: 1000 },
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update',
      '--disable-sync', '--autoplay-policy=no-user-gesture-required', ...args],
    ...options,
  });
  t.after(() => context.close());
  const page = context.pages()[0] ?? await context.newPage();
  page.setDefaultTimeout(60000);
  page.errors = [];
  page.on('pageerror', (e) => page.errors.push(String(e)));
  page.on('console', (m) => { if (m.type() === 'error') page.errors.push(m.text()); });
  return page;
}

export async function screenshot(page, name, options = {}) {
  mkdirSync(shots, { recursive: true });
  await page.screenshot({ path: path.join(shots, name + '.png'), ...options });
}

/** Numbers of the page's picture: decoded frames and freezes (WebRTC), sound energy, size, and the mean colour of a 32x24 raster of it. */
export const picture = (page) => page.evaluate(async () => {
  const video = document.querySelector('video');
  const canvas = Object.assign(document.createElement('canvas'), { width: 32, height: 24 });
  const g = canvas.getContext('2d', { willReadFrequently: true });
  g.drawImage(video, 0, 0, 32, 24);
  const rgba = g.getImageData(0, 0, 32, 24).data;
  const pixels = [];
  for (let i = 0; i < rgba.length; i += 4) pixels.push([rgba[i], rgba[i + 1], rgba[i + 2]]);
  const out = { at: performance.now(), width: video.videoWidth, height: video.videoHeight, pixels };
  const stats = await window.vcrStream?.stats();
  stats?.forEach((s) => {
    if (s.type === 'inbound-rtp' && s.kind === 'video') Object.assign(out, { frames: s.framesDecoded, freezes: s.freezeCount, keys: s.keyFramesDecoded });
    if (s.type === 'inbound-rtp' && s.kind === 'audio') Object.assign(out, { energy: s.totalAudioEnergy, samples: s.totalSamplesReceived });
  });
  return out;
});

/** Mean absolute difference of two rasters of picture(), 0..255. */
export function difference(a, b) {
  let sum = 0;
  for (let i = 0; i < a.pixels.length; i++) for (let c = 0; c < 3; c++) sum += Math.abs(a.pixels[i][c] - b.pixels[i][c]);
  return sum / (a.pixels.length * 3);
}
