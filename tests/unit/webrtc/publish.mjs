// publish.mjs RTC_DEMO [SECONDS] [LOSS_PER_MILLE] - headless Chromium publishes a moving picture and clicks, rtc_demo sends it back to a second page, and both say what they saw, as TAP.
//
//   node tests/unit/webrtc/publish.mjs build-asan/tests/unit/webrtc/rtc_demo 10 50
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
execFileSync('ffmpeg', ['-v', 'error', '-f', 'lavfi', '-i', 'testsrc2=size=320x240:rate=30000/1001:duration=2', '-c:v', 'libx264', '-profile:v', 'baseline', '-g', '30', '-f', 'h264', picture]);
execFileSync('ffmpeg', ['-v', 'error', '-f', 'lavfi', '-i', 'sine=sample_rate=48000:duration=2', '-c:a', 'libopus', sound]);

const server = spawn(program, [picture, sound, loss], { stdio: ['ignore', 'pipe', 'inherit'] });
const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', headless: true,
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync',
    '--autoplay-policy=no-user-gesture-required', '--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream'] });
let failed = 0, count = 0;
const check = (ok, what) => {
  console.log(`${ok ? 'ok' : 'not ok'} ${++count} - ${what}`);
  if (!ok) failed = 1;
};
const wait = (ms) => new Promise((done) => setTimeout(done, ms));
try {
  const [line] = await once(server.stdout, 'data');
  const base = String(line).trim();
  const page = await browser.newPage();
  page.on('console', (m) => console.log('# page:', m.text()));
  await page.route('**/from', (r) => r.fulfill({ contentType: 'text/html', body: '<!doctype html>' }));
  await page.goto(base + 'from');
  await page.evaluate(async () => {
    const media = await navigator.mediaDevices.getUserMedia({ audio: true, video: { width: 640, height: 480, frameRate: 30 } });
    const pc = window.pc = new RTCPeerConnection({ bundlePolicy: 'max-bundle' });
    for (const track of media.getTracks()) pc.addTransceiver(track, { direction: 'sendonly', streams: [media] });
    await pc.setLocalDescription(await pc.createOffer());
    const answer = await fetch('/publish', { method: 'POST', body: pc.localDescription.sdp });
    if (!answer.ok) throw new Error(await answer.text());
    window.offer = pc.localDescription.sdp;
    window.answer = await answer.text();
    await pc.setRemoteDescription({ type: 'answer', sdp: window.answer });
  });
  if (process.env.SDP) console.log(await page.evaluate('window.offer + "\\n----\\n" + window.answer'));
  const viewer = await browser.newPage();
  await wait(1500);
  await viewer.goto(base);
  const rates = [];
  for (let i = 0; i < Number(seconds); i++) {
    await wait(1000);
    rates.push(Math.round((await (await fetch(base + 'publisher')).json()).bps / 1000));
  }
  const known = await (await fetch(base + 'publisher')).json();
  const sent = await page.evaluate(async () => Object.fromEntries([...(await pc.getStats()).values()].filter((x) => /outbound-rtp|remote-inbound-rtp|candidate-pair|transport/.test(x.type))
    .map((x) => [`${x.type} ${x.kind ?? x.id}`, x])));
  const seen = await viewer.evaluate('stats()');
  const out = sent['outbound-rtp video'] ?? {}, heard = sent['remote-inbound-rtp video'] ?? {};
  console.log('# publisher:', JSON.stringify({ frames: out.framesEncoded, keys: out.keyFramesEncoded, plis: out.pliCount, firs: out.firCount, nacks: out.nackCount, rtx: out.retransmittedPacketsSent,
    target: out.targetBitrate, limited: out.qualityLimitationReason, size: `${out.frameWidth}x${out.frameHeight}`, rtt: heard.roundTripTime, lost: heard.packetsLost, jitter: heard.jitter }));
  console.log('# server:', JSON.stringify(known), 'kbit/s:', rates.join(' '));
  console.log('# viewer:', JSON.stringify({ decoded: seen.video?.framesDecoded, freezes: seen.video?.freezeCount, sounds: seen.audio?.packetsReceived, concealed: seen.audio?.concealedSamples }));
  check(known.pictures > 10 * Number(seconds), `${known.pictures} pictures came whole`);
  check(known.sounds > 25 * Number(seconds), `${known.sounds} sounds came`);
  check(known.key_frames >= Number(seconds) - 1, `${known.key_frames} key frames, at most ${known.longest_gop_ms} ms apart`);
  check(Number(loss) > 0 || out.targetBitrate > 1000000, `the browser aims at ${Math.round(out.targetBitrate / 1000)} kbit/s`);
  check(Math.abs(known.age_ms[0] - known.age_ms[1]) < 200, `picture and sound came ${known.age_ms} ms after they were`);
  check(Number(loss) === 0 || known.recovered > 0, `${known.recovered} packets recovered, ${known.lost} lost`);
  check(seen.video?.framesDecoded > 8 * Number(seconds), `a viewer saw ${seen.video?.framesDecoded} pictures`);
  await page.evaluate('pc.close()');
  await wait(300);
  check((await (await fetch(base + 'publisher')).json()).connected === 0, 'the publisher is gone when it hangs up');
} finally {
  await browser.close();
  server.kill('SIGTERM');
  await once(server, 'exit');
  rmSync(folder, { recursive: true, force: true });
}
console.log(`1..${count}`);
process.exitCode = failed || server.exitCode;
