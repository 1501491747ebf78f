// players.test.mjs - one film with two sound tracks and captions through every player: Chromium's own, hls.js, Shaka (HLS and DASH), ffmpeg and GStreamer play it and seek
// it; every list is held against the rules, every segment's decode times against the one before.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { addTape, browser, Client, hlsScript, Server, shakaScript, tempDir, until } from './lib.mjs';
import { checkDates, find, fragments, readMedia, readMultivariant, timescale } from './media_lint.mjs';

const SECONDS = 24, SEEKS = [20, 2, 13.3, 7.5, 21.4];

/** 640x480, a number that counts in the picture, two tones in two languages. */
function makeFilm(dir) {
  const file = path.join(dir, 'film.mp4');
  execFileSync('ffmpeg', ['-v', 'error', '-f', 'lavfi', '-i', `testsrc2=s=640x480:r=30000/1001:d=${SECONDS}`, '-f', 'lavfi', '-i', `sine=440:d=${SECONDS}`, '-f', 'lavfi', '-i', `sine=880:d=${SECONDS}`,
    '-map', '0:v', '-map', '1:a', '-map', '2:a', '-c:v', 'libx264', '-preset', 'ultrafast', '-profile:v', 'baseline', '-g', '30', '-bf', '0', '-pix_fmt', 'yuv420p', '-c:a', 'aac',
    '-metadata:s:a:0', 'language=eng', '-metadata:s:a:1', 'language=deu', file]);
  return file;
}

const captions = `WEBVTT\n\n${Array.from({ length: SECONDS }, (_, i) => `00:${String(i).padStart(2, '0')}.000 --> 00:${String(i).padStart(2, '0')}.900\nSecond ${i}\n`).join('\n')}`;
const run = (program, ...args) => {
  const done = spawnSync(program, args, { encoding: 'utf8', timeout: 60000, maxBuffer: 64 << 20 });
  assert.equal(done.status ?? done.signal, 0, `${program} ${args.join(' ')}: ${done.status ?? done.signal} ${done.stderr.slice(-800)}`);
  assert.equal(done.stderr.trim(), '', `${program} ${args.join(' ')}`);
  return done.stdout;
};

