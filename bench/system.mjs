// system.mjs - the whole program as a viewer meets it: key press to picture, answer to first key frame, idle memory. Rows for bench/run.py.
import { readFileSync } from 'node:fs';
import { browser, Client, Server, until } from '../tests/e2e/lib.mjs';

const ROUNDS = 15;
const cleanups = [];
const t = { after: (f) => cleanups.unshift(f) };
const median = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];
const row = (name, value, must) => console.log(`${name.padEnd(58)} ${value.padStart(22)}   ${must}`);

async function main() {
  const server = await Server.start(t, { VCR_DEMO: 'on' });
  await new Promise((done) => setTimeout(done, 1500));
  const rss = () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${server.child.pid}/status`, 'utf8'))[1]) / 1024;
  row('vcrd idle, resident', `${rss().toFixed(1)} MiB`, 'must < 40 MiB');
  const client = await Client.register(server);
  const tape = await until('a demo tape', async () => (await client.ok('GET', '/tapes')).items.find((x) => x.status === 'ready' && /bars/i.test(x.title)), 180000);
  await until('all processed', async () => (await client.ok('GET', '/tapes')).items.every((x) => x.status === 'ready'), 300000);

  const page = await browser(t);
  await page.goto(server.url);
  await page.getByLabel('E-mail').fill(client.email);
  await page.getByLabel('Password').fill(client.password);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('button', { name: `Insert ${tape.title}` }).click();
  await until('threaded', async () => /stop/i.test(await page.locator('.vfd .mode').innerText()));
  await until('picture', () => page.evaluate(() => document.querySelector('video').videoWidth > 0));

  // Stop in PLAY turns the screen blue at once: from the key to the first decoded picture that is blue.
  const keyToPicture = [];
  for (let i = 0; i < ROUNDS; i++) {
    await page.getByRole('button', { name: 'Play', exact: true }).click();
    await until('playing', () => page.evaluate(async () => {
      const v = document.querySelector('video');
      const c = Object.assign(document.createElement('canvas'), { width: 8, height: 6 });
      const g = c.getContext('2d');
      g.drawImage(v, 0, 0, 8, 6);
      const [r, gr] = g.getImageData(1, 2, 1, 1).data;
      return r > 100 && gr > 100 && v.currentTime > 0;
    }));
    await new Promise((done) => setTimeout(done, 300 + 37 * i)); // another phase each round
    keyToPicture.push(await page.evaluate(() => new Promise((done) => {
      const v = document.querySelector('video');
      const c = Object.assign(document.createElement('canvas'), { width: 8, height: 6 });
      const g = c.getContext('2d', { willReadFrequently: true });
      const start = performance.now();
      const look = () => {
        g.drawImage(v, 0, 0, 8, 6);
        const [r, gr, b] = g.getImageData(1, 2, 1, 1).data;
        if (b > 80 && r < 90 && gr < 100) done(performance.now() - start);
        else v.requestVideoFrameCallback(look);
      };
      v.requestVideoFrameCallback(look);
      dispatchEvent(new KeyboardEvent('keydown', { key: 's' }));
    })));
  }
  row('key press to picture in Chromium, p50 / max', `${median(keyToPicture).toFixed(0)} / ${Math.max(...keyToPicture).toFixed(0)} ms`, 'must p50 < 150 ms');

  const first = [];
  for (let i = 0; i < 8; i++) {
    await page.reload();
    await until('picture', () => page.evaluate(() => document.querySelector('video')?.videoWidth > 0));
    const sessions = (await client.ok('GET', '/sessions')).items;
    const session = await client.ok('GET', `/sessions/${sessions[0].id}`);
    first.push(Math.max(...session.viewers.filter((v) => v.first_key_frame_ms > 0).map((v) => v.first_key_frame_ms)));
  }
  row('answer to first key frame, p50 / max', `${median(first).toFixed(0)} / ${Math.max(...first).toFixed(0)} ms`, 'must < 150 ms');
  row('vcrd with one session, resident', `${rss().toFixed(1)} MiB`, '');
}

try {
  await main();
} finally {
  for (const f of cleanups) await f();
}
process.exit(0);
