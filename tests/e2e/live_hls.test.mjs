// live_hls.test.mjs - a device's live picture as low-latency HLS: the rules over plain HTTP, hls.js in Chromium close to the live edge, ffmpeg, rewinding into what is recorded.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { browser, Client, hlsScript, Server, until } from './lib.mjs';
import { active, newDevice, PLAIN, Publisher } from './live_kit.mjs';

/** A media playlist as far as the rules need it. */
function read(text) {
  const list = { segments: [], parts: new Map(), gaps: 0, text };
  let msn = Number(/#EXT-X-MEDIA-SEQUENCE:(\d+)/.exec(text)[1]), part = 0, length = 0;
  list.first = msn;
  list.target = Number(/#EXT-X-TARGETDURATION:(\d+)/.exec(text)[1]);
  list.partTarget = Number(/PART-TARGET=([\d.]+)/.exec(text)[1]);
  list.skipped = Number(/SKIPPED-SEGMENTS=(\d+)/.exec(text)?.[1] ?? 0);
  msn += list.skipped;
  for (const line of text.split('\n')) {
    const at = /^#EXT-X-PART:DURATION=([\d.]+),URI="([^"]+)"/.exec(line);
    if (at) { list.parts.set(`${msn}.${part}`, { duration: Number(at[1]), uri: at[2] }); part += 1; }
    if (line.startsWith('#EXTINF:')) length = parseFloat(line.slice(8));
    if (line === '#EXT-X-DISCONTINUITY') list.gaps += 1;
    if (line && !line.startsWith('#')) { list.segments.push({ msn, duration: length, uri: line }); msn += 1; part = 0; }
  }
  list.next = { msn, part };
  list.hint = /#EXT-X-PRELOAD-HINT:TYPE=PART,URI="([^"]+)"/.exec(text)?.[1];
  list.ended = text.includes('#EXT-X-ENDLIST');
  return list;
}

test('a live picture as low-latency HLS', async (t) => {
  const server = await Server.start(t);
  const client = await Client.register(server);
  const device = await newDevice(client);
  const { id } = await client.ok('POST', '/sessions', { type: 'streaming', device_id: device.id });
  let publisher = new Publisher(t, device, PLAIN);
  await active(client, id);
  const { token, url } = await client.ok('POST', `/hls/live/${id}/token`);
  const base = `${server.url}/api/v1/hls/live/${id}/t/${token}/`;
  const get = async (name) => { const r = await fetch(base + name); return { status: r.status, text: await r.text() }; };
  const list = async (name) => { const r = await get(name); assert.equal(r.status, 200, `${name}: ${r.text}`); return read(r.text); };

  await t.test('the rules, over half a minute of blocking reloads', async () => {
    const top = await (await fetch(server.url + url)).text();
    assert.match(top, /#EXT-X-STREAM-INF:BANDWIDTH=\d+.*CODECS="avc1\.[0-9a-f]{6},mp4a\.40\.2",RESOLUTION=640x360,FRAME-RATE=30\.000,AUDIO="audio"/);
    for (const name of ['video', 'audio']) {
      let now = await list(`${name}.m3u8`), first = null, asked = now.next;
      const seen = new Map();
      for (let i = 0; i < 24; i++) {
        const next = await list(`${name}.m3u8?_HLS_msn=${asked.msn}&_HLS_part=${asked.part}${i % 3 ? '&_HLS_skip=YES' : ''}`);
        const later = next.next.msn > asked.msn || (next.next.msn === asked.msn && next.next.part > asked.part);
        assert.ok(later, `asked for ${asked.msn}.${asked.part}, got up to ${next.next.msn}.${next.next.part}`);
        for (const s of next.segments) {
          assert.ok(Math.round(s.duration) <= next.target);
          if (seen.has(s.msn)) assert.equal(seen.get(s.msn), s.duration);
          seen.set(s.msn, s.duration);
        }
        for (const p of next.parts.values()) assert.ok(p.duration <= next.partTarget + 1e-9, `a part of ${p.duration}`);
        first ??= next.next;
        asked = next.next;
        now = next;
      }
      assert.ok(asked.msn - first.msn >= 5, 'it went on in real time');
      assert.match(now.text, new RegExp(`#EXT-X-RENDITION-REPORT:URI="${name === 'video' ? 'audio' : 'video'}.m3u8",LAST-MSN=\\d+,LAST-PART=\\d+`));
      const hinted = await fetch(base + now.hint); // held until it is there
      assert.equal(hinted.status, 200);
      assert.match(hinted.headers.get('cache-control'), /immutable/);
      assert.equal(Buffer.from(await hinted.arrayBuffer()).subarray(4, 8).toString(), 'moof');
      assert.equal((await get(`${name}.m3u8?_HLS_msn=${now.next.msn + 5}`)).status, 400);
      const date = Date.parse(/#EXT-X-PROGRAM-DATE-TIME:(\S+)\n#EXT-X-PART[^]*$/.exec(now.text)[1]);
      assert.ok(Math.abs(Date.now() - date) < 20000, 'the wall clock of the capture');
    }
  });

  await t.test('ffmpeg plays it without a word', () => {
    const seen = spawnSync('ffmpeg', ['-v', 'error', '-nostdin', '-i', base + 'playlist.m3u8', '-t', '4', '-f', 'null', '-'], { encoding: 'utf8', timeout: 60000 });
    assert.equal(seen.status, 0);
    assert.equal(seen.stderr.split('\n').filter((line) => line && !/Cannot reuse HTTP connection|keepalive request failed/.test(line)).join('\n'), '');
  });

  await t.test('hls.js plays it close to the live edge', async () => {
    const page = await browser(t, { bypassCSP: true });
    await page.goto(server.url);
    await page.evaluate(() => { document.body.innerHTML = '<video id="w" muted width="640"></video>'; });
    await page.addScriptTag({ path: hlsScript });
    await page.evaluate((u) => {
      const v = document.querySelector('#w');
      window.hls = new window.Hls({ lowLatencyMode: true, maxLiveSyncPlaybackRate: 1.5 });
      window.fatal = [];
      window.hls.on(window.Hls.Events.ERROR, (_, e) => e.fatal && window.fatal.push(e.details));
      window.hls.loadSource(u);
      window.hls.attachMedia(v);
      v.play();
    }, server.url + url);
    await until('it plays', () => page.evaluate(() => document.querySelector('#w').currentTime > 0 && document.querySelector('#w').videoWidth === 640));
    const from = await page.evaluate(() => document.querySelector('#w').currentTime);
    await until('it goes on', () => page.evaluate((s) => document.querySelector('#w').currentTime > s + 8, from));
    await until('close to the live edge', () => page.evaluate(() => window.hls.latency < 6)); // it catches up after a stall of a busy machine
    const seen = await page.evaluate(() => ({ latency: window.hls.latency, behind: (Date.now() - window.hls.playingDate) / 1000, target: window.hls.targetLatency, fatal: window.fatal, frames: document.querySelector('#w').getVideoPlaybackQuality().totalVideoFrames }));
    t.diagnostic(`${seen.latency.toFixed(2)} s behind the list's end (hls.js wants ${seen.target}), ${seen.behind.toFixed(2)} s behind the capture; ${seen.frames} frames`);
    assert.deepEqual(seen.fatal, []);
    assert.ok(seen.frames > 60);
    await page.close();
  });

  await t.test('what is recorded can be rewound, gaps are discontinuities, the end is told', async () => {
    const before = await list('video.m3u8');
    const { tape_id: tape } = (await client.ok('POST', `/sessions/${id}/command`, { command: 'record', title: 'Live' })) && await client.ok('GET', `/sessions/${id}`);
    assert.ok(tape);
    await until('ten more segments', async () => (await list('video.m3u8')).next.msn >= before.next.msn + 10);
    await publisher.stop();
    await until('the picture is away', async () => (await client.ok('GET', `/sessions/${id}`)).status === 'starting');
    publisher = new Publisher(t, device, PLAIN);
    await until('the picture is back', async () => (await list('video.m3u8')).gaps === 1);
    await until('the sound, too', async () => (await list('audio.m3u8')).gaps === 1);
    await client.ok('POST', `/sessions/${id}/command`, { command: 'stop' });
    await until('the tape plays', async () => (await client.ok('GET', `/tapes/${tape}`)).status === 'ready');
    const now = await list('video.m3u8');
    let n = now.first;
    for (const s of now.segments) { assert.equal(s.msn, n); n += 1; } // never a number twice, none left out
    const early = await fetch(base + now.segments[0].uri);
    assert.equal(early.status, 200);
    await early.arrayBuffer();
    const held = get(`video.m3u8?_HLS_msn=${now.next.msn}`);
    await client.ok('DELETE', `/sessions/${id}`);
    assert.ok(read((await held).text).ended || (await held).status === 200);
    const film = spawnSync('ffmpeg', ['-v', 'error', '-nostdin', '-headers', `Authorization: Bearer ${client.token}\r\n`, '-i', `${server.url}/api/v1/hls/${tape}/playlist.m3u8?look=clean`, '-f', 'null', '-'],
      { encoding: 'utf8', timeout: 60000 });
    assert.equal(film.status, 0, film.stderr);
    await until('its job is done', async () => (await client.ok('GET', `/jobs?tape_id=${tape}`)).items.every((job) => job.status === 'done'), 60000);

    // Of the tape, too: a gap is a discontinuity with the wall clock behind it, at the same place in each size, or players could not change over.
    const { url: tapeUrl } = await client.ok('POST', `/hls/${tape}/token`, {}), front = new URL(`${tapeUrl}&look=clean`, server.url);
    const variants = (await (await fetch(front)).text()).match(/^[^#\n].*$/gm);
    assert.ok(variants.length > 1, String(variants));
    const shapes = await Promise.all(variants.map(async (u) => (await (await fetch(new URL(u, front))).text()).match(/#EXTINF:[\d.]+|#EXT-X-DISCONTINUITY$|#EXT-X-PROGRAM-DATE-TIME:.*/gm)));
    for (const shape of shapes) assert.deepEqual(shape, shapes[0]);
    assert.equal(shapes[0].filter((l) => l.includes('DISCONTINUITY')).length, 1);
    const [begun, back] = shapes[0].filter((l) => l.includes('DATE-TIME')).map((l) => Date.parse(l.replace(/^[^:]*:/, '')));
    const played = shapes[0].slice(0, shapes[0].findIndex((l) => l.includes('DISCONTINUITY'))).reduce((sum, l) => sum + (Number(/INF:([\d.]+)/.exec(l)?.[1]) || 0), 0);
    assert.ok(back - begun > played * 1000, `${back - begun} ms later, behind ${played} s of picture`); // nothing plays of the time when it was away
  });
});
