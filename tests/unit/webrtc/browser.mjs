// browser.mjs RTC_DEMO [SECONDS] [LOSS_PER_MILLE] - plays the WebRTC sender in headless Chromium and says what getStats() saw, as TAP.
//
//   node tests/unit/webrtc/browser.mjs build-asan/tests/unit/webrtc/rtc_demo 10 50
//
// Makes a test picture and tone by ffmpeg, starts rtc_demo with the loss asked for, opens one page and lets it play. Needs web/node_modules (playwright-core).
import { spawn, execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const require = createRequire(new URL('../../../web/package.json', import.meta.url));
const { chromium } = require('playwright-core');
const [program, seconds = '10', loss = '0'] = process.argv.slice(2);
const folder = mkdtempSync(join(tmpdir(), 'rtc-'));
const picture = join(folder, 'picture.h264'), sound = join(folder, 'sound.opus');

execFileSync('ffmpeg', ['-v', 'error', '-f', 'lavfi', '-i', 'testsrc2=size=720x480:rate=30000/1001:duration=20', '-vf', 'noise=alls=12:allf=t',
  '-c:v', 'libx264', '-preset', 'superfast', '-tune', 'zerolatency', '-profile:v', 'baseline', '-level', '3.1', '-g', '30', '-b:v', '2400k', '-maxrate', '2400k',
  '-bufsize', '1200k', '-pix_fmt', 'yuv420p', '-f', 'h264', picture]);
execFileSync('ffmpeg', ['-v', 'error', '-f', 'lavfi', '-i', 'sine=frequency=440:sample_rate=48000:duration=20', '-ac', '2', '-c:a', 'libopus', '-b:a', '96k',
  '-fec', '1', '-packet_loss', '5', sound]);

const server = spawn(program, [picture, sound, loss], { stdio: ['ignore', 'pipe', 'inherit'] });
const browser = await chromium.launch({
  executablePath: '/usr/bin/chromium',
  headless: true,
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync',
    '--autoplay-policy=no-user-gesture-required'],
});
let failed = 0, count = 0;
const check = (ok, what) => {
  console.log(`${ok ? 'ok' : 'not ok'} ${++count} - ${what}`);
  if (!ok) failed = 1;
};
try {
  const [line] = await once(server.stdout, 'data');
  const base = String(line).trim();
  const page = await browser.newPage();
  page.on('console', (m) => console.log('# page:', m.text()));
  await page.goto(base);
  await new Promise((done) => setTimeout(done, Number(seconds) * 1000));
  const apart = []; // picture against sound, over two seconds: one reading is rough to a frame
  for (let i = 0; i < 20; i++) {
    const { video: pv, audio: pa } = await page.evaluate('stats()');
    if (pv?.estimatedPlayoutTimestamp && pa?.estimatedPlayoutTimestamp) apart.push(pv.estimatedPlayoutTimestamp - pa.estimatedPlayoutTimestamp);
    await new Promise((done) => setTimeout(done, 100));
  }
  const sync = apart.sort((x, y) => x - y)[apart.length >> 1];
  const { firstFrame, video: v = {}, audio: a = {}, transport: t = {} } = await page.evaluate('stats()');
  const fps = v.framesDecoded / (Number(seconds) + 2);
  console.log('#', JSON.stringify({
    first_frame_ms: firstFrame && Math.round(firstFrame), decoded: v.framesDecoded, fps: +fps.toFixed(1), dropped: v.framesDropped, freezes: v.freezeCount, lost: v.packetsLost,
    repaired: v.retransmittedPacketsReceived, nacks: v.nackCount, plis: v.pliCount, jitter_buffer_ms: +(1000 * v.jitterBufferDelay / v.jitterBufferEmittedCount).toFixed(1),
    audio: a.packetsReceived, audio_lost: a.packetsLost, concealed: +(a.concealedSamples / a.totalSamplesReceived).toFixed(3),
    sync_ms: sync, audio_buffer_ms: +(1000 * a.jitterBufferDelay / a.jitterBufferEmittedCount).toFixed(1),
    srtp: t.srtpCipher, role: t.dtlsRole }));
  const [viewer] = await (await fetch(base + 'stats')).json();
  console.log('# sender:', JSON.stringify(viewer));
  if (process.env.SDP) console.log(await page.evaluate('window.answer'));
  if (process.env.SHOT) await page.locator('video').screenshot({ path: process.env.SHOT });
  check(v.framesDecoded > 12 * (Number(seconds) - 2), `the picture plays at ${fps.toFixed(1)} frames a second`);
  check(a.packetsReceived > 25 * (Number(seconds) - 2), `the sound plays, ${a.packetsReceived} packets`);
  check(Number(loss) > 0 || v.freezeCount === 0, `${v.freezeCount} freezes`);
  check(Number(loss) === 0 || v.retransmittedPacketsReceived > 0, `${v.retransmittedPacketsReceived ?? 0} packets repaired of ${v.packetsLost} lost`);
  check(viewer.transport_cc === 1 && viewer.estimate_bps > 0, `the browser tells what came: the sender takes its line for ${viewer.estimate_bps} bit/s`);
  await page.close();
} finally {
  await browser.close();
  server.kill('SIGTERM');
  await once(server, 'exit');
  rmSync(folder, { recursive: true, force: true });
}
console.log(`1..${count}`);
process.exitCode = failed || server.exitCode;
