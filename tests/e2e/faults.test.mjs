// faults.test.mjs - processes killed while somebody watches, and a server killed outright: the evening goes on, nothing acknowledged is lost.
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { addTape, browser, Client, clip, picture, Server, until } from './lib.mjs';

test('kills', async (t) => {
  const server = await Server.start(t);
  const page = await browser(t);
  await page.goto(server.url);
  await page.getByLabel('E-mail').fill('ada@example.org');
  await page.getByLabel('Password').fill('a long enough password');
  await page.getByRole('button', { name: 'Create account' }).click();
  await page.getByRole('heading', { name: 'Shelf' }).waitFor();
  const client = new Client(server.url);
  const signIn = async () => {
    client.url = server.url;
    client.token = (await client.ok('POST', '/auth/login', { email: 'ada@example.org', password: 'a long enough password' })).access_token;
  };
  await signIn();
  const tape = await addTape(client, clip('movie-hello.mpeg'), 'hello');
  assert.equal(tape.status, 'ready', tape.error);
  await page.reload();
  await page.getByRole('button', { name: 'Insert hello' }).click();
  await until('threaded', async () => /stop/i.test(await page.locator('.vfd .mode').innerText()));
  await page.getByRole('button', { name: 'Play', exact: true }).click();
  await until('pictures', async () => (await picture(page)).frames > 30);

  await t.test('a killed vcr-render is replaced and its session goes on', async () => {
    const before = await server.children('vcr-render');
    assert.ok(before.length >= 1);
    for (const pid of before) process.kill(pid, 'SIGKILL');
    const killed = performance.now();
    const seen = await picture(page);
    await until('new render processes', async () => {
      const now = await server.children('vcr-render');
      return now.length >= before.length && now.every((pid) => !before.includes(pid));
    });
    await until('pictures go on', async () => (await picture(page)).frames > seen.frames + 10);
    t.diagnostic(`pictures again ${Math.round(performance.now() - killed)} ms after the kill`);
    assert.equal(server.child.exitCode, null);
  });

  await t.test('kill -9 of the server: accounts, tapes and finished processing are there again, no half file is', async () => {
    const half = await client.ok('POST', '/tapes', { title: 'cut' });
    let cut; // a body without an end, as far as the server can tell
    const killed = new Promise((resolve) => { cut = resolve; });
    const stream = new ReadableStream({
      start: (c) => c.enqueue(new Uint8Array(1 << 20)),
      pull: async (c) => { await killed; try { c.close(); } catch { /* cancelled */ } },
    });
    const put = client.call('PUT', `/tapes/${half.id}/media`, stream).catch(() => null);
    await until('uploading', async () => (await client.ok('GET', `/tapes/${half.id}`)).status === 'uploading');
    await server.kill('SIGKILL');
    cut();
    await put;
    await server.run();
    await signIn();
    const tapes = (await client.ok('GET', '/tapes')).items;
    assert.equal(tapes.find((x) => x.id === tape.id)?.status, 'ready');
    await until('the cut upload is blank again', async () => (await client.ok('GET', `/tapes/${half.id}`)).status === 'blank');
    const files = readdirSync(path.join(server.dir, 'data'), { recursive: true });
    assert.deepEqual(files.filter((f) => f.includes('.part-')), []);
  });

  await t.test('a killed vcr-ingest is tried again, and the tape becomes ready', async () => {
    const { readFileSync } = await import('node:fs');
    const made = await client.ok('POST', '/tapes', { title: 'again' });
    await client.ok('PUT', `/tapes/${made.id}/media`, readFileSync(clip('movie-hello.mp4')));
    const nice = (pid) => Number(readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /, '').split(' ')[16]);
    const job = async () => (await client.ok('GET', `/jobs?tape_id=${made.id}`)).items.find((j) => j.kind === 'process');
    await until('in the midst of it', async () => { const j = await job(); return j.status === 'running' && j.progress > 0 && j.progress < 0.6; });
    const pid = await until('a process that lets those who watch come first', async () => (await server.children('vcr-ingest')).find((c) => nice(c) === 10));
    process.kill(pid, 'SIGKILL');
    await until('ready', async () => (await client.ok('GET', `/tapes/${made.id}`)).status === 'ready', 120000);
    assert.equal((await job()).status, 'done');
    assert.match(server.log, /attempt 1 broke off/); // which is not counted where it got further: GET /jobs may say 1
  });
});
