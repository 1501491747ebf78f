// vhs.test.mjs - HLS of a tape as it looks, and of smaller sizes: made when somebody asks. Players play and seek it, joins have no seam, the cache keeps its budget, and a maker
// that is killed costs nobody a segment.
import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { addTape, browser, Client, clip, hlsScript, screenshot, Server, tempDir, until } from './lib.mjs';

const run = promisify(execFile);
const ffprobe = async (...args) => JSON.parse((await run('ffprobe', ['-v', 'error', '-of', 'json', ...args], { maxBuffer: 64 << 20 })).stdout);

/** ffmpeg decodes all of it; what it says of errors. It does not come again after a 503, so all of it is made before. */
const decode = async (url) => (await run('ffmpeg', ['-v', 'error', '-i', url, '-f', 'null', '-'])).stderr;

/** A busy server asks players to come again, which they do. */
const get = (url, headers = {}) => until(`${url} is made`, async () => {
  const r = await fetch(url, { headers });
  const body = Buffer.from(await r.arrayBuffer());
  if (r.status === 503) assert.ok(Number(r.headers.get('retry-after')) > 0);
  return r.status !== 503 && { status: r.status, headers: r.headers, body };
}, 120000);
const text = async (url) => {
  const r = await get(url);
  assert.equal(r.status, 200, `${url}: ${r.body}`);
  return r.body.toString();
};

