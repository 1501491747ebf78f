// live_kit.mjs - devices that send by SRT as people's programs do (the ffmpeg command), and viewers of what comes of it.
import { spawn } from 'node:child_process';
import path from 'node:path';
import { root, until } from './lib.mjs';

const build = path.resolve(process.env.VCR_BUILD ?? path.join(root, 'build-asan'));
const viewerProgram = path.join(build, 'tests/unit/webrtc/rtc_viewer');

/** What ffmpeg makes: a moving picture and noise (a pure tone would be so few bytes that ffmpeg sends it half a second late), then these words. */
export const scene = (size, rate, ...words) => ['-re', '-f', 'lavfi', '-i', `testsrc2=s=${size}:r=${rate}`, '-f', 'lavfi', '-i', 'anoisesrc=r=48000:a=.2', ...words];
export const PLAIN = scene('640x360', '30', '-c:v', 'libx264', '-preset', 'ultrafast', '-profile:v', 'baseline', '-bf', '0', '-g', '30', '-pix_fmt', 'yuv420p', '-b:v', '2M', '-c:a', 'aac');
export const REORDERED = scene('640x360', '30', '-c:v', 'libx264', '-preset', 'veryfast', '-bf', '2', '-g', '60', '-pix_fmt', 'yuv420p', '-b:v', '1M', '-c:a', 'aac');
export const FIELDS = scene('720x480', '60000/1001', '-vf', 'tinterlace=interleave_top,fieldorder=tff,setsar=8/9', '-c:v', 'mpeg2video', '-flags', '+ilme+ildct', '-b:v', '6M', '-g', '15',
  '-bf', '2', '-c:a', 'mp2', '-b:a', '192k');

export async function newDevice(client, name = 'Deck') { return client.ok('POST', '/devices', { name }); }

/** A publisher; kept: a file that gets the same stream. */
export class Publisher {
  constructor(t, device, words, { streamid = device.srt.stream_id, passphrase = device.srt.passphrase, kept } = {}) {
    const to = `${device.srt.url}?streamid=${streamid}${passphrase === null ? '' : `&passphrase=${passphrase}`}`;
    const out = kept ? ['-map', '0', '-map', '1', '-f', 'tee', `[f=mpegts]${to.replaceAll(/[\\[\]|]/g, '\\$&')}|[f=mpegts]${kept}`] : ['-f', 'mpegts', to];
    this.child = spawn('ffmpeg', ['-v', 'error', '-nostdin', ...words, ...out], { stdio: ['ignore', 'ignore', 'pipe'] });
    this.errors = '';
    this.child.stderr.on('data', (data) => { this.errors += data; });
    this.gone = new Promise((resolve) => this.child.once('close', resolve)); // it has ended, and all that it said was read
    t.after(() => this.stop('SIGKILL'));
  }

  async stop(signal = 'SIGTERM') {
    if (this.child.exitCode === null && this.child.signalCode === null) this.child.kill(signal);
    await this.gone;
  }
}

export const session = (client, id) => client.ok('GET', `/sessions/${id}`);
export const active = (client, id) => until('a picture', async () => { const s = await session(client, id); return s.status === 'active' && s; });

/** Watches over WebRTC for some seconds, counted from the first picture; the picture goes into a file, how many packets of sound came is returned. */
export async function watch(client, id, seconds, file) {
  const offer = await client.ok('GET', `/streams/${id}/offer`);
  const child = spawn(viewerProgram, [String(seconds), file], { stdio: ['pipe', 'pipe', 'pipe'] });
  let answer = '', said = '';
  child.stderr.on('data', (data) => { said += data; });
  const gone = new Promise((resolve) => child.once('close', resolve)); // what it says at its end was read
  child.stdin.end(offer.sdp);
  for await (const data of child.stdout) answer += data;
  await client.ok('POST', `/streams/${id}/answer`, { peer_id: offer.peer_id, type: 'answer', sdp: answer });
  await gone;
  return Number(/sounds (\d+)/.exec(said)?.[1] ?? -1);
}

/** For ffmpeg, which otherwise counts pictures at one rate: a machine that is too slow leaves out every second picture of a live one, and the film has two rates. */
export const asItIs = ['-fps_mode', 'passthrough', '-enc_time_base', '-1'];
