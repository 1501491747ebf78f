// hls.test.mjs - the clean reel as HLS: Chromium's own player and hls.js play and seek it; ffprobe counts what it holds; the rules of access hold.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { addTape, browser, Client, clip, hlsScript, Server, tempDir, until } from './lib.mjs';
import { readMedia } from './media_lint.mjs';

const probe = (...args) => JSON.parse(execFileSync('ffprobe', ['-v', 'error', '-of', 'json', ...args], { encoding: 'utf8' }));

test('HLS of the clean reel', async (t) => {
  const server = await Server.start(t);
  const client = await Client.register(server);
  const tape = await addTape(client, clip('movie-hello.mp4'));
  assert.equal(tape.status, 'ready', tape.error);
  const { url: tokenUrl } = await client.ok('POST', `/hls/${tape.id}/token`, {});
  const playlist = new URL(tokenUrl + '&look=clean', server.url).href;

  await t.test('the multivariant playlist says what a player needs', async () => {
    const text = await (await fetch(playlist)).text();
    assert.match(text, /^#EXTM3U/);
    assert.match(text, /#EXT-X-INDEPENDENT-SEGMENTS/);
    assert.match(text, /CODECS="avc1\.[0-9a-f]{6},mp4a\.40\.2"/i);
    assert.match(text, /RESOLUTION=1280x720/);
    assert.match(text, /#EXT-X-MEDIA:TYPE=AUDIO/);
    assert.match(text, /#EXT-X-I-FRAME-STREAM-INF/);
  });

  await t.test('segments add up to the tape, as byte ranges with a map', async () => {
    const master = await (await fetch(playlist)).text();
    const video = new URL(master.split('\n').find((l) => l && !l.startsWith('#')), playlist);
    const media = await (await fetch(video)).text();
    const sum = [...media.matchAll(/#EXTINF:([\d.]+)/g)].reduce((s, m) => s + Number(m[1]), 0);
    assert.ok(Math.abs(sum - tape.duration) < 0.05, `${sum} against ${tape.duration}`);
    assert.match(media, /#EXT-X-MAP:URI="[^"]+",BYTERANGE="\d+@0"/);
    assert.match(media, /#EXT-X-BYTERANGE:\d+/);
    assert.match(media, /#EXT-X-ENDLIST/);
    const file = new URL(/#EXT-X-MAP:URI="([^"]+)"/.exec(media)[1], video);
    const part = await fetch(file, { headers: { Range: 'bytes=0-3' } });
    assert.equal(part.status, 206);
    assert.match(part.headers.get('cache-control'), /immutable/);
    assert.ok(part.headers.get('etag'));
    const total = part.headers.get('content-range').split('/')[1];
    assert.equal((await fetch(file, { headers: { Range: `bytes=${total}-` } })).status, 416);
    assert.equal((await fetch(file, { headers: { 'If-None-Match': part.headers.get('etag') } })).status, 304);
  });

  await t.test('ffmpeg decodes every picture of it', () => {
    const found = probe('-count_frames', '-select_streams', 'v:0', '-show_entries', 'stream=nb_read_frames,width,height', playlist).streams[0];
    const source = probe('-count_frames', '-select_streams', 'v:0', '-show_entries', 'stream=nb_read_frames', clip('movie-hello.mp4')).streams[0];
    assert.equal(Number(found.nb_read_frames), Number(source.nb_read_frames));
    assert.equal(found.width, 1280);
  });

  const page = await browser(t, { bypassCSP: true });
  const watch = async (seekTo) => {
    await until('playing', () => page.evaluate(() => document.querySelector('#w').currentTime > 0.7));
    const seen = await page.evaluate(() => {
      const v = document.querySelector('#w');
      return { width: v.videoWidth, height: v.videoHeight, duration: v.duration, frames: v.getVideoPlaybackQuality().totalVideoFrames };
    });
    assert.deepEqual([seen.width, seen.height], [1280, 720]);
    assert.ok(Math.abs(seen.duration - tape.duration) < 0.1, `duration ${seen.duration} against ${tape.duration}`);
    assert.ok(seen.frames > 10);
    await page.evaluate((s) => { document.querySelector('#w').currentTime = s; }, seekTo);
    await until('playing after the seek', () => page.evaluate((s) => document.querySelector('#w').currentTime > s + 0.4, seekTo));
    assert.equal(await page.evaluate(() => document.querySelector('#w').error?.message ?? null), null);
  };
  const place = () => page.evaluate(() => {
    document.body.innerHTML = '<video id="w" muted width="640"></video>';
  });

  await t.test("Chromium's own player plays and seeks it", async () => {
    await page.goto(server.url);
    await place();
    await page.evaluate((u) => { const v = document.querySelector('#w'); v.src = u; return v.play(); }, playlist);
    await watch(5);
  });

  await t.test('hls.js plays and seeks it without a fatal error', async () => {
    await page.goto(server.url);
    await place();
    await page.addScriptTag({ path: hlsScript });
    await page.evaluate((u) => {
      const v = document.querySelector('#w');
      const hls = new window.Hls();
      window.fatal = [];
      hls.on(window.Hls.Events.ERROR, (_, e) => e.fatal && window.fatal.push(e.details));
      hls.loadSource(u);
      hls.attachMedia(v);
      return v.play();
    }, playlist);
    await watch(4);
    assert.deepEqual(await page.evaluate(() => window.fatal), []);
  });

  await t.test('who may not see it, does not', async () => {
    const path = `/hls/${tape.id}/playlist.m3u8`;
    assert.equal((await new Client(server.url).call('GET', path)).status, 401);
    const other = await Client.register(server, 'other@example.org');
    assert.equal((await other.call('GET', path)).status, 404);
    assert.equal((await client.call('GET', path)).status, 200);
    assert.equal((await client.call('GET', path + '?look=sepia')).status, 422);
    const spoilt = playlist.replace(/token=(..)/, (_, two) => 'token=' + (two === 'AA' ? 'BB' : 'AA'));
    assert.notEqual(spoilt, playlist);
    assert.equal((await fetch(spoilt)).status, 403);
    const blank = await client.ok('POST', '/tapes', { title: 'blank' });
    assert.equal((await client.call('GET', `/hls/${blank.id}/playlist.m3u8`)).status, 409);
  });
});

test('what players find beside the segments', async (t) => {
  const server = await Server.start(t);
  const client = await Client.register(server);
  const tape = await addTape(client, clip('movie-hello.mp4'));
  assert.equal(tape.status, 'ready', tape.error);
  const { url } = await client.ok('POST', `/hls/${tape.id}/token`, {});
  const front = new URL(url + '&look=clean', server.url);
  const master = await (await fetch(front)).text();
  const video = new URL(master.split('\n').find((l) => l && !l.startsWith('#')), front);
  const list = readMedia(await (await fetch(video)).text(), 'video'), reel = new URL(list.segments[0].uri, video);
  const bytes = async (at, [first, last]) => {
    const answer = await fetch(at, { headers: { Range: `bytes=${first}-${last}` } });
    assert.equal(answer.status, 206);
    return new Uint8Array(await answer.arrayBuffer());
  };

  await t.test('each range of the I-frame list is a key frame', async () => {
    const at = new URL(/#EXT-X-I-FRAME-STREAM-INF:.*URI="([^"]+)"/.exec(master)[1], front);
    const keys = readMedia(await (await fetch(at)).text(), 'key frames'), file = path.join(tempDir(), 'key.mp4');
    assert.ok(keys.keysOnly && keys.segments.length > 0);
    for (const s of keys.segments) {
      writeFileSync(file, Buffer.concat([await bytes(new URL(s.map.uri, at), s.map.range), await bytes(new URL(s.uri, at), s.range)]));
      const [frame] = probe('-select_streams', 'v:0', '-read_intervals', '%+#1', '-show_entries', 'frame=key_frame,pict_type', file).frames;
      assert.deepEqual([frame.key_frame, frame.pict_type], [1, 'I']);
    }
  });

  await t.test('If-Range: of another version the whole is sent, not a part', async () => {
    const ask = (tag) => fetch(reel, { headers: { Range: 'bytes=0-3', 'If-Range': tag } });
    const { headers } = await fetch(reel, { headers: { Range: 'bytes=0-3' } });
    assert.match(headers.get('etag'), /^"/);
    assert.equal((await ask(headers.get('etag'))).status, 206);
    assert.equal((await ask('"other"')).status, 200);
  });

  await t.test('the storyboard covers the tape, from pictures that are on its sheets', async () => {
    const { text, headers } = await client.call('GET', `/tapes/${tape.id}/storyboard.vtt`), at = new URL(`/api/v1/tapes/${tape.id}/storyboard.vtt`, server.url);
    assert.match(headers.get('content-type'), /^text\/vtt/);
    const seconds = (stamp) => stamp.split(':').reduce((sum, part) => sum * 60 + Number(part), 0), sizes = new Map();
    const cues = [...text.matchAll(/^(\S+) --> (\S+)\n(\S+)#xywh=(\d+),(\d+),(\d+),(\d+)$/gm)];
    assert.ok(cues.length > 1, text);
    let end = 0;
    for (const [, from, to, uri, ...xywh] of cues) {
      assert.ok(Math.abs(seconds(from) - end) < 0.002 && seconds(to) > seconds(from), `${from} after ${end}`);
      end = seconds(to);
      if (!sizes.has(uri)) {
        const file = path.join(tempDir(), 'sheet.jpg'), answer = await fetch(new URL(uri, at), { headers: { Authorization: `Bearer ${client.token}` } });
        assert.deepEqual([answer.status, answer.headers.get('content-type')], [200, 'image/jpeg']);
        writeFileSync(file, Buffer.from(await answer.arrayBuffer()));
        const [sheet] = probe('-show_entries', 'stream=width,height', file).streams;
        sizes.set(uri, [sheet.width, sheet.height]);
      }
      const [x, y, w, h] = xywh.map(Number), [width, height] = sizes.get(uri);
      assert.ok(w > 0 && h > 0 && x + w <= width && y + h <= height, `${xywh} of ${width}x${height}`);
    }
    assert.ok(Math.abs(end - tape.duration) < 0.01, `${end} of ${tape.duration}`);
  });

  await t.test('a tape in the bin has no segments, nor has one that is purged', async () => {
    for (const query of ['', '?purge=true']) {
      const gone = await client.call('DELETE', `/tapes/${tape.id}${query}`);
      assert.equal(gone.status, 204, JSON.stringify(gone));
      for (const at of [front, video, reel]) await until(`${at.pathname} is gone`, async () => (await fetch(at)).status === 404);
    }
  });
});