/** The lists of a multivariant playlist, and one list's segments, as whole addresses. */
const variants = (master, at) => [...master.matchAll(/#EXT-X-STREAM-INF:(\S+)\n(\S+)/g)].map(([, info, uri]) => ({ info, url: new URL(uri, at).href }));
const sound = (master, at) => new URL(/TYPE=AUDIO.*URI="([^"]+)"/.exec(master)[1], at).href;
const segments = (list, at) => [...list.matchAll(/#EXTINF:([\d.]+),\n(\S+)/g)].map(([, s, uri]) => ({ s: Number(s), url: new URL(uri, at).href }));

/** Every segment of these lists is there. */
async function make(...urls) {
  for (const url of urls) for (const p of segments(await text(url), url)) assert.equal((await get(p.url)).status, 200);
}

function cacheBytes(dir) {
  let sum = 0;
  for (const e of readdirSync(dir, { withFileTypes: true, recursive: false })) {
    const at = path.join(dir, e.name);
    sum += e.isDirectory() ? cacheBytes(at) : statSync(at).size;
  }
  return sum;
}

const metric = async (server, name) => Number(new RegExp(`^vcr_${name} (\\d+)$`, 'm').exec(await text(server.url + '/metrics'))[1]);

async function open(t, server, client, tape, look) {
  const { url } = await client.ok('POST', `/hls/${tape.id}/token`, {});
  const at = new URL(url + (look ? `&look=${look}` : ''), server.url).href;
  return { at, master: await text(at) };
}

/** More than a segment of noise in 960x540, which no encoder makes small: smaller sizes are worth while. */
function noisy(dir) {
  const file = path.join(dir, 'noisy.mp4');
  execFileSync('ffmpeg', ['-v', 'error', '-f', 'lavfi', '-i', 'testsrc2=s=960x540:r=24:d=5.5,noise=alls=60:allf=t', '-f', 'lavfi', '-i', 'sine=440:d=5.5', '-pix_fmt', 'yuv420p',
    '-c:v', 'mpeg4', '-q:v', '3', '-c:a', 'aac', file]);
  return file;
}

test('HLS as the tape looks', async (t) => {
  const server = await Server.start(t);
  const client = await Client.register(server);
  const tape = await addTape(client, clip('movie-hello.mp4'));
  assert.equal(tape.status, 'ready', tape.error);
  const { at, master } = await open(t, server, client, tape);
  const [video] = variants(master, at);
  const list = await text(video.url), parts = segments(list, video.url);

  await t.test('the tape has the look that its owner gave it', async () => {
    assert.equal(variants(master, at).length, 1);
    assert.match(video.info, /CODECS="avc1\.42c01f,mp4a\.40\.2",RESOLUTION=640x480,FRAME-RATE=29\.970/);
    assert.match(video.url, /\/vhs\/video\.m3u8$/);
    assert.doesNotMatch(master, /I-FRAME/);
    assert.match((await open(t, server, client, tape, 'clean')).master, /RESOLUTION=1280x720/);
    const list = `/hls/${tape.id}/playlist.m3u8`, says = async (query = '') => (await client.call('GET', list + query)).text;
    await client.ok('PATCH', `/tapes/${tape.id}`, { look: 'clean' });
    assert.match(await says(), /RESOLUTION=1280x720/);
    assert.match(await says('?look=vhs'), /RESOLUTION=640x480/);
    await client.ok('PATCH', `/tapes/${tape.id}`, { look: { profile: 'rental', settings: {} } });
    assert.match(await says(), /RESOLUTION=640x480/);
    assert.match((await client.call('GET', `/hls/${tape.id}/vhs/video.m3u8`)).text, /^w0-rental-/m);
    await client.ok('PATCH', `/tapes/${tape.id}`, { look: 'vhs' });
    await until('who has a token sees that too', async () => /w0-vhs-/.test(await text(video.url)));
  });

  await t.test('what it promises, it keeps: every picture, no error, no gap', async () => {
    const sum = parts.reduce((s, p) => s + p.s, 0);
    assert.ok(Math.abs(sum - tape.duration) < 0.05, `${sum} against ${tape.duration}`);
    await make(video.url, sound(master, at));
    assert.equal(await decode(at), '');
    const { packets } = await ffprobe('-select_streams', 'v:0', '-show_entries', 'packet=pts,dts,duration,flags', video.url);
    assert.equal(packets.length, Math.round(tape.duration * 30000 / 1001));
    packets.forEach((p, i) => {
      assert.equal(p.pts, i * 4004);
      assert.equal(p.dts, p.pts);
    });
    assert.ok(packets.filter((p) => p.flags.startsWith('K')).length >= Math.floor(tape.duration));
    const peak = Number(/BANDWIDTH=(\d+)/.exec(video.info)[1]);
    for (const p of parts.slice(0, -1)) assert.ok((await get(p.url)).body.length * 8 / p.s < peak);
  });

  await t.test('its sound is as long, and each frame follows the last', async () => {
    const url = sound(master, at), { packets } = await ffprobe('-show_entries', 'packet=pts', url);
    packets.forEach((p, i) => assert.equal(p.pts, i * 1024));
    assert.ok(packets.length * 1024 / 48000 >= tape.duration && packets.length * 1024 / 48000 < tape.duration + 0.1);
    assert.equal(await decode(url), '');
  });

  await t.test('a segment is a file like any other', async () => {
    const whole = await get(parts[1].url), etag = whole.headers.get('etag');
    assert.match(whole.headers.get('cache-control'), /immutable/);
    assert.equal(Number(whole.headers.get('content-length')), whole.body.length);
    const part = await get(parts[1].url, { Range: 'bytes=100-199' });
    assert.equal(part.status, 206);
    assert.deepEqual(part.body, whole.body.subarray(100, 200));
    assert.equal((await get(parts[1].url, { 'If-None-Match': etag })).status, 304);
    assert.equal((await get(parts[1].url, { Range: `bytes=${whole.body.length}-` })).status, 416);
    for (const wrong of [parts[1].url.replace('v1.m4s', 'v99.m4s'), parts[1].url.replace('v1.m4s', 'v01.m4s'), parts[1].url.replace('w0-vhs', 'w9-vhs'),
      parts[1].url.replace('w0-vhs', 'w0-rental'), parts[1].url.replace('/vhs/w0', '/vhs/w0x')]) assert.equal((await get(wrong)).status, 404, wrong);
  });

  await t.test('hls.js plays and seeks it without a fatal error', async () => {
    const page = await browser(t, { bypassCSP: true });
    await page.goto(server.url);
    await page.evaluate(() => { document.body.innerHTML = '<video id="w" muted style="width:960px;height:720px"></video>'; });
    await page.addScriptTag({ path: hlsScript });
    await page.evaluate((u) => {
      const v = document.querySelector('#w'), hls = new window.Hls();
      window.fatal = [];
      hls.on(window.Hls.Events.ERROR, (_, e) => e.fatal && window.fatal.push(e.details));
      hls.loadSource(u);
      hls.attachMedia(v);
      return v.play();
    }, at);
    for (const s of [0, 6, 3]) {
      await page.evaluate((to) => { document.querySelector('#w').currentTime = to; }, s);
      await until(`playing from ${s}`, () => page.evaluate((to) => document.querySelector('#w').currentTime > to + 0.5, s));
    }
    await screenshot(page, 'vhs-hls');
    const seen = await page.evaluate(() => {
      const v = document.querySelector('#w');
      return [v.videoWidth / v.videoHeight, v.duration, v.error?.message ?? null];
    });
    assert.ok(Math.abs(seen[0] - 4 / 3) < 0.01, `shape ${seen[0]}`);
    assert.ok(Math.abs(seen[1] - tape.duration) < 0.1);
    assert.equal(seen[2], null);
    assert.deepEqual(await page.evaluate(() => window.fatal), []);
  });

  await t.test('another process finds what the last one made', async () => {
    const before = await get(parts[2].url);
    await server.kill('SIGTERM');
    await server.run();
    const moved = new URL(parts[2].url);
    const after = await get(new URL(moved.pathname, server.url).href);
    assert.deepEqual(after.body, before.body);
    assert.equal(after.headers.get('etag'), before.headers.get('etag'));
    assert.equal(await metric(server, 'maker_made_total'), 0);
  });

  await t.test('a maker that is killed at work costs nobody the segment', async () => {
    client.url = server.url;
    await client.ok('PATCH', `/tapes/${tape.id}`, { tape_speed: 'ep' }); /* another revision: nothing of it is there */
    const fresh = await open(t, server, client, tape), url = variants(fresh.master, fresh.at)[0].url;
    const all = await until('the new revision', async () => { const now = await text(url); return now !== list && segments(now, url); });
    assert.equal((await get(all[3].url)).status, 200); /* now a process is there */
    const [victim] = await server.children('vcr-make');
    const asked = get(all[0].url);
    await until('at work', async () => (await metric(server, 'maker_waiting')) > 0);
    process.kill(victim, 'SIGKILL');
    assert.equal((await asked).status, 200);
    await make(url);
    assert.equal(await decode(url), '');
  });

  await t.test('of a tape that was recorded over its look is made of what is on it', async () => {
    execFileSync('sqlite3', [path.join(server.dir, 'data/vcr.db'), '-cmd', '.timeout 5000',
      `INSERT INTO spans(tape_id, tape_start_us, tape_end_us, take_id, reel_start_us) VALUES(${tape.id}, 0, 1000000, NULL, 0)`]);
    const { at, master } = await until('the cut', async () => { const now = await open(t, server, client, tape, 'vhs'); return segments(await text(variants(now.master, now.at)[0].url), now.at).length === 1 && now; });
    const video = variants(master, at)[0].url, all = segments(await text(video), video);
    assert.ok(Math.abs(all[0].s - 1) < 0.05);
    await make(video, sound(master, at));
    assert.equal(await decode(at), '');
  });

  await t.test('what is purged is off the disk, its segments too', async () => {
    const dir = path.join(server.dir, 'data/render-cache', String(tape.id));
    assert.ok(cacheBytes(dir) > 0);
    await client.ok('DELETE', `/tapes/${tape.id}?purge=true`);
    await until('gone', () => { try { return !statSync(dir); } catch { return true; } });
  });
});

test('smaller sizes of the clean picture', async (t) => {
  const server = await Server.start(t);
  const client = await Client.register(server);
  const tape = await addTape(client, noisy(tempDir()), 'noisy');
  assert.equal(tape.status, 'ready', tape.error);
  const { at, master } = await open(t, server, client, tape, 'clean');
  const all = variants(master, at);

  await t.test('those that are smaller are offered', () => {
    assert.deepEqual(all.map((v) => /RESOLUTION=(\w+)/.exec(v.info)[1]), ['960x540', '854x480', '426x240']);
    const peaks = all.map((v) => Number(/BANDWIDTH=(\d+)/.exec(v.info)[1]));
    assert.ok(peaks[0] > peaks[1] && peaks[1] > peaks[2], String(peaks));
  });

  await t.test('they have the pictures of the clean one, at the same times', async () => {
    const times = async (url) => (await ffprobe('-select_streams', 'v:0', '-show_entries', 'packet=pts_time', url)).packets.map((p) => Number(p.pts_time));
    const clean = await times(all[0].url);
    for (const v of all.slice(1)) {
      await make(v.url);
      const small = await times(v.url);
      assert.equal(small.length, clean.length);
      small.forEach((s, i) => assert.ok(Math.abs(s - clean[i]) < 0.0001, `picture ${i} at ${s}, not ${clean[i]}`));
      assert.equal(await decode(v.url), '');
      const peak = Number(/BANDWIDTH=(\d+)/.exec(v.info)[1]), list = await text(v.url);
      const parts = segments(list, v.url);
      assert.equal(parts.length, 2);
      for (const p of parts.slice(0, -1)) assert.ok((await get(p.url)).body.length * 8 / p.s < peak);
    }
  });

  await t.test('a player steps down to them', async () => {
    const page = await browser(t, { bypassCSP: true });
    await page.goto(server.url);
    await page.evaluate(() => { document.body.innerHTML = '<video id="w" muted width="640"></video>'; });
    await page.addScriptTag({ path: hlsScript });
    await page.evaluate((u) => {
      const v = document.querySelector('#w'), hls = window.hls = new window.Hls({ startLevel: 2 });
      window.fatal = [];
      hls.on(window.Hls.Events.ERROR, (_, e) => e.fatal && window.fatal.push(e.details));
      hls.on(window.Hls.Events.MANIFEST_PARSED, () => { hls.currentLevel = hls.levels.findIndex((l) => l.height === 240); });
      hls.loadSource(u);
      hls.attachMedia(v);
      return v.play();
    }, at);
    await until('the small one plays', () => page.evaluate(() => document.querySelector('#w').videoHeight === 240 && document.querySelector('#w').currentTime > 0.5));
    await page.evaluate(() => {
      const v = document.querySelector('#w');
      window.hls.currentLevel = window.hls.levels.findIndex((l) => l.height === 480);
      v.currentTime = 0; /* it may have ended by now */
      return v.play();
    });
    await until('the next one plays', () => page.evaluate(() => document.querySelector('#w').videoHeight === 480));
    assert.deepEqual(await page.evaluate(() => window.fatal), []);
  });
});

test('the cache keeps its budget', async (t) => {
  const budget = 1500000;
  const server = await Server.start(t, { VCR_RENDER_CACHE_BYTES: String(budget) });
  const client = await Client.register(server);
  const tape = await addTape(client, clip('movie-hello.mp4'));
  const { at, master } = await open(t, server, client, tape);
  await make(variants(master, at)[0].url);
  await until('nothing is being made', async () => (await metric(server, 'maker_ahead')) === 0);
  assert.ok(cacheBytes(path.join(server.dir, 'data/render-cache')) <= budget);
  assert.ok(await metric(server, 'render_cache_evicted_total') > 0);
  await make(variants(master, at)[0].url); /* what had to go is made again */
});