test('every player', async (t) => {
  const dir = tempDir(), server = await Server.start(t), client = await Client.register(server);
  const tape = await addTape(client, makeFilm(dir));
  assert.equal(tape.status, 'ready', tape.error);
  await client.ok('PATCH', `/tapes/${tape.id}`, { look: 'clean', recorded_at: '1991-11-27T12:00:00Z' });
  await client.ok('PUT', `/tapes/${tape.id}/captions/en`, Buffer.from(captions), { 'Content-Type': 'text/vtt' });
  const { token } = await client.ok('POST', `/hls/${tape.id}/token`, {});
  const root = `${server.url}/api/v1/hls/${tape.id}/t/${token}/`, playlist = root + 'playlist.m3u8', manifest = root + 'manifest.mpd';
  const text = async (url) => { const answer = await fetch(url); assert.equal(answer.status, 200, url); return answer.text(); };
  /** A range of it, or all. */
  const bytes = async (url, range) => {
    const answer = await fetch(url, range ? { headers: { Range: `bytes=${range.join('-')}` } } : {});
    assert.equal(answer.status, range ? 206 : 200, url);
    return new Uint8Array(await answer.arrayBuffer());
  };
  const front = readMultivariant(await text(playlist));
  const sizes = front.videos.map((v) => v.RESOLUTION);
  const own = front.videos.find((v) => v.uri === 'video.m3u8');
  // Smaller sizes are made when somebody asks, and who asks a busy server is told to come again; ffmpeg and GStreamer do not: all of it is made before.
  for (const { uri } of front.videos.filter((v) => v !== own)) {
    const at = new URL(uri, playlist), { segments } = readMedia(await text(at), uri);
    for (const made of new Set(segments.flatMap((s) => [s.map.uri, s.uri]))) await until(`${made} is made`, async () => (await fetch(new URL(made, at))).status === 200, 120000);
  }
  const smaller = front.videos.filter((v) => v !== own).map((v) => [v.uri, v.RESOLUTION, v]);
  assert.ok(smaller.length > 0);
  const lists = [['video.m3u8', 'picture', own], ...smaller, ...front.media.filter((m) => m.TYPE === 'AUDIO').map((m) => [m.URI, `sound ${m.NAME}`])];

  await t.test('the lists keep the rules', async () => {
    assert.deepEqual(front.media.map((m) => [m.TYPE, m.LANGUAGE, m.NAME, m.DEFAULT]), [['AUDIO', 'en', 'English', 'YES'], ['AUDIO', 'de', 'Deutsch', 'NO'], ['SUBTITLES', 'en', 'English', 'NO']]);
    assert.deepEqual([own.RESOLUTION, own['FRAME-RATE']], ['640x480', '29.970']);
    const look = readMultivariant(await text(`${playlist}?look=vhs`));
    for (const { videos, media, keys } of [front, look])
      for (const uri of [...videos.map((v) => v.uri), ...media.map((m) => m.URI), ...keys.map((k) => k.URI)]) { // all have the film's date, or players could not change between them
        const list = readMedia(await text(new URL(uri, playlist)), uri);
        assert.deepEqual([list.segments[0].date, checkDates(list, uri)], [Date.parse('1991-11-27T12:00:00Z'), 1], uri);
      }
    const keys = readMedia(await text(root + front.keys[0].URI), 'key frames');
    assert.ok(keys.keysOnly && keys.segments.length >= SECONDS - 1);
    for (const s of keys.segments.slice(0, 3)) {
      const part = await bytes(root + s.uri, s.range), moof = find(part.subarray(0, part.length), ['moof']) ?? assert.fail('a key frame begins with its moof');
      assert.ok(moof.end < part.length);
    }
    const vtt = readMedia(await text(root + 'captions/en.m3u8'), 'captions');
    assert.match(await text(new URL(vtt.segments[0].uri, root + 'captions/')), /^WEBVTT\nX-TIMESTAMP-MAP=LOCAL:00:00:00\.000,MPEGTS:0\n\n00:00/);
  });

  await t.test('decode times go on from segment to segment, and the sum is the tape', async () => {
    for (const [uri, what, video] of lists) {
      const url = new URL(uri, playlist), list = readMedia(await text(url), what), inReel = list.segments[0].range !== undefined;
      const init = await bytes(new URL(list.segments[0].map.uri, url), list.segments[0].map.range), scale = timescale(init);
      let next = null, at = init.length, peak = 0, total = 0;
      assert.equal(inReel, video === own || !video, what);
      for (const [i, s] of list.segments.entries()) {
        if (inReel) assert.equal(s.range[0], at, `${what}: segment ${i} begins where the one before ends`);
        const segment = await bytes(new URL(s.uri, url), s.range), parts = fragments(segment);
        at += segment.length;
        for (const f of parts) {
          if (next !== null) assert.equal(f.start, next, `${what}: segment ${i}`);
          assert.ok(f.sync, `${what}: segment ${i} begins with a key frame`);
          next = f.start + f.duration;
        }
        const length = parts.reduce((sum, f) => sum + f.duration, 0) / scale;
        assert.ok(Math.abs(length - s.duration) < 0.05, `${what}: segment ${i}: ${length} s are called ${s.duration} s`); // the first one of a sound primes the decoder
        peak = Math.max(peak, segment.length * 8 / s.duration);
        total += s.duration;
      }
      assert.ok(Math.abs(total - tape.duration) < 0.05, `${what}: ${total} s of ${tape.duration} s`);
      if (video) assert.ok(peak <= Number(video.BANDWIDTH), `${what}: ${peak} bit/s above BANDWIDTH ${video.BANDWIDTH}`);
      if (!inReel) continue;
      const whole = await fetch(new URL(list.segments[0].uri, url));
      assert.equal(Number(whole.headers.get('content-length')), at, `${what}: the segments are the whole reel`);
      writeFileSync(path.join(dir, `${uri.replace('/', '-')}.mp4`), new Uint8Array(await whole.arrayBuffer()));
    }
  });

  await t.test('ffmpeg decodes what the reels hold, by HLS and by DASH, and seeks', () => {
    const hash = (url, kind, n, ...more) => run('ffmpeg', '-v', 'error', ...more, '-i', url, '-map', `0:${kind}:${n}`, ...(kind === 'v' ? ['-f', 'rawvideo'] : ['-f', 's16le']), '-f', 'md5', '-').trim();
    for (const [uri, kind] of [['video.m3u8', 'v'], ['audio.m3u8', 'a'], ['audio/1.m3u8', 'a']]) {
      const reel = hash(path.join(dir, `${uri.replace('/', '-')}.mp4`), kind, 0);
      assert.equal(hash(root + uri, kind, 0), reel, uri);
      if (uri !== 'audio/1.m3u8') assert.equal(hash(manifest, kind, 0), reel, `${uri} by DASH`);
    }
    // Seeking: before -i ffmpeg 5 cannot do it in any fragmented MP4 of HLS; in DASH it says that it has no timeline (it looks for it elsewhere), and goes there all the same.
    const five = (...before) => run('ffmpeg', '-v', 'fatal', ...before, '-map', '0:v', '-frames:v', '5', '-f', 'framemd5', '-').split('\n').filter((l) => l && !l.startsWith('#')).map((l) => l.split(/, */)[5]);
    for (const at of SEEKS.map(String)) {
      const there = five('-i', path.join(dir, 'video.m3u8.mp4'), '-ss', at);
      assert.equal(there.length, 5);
      const same = (seen) => [0, 1].some((off) => seen.slice(off).every((hash, i) => hash === there[i])); // where the sound begins earlier, it begins a picture earlier
      assert.ok(same(five('-ss', at, '-i', manifest)), `from ${at} s by DASH`);
      assert.ok(same(five('-i', root + 'video.m3u8', '-ss', at)), `from ${at} s by HLS`);
    }
  });

  await t.test('GStreamer plays and seeks it', () => {
    const times = (text) => [...text.matchAll(/^(\d+):(\d\d):(\d\d\.\d+) [0-9a-f]{40}/gm)].map((m) => Number(m[1]) * 3600 + Number(m[2]) * 60 + Number(m[3]));
    for (const [demux, url] of [['hlsdemux', playlist], ['dashdemux', manifest]]) {
      const shown = times(run('gst-launch-1.0', '-q', 'souphttpsrc', `location=${url}`, '!', demux, '!', 'decodebin', '!', 'video/x-raw', '!', 'checksumsink', 'sync=false'));
      assert.ok(Math.abs(shown.length - SECONDS * 29.97) < 2, `${demux}: ${shown.length} pictures`);
    }
    // One size only: GStreamer 1.22 now and then crashes when it changes sizes while it seeks.
    for (const at of SEEKS) {
      const shown = times(run('gst-play-1.0', '-q', '--no-interactive', '--videosink=checksumsink sync=false', '--audiosink=fakesink sync=false', `--start-position=${at}`, root + 'video.m3u8'));
      const after = shown.filter((s) => s >= at - 1.1);
      assert.ok(after.length >= (SECONDS - at) * 29.97 - 3, `from ${at} s: ${after.length} pictures`);
    }
  });

  const page = await browser(t, { bypassCSP: true });
  const video = (fn, arg) => page.evaluate(`(${fn})(document.querySelector('#w'), ${JSON.stringify(arg)})`);
  const place = async (script) => {
    await page.goto(server.url);
    await page.evaluate(() => { document.body.innerHTML = '<video id="w" muted width="640"></video>'; window.fatal = []; });
    if (script) await page.addScriptTag({ path: script });
  };
  const watch = async () => {
    await until('playing', () => video((v) => v.currentTime > 0.5));
    const [width, height, duration] = await video((v) => [v.videoWidth, v.videoHeight, v.duration]);
    assert.ok(sizes.includes(`${width}x${height}`), `${width}x${height}`); // a player may begin with a smaller one
    assert.ok(Math.abs(duration - tape.duration) < 0.1, `duration ${duration}`);
    for (const at of SEEKS) {
      const frames = await video((v) => v.getVideoPlaybackQuality().totalVideoFrames);
      await video((v, s) => { v.currentTime = s; }, at);
      await until(`playing after the seek to ${at}`, () => video((v, s) => !v.seeking && v.currentTime > s + 0.2 && v.currentTime < s + 3, at));
      await until('new pictures', () => video((v, n) => v.getVideoPlaybackQuality().totalVideoFrames > n, frames));
    }
    assert.deepEqual(await page.evaluate(() => [window.fatal, document.querySelector('#w').error?.message ?? null]), [[], null]);
  };
  const cueAt = () => video((v) => [...v.textTracks].flatMap((k) => [...k.activeCues ?? []].map((c) => [c.text, v.currentTime]))[0]);
  /* Stands still within a cue: a player may take its time to fetch the captions. */
  const rightCue = async (choose) => {
    await video((v) => { v.pause(); v.currentTime = 9.5; });
    await until('standing at 9.5 s', () => video((v) => !v.seeking && v.currentTime === 9.5));
    await page.evaluate(choose);
    assert.equal((await until('a caption', cueAt))[0], 'Second 9');
  };

  await t.test("Chromium's own player", async () => {
    await place();
    await page.evaluate((u) => { const v = document.querySelector('#w'); v.src = u; return v.play(); }, playlist);
    await watch();
  });

  await t.test('hls.js, with the other sound and the captions', async () => {
    await place(hlsScript);
    await page.evaluate((u) => {
      const v = document.querySelector('#w');
      window.hls = new window.Hls();
      window.hls.on(window.Hls.Events.ERROR, (_, e) => e.fatal && window.fatal.push(e.details));
      window.hls.loadSource(u);
      window.hls.attachMedia(v);
      return v.play();
    }, playlist);
    await watch();
    assert.deepEqual(await page.evaluate(() => window.hls.audioTracks.map((a) => [a.lang, a.name])), [['en', 'English'], ['de', 'Deutsch']]);
    await page.evaluate(() => { window.hls.audioTrack = 1; document.querySelector('#w').currentTime = 5; });
    await until('the other sound', () => page.evaluate(() => window.hls.audioTrack === 1 && document.querySelector('#w').currentTime > 5.5));
    await rightCue(() => { window.hls.subtitleTrack = 0; window.hls.subtitleDisplay = true; });
    assert.deepEqual(await page.evaluate(() => window.fatal), []);
  });

  // The captions are chosen before the seeks: Shaka 5.2 keeps the captions of an HLS back until it next puts a segment of the picture into its buffer (TextEngine.appendBuffer waits for
  // the time offset of their discontinuity sequence), and a short film that is all there has no next one. By DASH it does not wait.
  for (const [what, url] of [['HLS', playlist], ['DASH', manifest]]) {
    await t.test(`Shaka Player by ${what}, with the other sound and captions`, async () => {
      await place(shakaScript);
      await page.evaluate(async (u) => {
        const v = document.querySelector('#w');
        window.shaka.polyfill.installAll();
        window.player = new window.shaka.Player();
        await window.player.attach(v);
        window.player.addEventListener('error', (e) => window.fatal.push(`${e.detail.code} ${e.detail.data}`));
        await window.player.load(u);
        window.player.selectTextTrack(window.player.getTextTracks()[0]);
        await v.play();
      }, url);
      await watch();
      assert.deepEqual(await page.evaluate(() => [window.player.getAudioTracks().map((k) => k.language).sort(), window.player.getTextTracks().map((k) => k.language)]), [['de', 'en'], ['en']]);
      await rightCue(() => {});
      await page.evaluate(() => {
        window.player.selectAudioTrack(window.player.getAudioTracks().find((k) => k.language === 'de'));
        return document.querySelector('#w').play();
      });
      await until('the other sound', () => page.evaluate(() => window.player.getAudioTracks().find((k) => k.active).language === 'de' && document.querySelector('#w').currentTime > 10.2));
      assert.deepEqual(await page.evaluate(() => window.fatal), []);
    });
  }

  await t.test('Shaka Player winds by the list of key frames: each range is a picture', async () => {
    const at = new URL(front.keys[0].URI, playlist), keys = readMedia(await text(at), 'key frames').segments.map((s) => `bytes=${s.range.join('-')}`);
    await place(shakaScript);
    await page.evaluate(async ([u, list]) => {
      const v = document.querySelector('#w'), player = window.player = new window.shaka.Player();
      window.shaka.polyfill.installAll();
      await player.attach(v);
      player.addEventListener('error', (e) => window.fatal.push(`${e.detail.code} ${e.detail.data}`));
      Object.assign(window, { ranges: [], shown: [] });
      const look = (_, frame) => { window.shown.push(frame.mediaTime); v.requestVideoFrameCallback(look); };
      player.getNetworkingEngine().registerRequestFilter((_, request) => { window.ranges.push(request.headers.Range); });
      await player.load(u);
      Object.assign(window, { ranges: [], shown: [], list });
      player.trickPlay(4, true);
      v.requestVideoFrameCallback(look);
      await v.play();
    }, [playlist, keys]);
    await until('at the end', () => video((v, s) => v.currentTime > s, SECONDS - 2));
    const { ranges, shown, fatal } = await page.evaluate(() => ({ ranges: window.ranges, shown: window.shown, fatal: window.fatal }));
    assert.deepEqual(keys.slice(0, SECONDS - 2).filter((r) => !ranges.includes(r)), [], 'each was fetched');
    for (const s of shown) assert.ok(Math.abs(s / 1.001 - Math.round(s / 1.001)) < 0.02, `what shows at ${s} s is no key frame`);
    assert.ok(new Set(shown.map(Math.round)).size >= SECONDS / 3, `shown at ${shown}`); // a busy machine shows not all of them
    assert.deepEqual(fatal, []);
  });
});
