// jobs.test.mjs - processing as its owners see it: nobody waits behind another's films, what is cancelled stops and leaves nothing, and no kill leaves a job stuck.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { Client, clip, Server, until } from './lib.mjs';

const film = readFileSync(clip('movie-hello.mpeg')), long = readFileSync(clip('movie-hello.mp4'));
const tiny = execFileSync('ffmpeg', ['-v', 'error', '-f', 'lavfi', '-i', 'testsrc2=s=160x120:r=25:d=1', '-c:v', 'mpeg2video', '-f', 'mpeg', '-']);
const put = async (client, title, bytes) => {
  const tape = await client.ok('POST', '/tapes', { title });
  await client.ok('PUT', `/tapes/${tape.id}/media`, bytes);
  return tape.id;
};
const jobs = async (client) => (await client.ok('GET', '/jobs?limit=200')).items;
const over = (job) => ['done', 'failed', 'cancelled'].includes(job.status);
const filesOf = (server, id) => {
  try {
    return readdirSync(path.join(server.dir, 'data/blobs/tapes', String(id)), { recursive: true }).filter((f) => /\.|original/.test(f));
  } catch {
    return [];
  }
};

test('jobs', async (t) => {
  const server = await Server.start(t, { VCR_WORKERS: '1' });
  const ada = await Client.register(server, 'ada@example.org');
  const bob = await Client.register(server, 'bob@example.org');
  const login = async (client) => {
    client.url = server.url;
    client.token = (await client.ok('POST', '/auth/login', { email: client.email, password: client.password })).access_token;
  };

  await t.test('with one worker and many films of one owner, another\'s one film is the next', async () => {
    for (let i = 0; i < 5; i++) await put(ada, `many ${i}`, tiny);
    const one = await put(bob, 'one', tiny);
    await until('Bob\'s film is ready', async () => (await bob.ok('GET', `/tapes/${one}`)).status === 'ready', 120000);
    const [his] = (await bob.ok('GET', `/jobs?tape_id=${one}`)).items;
    const hers = await until('Ada\'s are done, too', async () => { const j = await jobs(ada); return j.every((x) => x.status === 'done') && j; }, 120000);
    const between = hers.filter((j) => j.finished_at > his.created_at && j.finished_at < his.finished_at).length; // the one that ran when his came, and one that was claimed in that moment
    assert.ok(between <= 2, `${between} of Ada's went before`);
  });

  await t.test('a running job tells its stage and speed, its progress never falls, and it ends at 1', async () => {
    const id = await put(ada, 'watched', long);
    const seen = [];
    const job = await until('done', async () => {
      const [j] = (await ada.ok('GET', `/jobs?tape_id=${id}`)).items;
      seen.push(j);
      return over(j) && j;
    }, 120000);
    assert.equal(job.status, 'done');
    assert.equal(job.progress, 1);
    for (let i = 1; i < seen.length; i++) assert.ok(seen[i].progress >= seen[i - 1].progress);
    assert.ok(seen.some((j) => j.status === 'running' && j.stage), 'a stage');
    assert.ok(seen.some((j) => j.status === 'running' && j.speed > 0 && j.eta >= 0 && j.eta !== null), 'how fast, and until when');
    assert.deepEqual([job.speed, job.eta, job.error], [null, null, null]);
  });

  await t.test('a cancelled job\'s process ends and leaves no bytes; it may be tried again', async () => {
    const id = await put(ada, 'cancelled', long);
    await until('it runs', async () => (await server.children('vcr-ingest')).length === 1);
    const [job] = (await ada.ok('GET', `/jobs?tape_id=${id}`)).items;
    assert.equal((await ada.ok('POST', `/jobs/${job.id}/cancel`)).status, 'cancelled');
    await until('nothing runs', async () => (await server.children('vcr-ingest')).length === 0);
    await until('only the original is there', () => filesOf(server, id).join() === 'original');
    assert.equal((await ada.ok('GET', `/tapes/${id}`)).status, 'failed');
    assert.equal((await ada.ok('POST', `/jobs/${job.id}/retry`)).status, 'queued');
    await until('ready after all', async () => (await ada.ok('GET', `/tapes/${id}`)).status === 'ready', 120000);
    assert.equal((await ada.ok('GET', `/jobs/${job.id}`)).id, job.id);
  });

  await t.test('a film processed anew with another shape keeps playing until it is there', async () => {
    const tape = (await ada.ok('GET', '/tapes?title=watched')).items[0];
    const before = (await ada.call('GET', `/hls/${tape.id}/video.m3u8`)).text;
    const job = await ada.ok('POST', `/tapes/${tape.id}/reprocess`, { aspect: '4:3' });
    const told = new Set();
    await until('done', async () => {
      told.add((await ada.call('GET', `/hls/${tape.id}/playlist.m3u8`)).status);
      return (await ada.ok('GET', `/jobs/${job.id}`)).status === 'done';
    }, 120000);
    assert.deepEqual([...told], [200]);
    const after = await ada.ok('GET', `/tapes/${tape.id}`);
    assert.deepEqual(after.processing, { aspect: '4:3' });
    assert.equal(after.media.video.display_aspect, '4:3');
    assert.notEqual((await ada.call('GET', `/hls/${tape.id}/video.m3u8`)).text, before);
    const folders = () => [...new Set(filesOf(server, tape.id).filter((f) => f.includes('/')).map((f) => f.split('/')[0]))].join();
    await until('the reels that it replaces are gone', () => folders() === `r${job.id}`, 60000); // after the transaction that says done
  });

  await t.test('kill -9 of the server and of vcr-ingest, again and again: every job comes to its end', async () => {
    const rounds = process.env.VCR_LONG ? 100 : 10;
    server.env.VCR_WORKERS = '2';
    await server.kill('SIGTERM');
    await server.run();
    for (const c of [ada, bob]) await login(c);
    for (let round = 0; round < rounds; round++) {
      if (round % 2 === 0) await put(round % 4 ? ada : bob, `killed ${round}`, round % 8 === 4 ? long : film);
      await until('something runs', async () => (await server.children('vcr-ingest')).length > 0 || (await jobs(ada)).every(over));
      await new Promise((wait) => setTimeout(wait, (round * 137) % 700)); // another moment of a job each round
      const children = await server.children('vcr-ingest');
      if (round % 3 === 1 && children.length) {
        try { process.kill(children[0], 'SIGKILL'); } catch { /* it ended by itself */ }
      } else {
        await server.kill('SIGKILL');
        await server.run();
        for (const c of [ada, bob]) await login(c);
      }
    }
    const all = await until('all are over', async () => { const j = await jobs(ada); return j.every(over) && j; }, Math.max(300000, rounds * 9000));
    // whose vcr-ingest was killed every time before it got anywhere was given up, and says so; tried again, it comes to its end, too
    const given = all.filter((j) => j.status !== 'done');
    for (const j of given) {
      assert.match(j.error, /broke off each time/);
      assert.equal((await ada.ok('POST', `/jobs/${j.id}/retry`)).status, 'queued');
    }
    t.diagnostic(`${given.length} of ${all.length} jobs were given up in ${rounds} rounds`);
    const again = await until('those given up are over', async () => { const j = await jobs(ada); return j.every(over) && j; }, 300000);
    assert.deepEqual(again.filter((j) => j.status !== 'done').map((j) => j.error), []);
    for (const tape of (await ada.ok('GET', '/tapes?limit=200&all=true')).items) {
      assert.equal(tape.status, 'ready', tape.title);
      assert.equal((await (tape.user_id === ada.user.id ? ada : bob).call('GET', `/hls/${tape.id}/playlist.m3u8`)).status, 200);
    }
    await until('no half file', () => !readdirSync(path.join(server.dir, 'data'), { recursive: true }).some((f) => f.includes('.part-')));
  });
});
