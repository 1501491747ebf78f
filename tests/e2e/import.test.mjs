// import.test.mjs - films that come in as files: the import folder empties itself, a library stays as it is, and neither a kill nor a hostile name loses or doubles one.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { Client, clip, Server, tempDir, until } from './lib.mjs';

const film = clip('movie-hello.mpeg');
const tapes = async (client) => (await client.ok('GET', '/tapes?sort=created_at&limit=200')).items;
const titled = async (client, title) => (await tapes(client)).find((t) => t.title === title);
const ready = (client, title) => until(`${title} is ready`, async () => {
  const t = await titled(client, title);
  return t?.status === 'ready' && t;
}, 120000);
const login = async (server, client) => {
  client.url = server.url;
  client.token = (await client.ok('POST', '/auth/login', { email: client.email, password: client.password })).access_token;
};

test('the import folder', async (t) => {
  const watch = tempDir();
  const server = await Server.start(t, { VCR_WATCH_DIR: watch });
  const admin = await Client.register(server, 'admin@example.org');
  const ada = await Client.register(server, 'ada@example.org');

  await t.test('a film that is put there becomes a tape that plays, and leaves the folder', async () => {
    copyFileSync(film, path.join(watch, 'Our_holiday.mpeg'));
    mkdirSync(path.join(watch, 'ada@example.org'));
    copyFileSync(film, path.join(watch, 'ada@example.org', 'Ada.mpeg.part'));
    const tape = await ready(admin, 'Our holiday');
    assert.equal(existsSync(path.join(watch, 'Our_holiday.mpeg')), false);
    const whole = await admin.ok('GET', `/tapes/${tape.id}`);
    assert.equal(whole.media.size_bytes, statSync(film).size);
    assert.equal((await admin.call('GET', `/hls/${tape.id}/playlist.m3u8`)).status, 200);
    const history = (await admin.ok('GET', `/tapes/${tape.id}/history`)).items.map((i) => i.action);
    assert.deepEqual(history, ['transcoded', 'processing_started', 'uploaded', 'created']);
    assert.deepEqual(await tapes(ada), []);
    renameSync(path.join(watch, 'ada@example.org', 'Ada.mpeg.part'), path.join(watch, 'ada@example.org', 'Ada.mpeg')); // as a download ends
    const hers = await ready(ada, 'Ada');
    assert.equal(hers.user_id, ada.user.id);
    assert.deepEqual((await ada.ok('GET', `/tapes/${hers.id}`)).duplicates, []); // his is not hers to know of
  });

  await t.test('links and what is no file stay, and nothing is read through them', async () => {
    symlinkSync('/etc/passwd', path.join(watch, 'passwd.mpeg'));
    symlinkSync('/', path.join(watch, 'everything'));
    execFileSync('mkfifo', [path.join(watch, 'pipe.mpeg')]);
    copyFileSync(film, path.join(watch, '$(reboot)`;.mpeg'));
    await until('the odd name is on the shelf', () => titled(admin, '$(reboot)`;'));
    await until('it left the folder', () => !existsSync(path.join(watch, '$(reboot)`;.mpeg'))); // after the tape is there for certain
    assert.deepEqual(readdirSync(watch).sort(), ['ada@example.org', 'everything', 'passwd.mpeg', 'pipe.mpeg']);
    assert.equal((await tapes(admin)).length, 2);
  });

  await t.test('kill -9 again and again: each film is on the shelf once, and none is left', async () => {
    const rounds = process.env.VCR_LONG ? 40 : 2;
    const names = [];
    for (let round = 0; round < rounds; round++) {
      const before = (await tapes(admin)).length; // counted first: all three may be in before anybody can look
      for (let i = 0; i < 3; i++) {
        const name = `round ${round} ${i}`;
        names.push(name);
        writeFileSync(path.join(watch, `${name}.mpeg.part`), Buffer.concat([Buffer.alloc(3 << 20, name), Buffer.from(name)]));
        renameSync(path.join(watch, `${name}.mpeg.part`), path.join(watch, `${name}.mpeg`));
      }
      await until('one is coming in', async () => (await tapes(admin)).length > before);
      await server.kill('SIGKILL');
      await server.run();
      await login(server, admin);
    }
    await until('the folder is empty', () => readdirSync(watch).filter((n) => n.startsWith('round')).length === 0, 60000);
    const shelf = (await tapes(admin)).map((x) => x.title).filter((x) => x.startsWith('round')).sort();
    assert.deepEqual(shelf, names.sort());
    await until('no job is stuck', async () => (await tapes(admin)).every((x) => ['ready', 'failed'].includes(x.status)), 120000);
    await until('no half file', () => !readdirSync(path.join(server.dir, 'data'), { recursive: true }).some((f) => f.includes('.part-'))); // a failed job's go after it is over
  });
});

test('a library', async (t) => {
  const library = tempDir(), place = path.join(library, '1992', 'garden.mpeg');
  mkdirSync(path.dirname(place));
  copyFileSync(film, place);
  writeFileSync(path.join(library, 'notes.txt'), 'not a film');
  const listing = () => execFileSync('sh', ['-c', 'find . -printf "%p %s %T@ %m\\n" | sort; sha256sum 1992/garden.mpeg'], { cwd: library, encoding: 'utf8' });
  const before = listing();
  const server = await Server.start(t, { VCR_LIBRARY_DIRS: library });
  const admin = await Client.register(server, 'admin@example.org');
  const tape = await ready(admin, 'garden');

  await t.test('its films play and stay untouched, also when their tape is processed anew', async () => {
    assert.equal(tape.original_state, 'library');
    assert.match(tape.storage_uri, /^library:.*\/1992\/garden\.mpeg$/);
    const original = await fetch(`${server.url}/api/v1/tapes/${tape.id}/media`, { headers: { Authorization: `Bearer ${admin.token}`, Range: 'bytes=100-199' } });
    assert.equal(original.status, 206);
    assert.deepEqual(Buffer.from(await original.arrayBuffer()), readFileSync(film).subarray(100, 200));
    const job = await admin.ok('POST', `/tapes/${tape.id}/reprocess`, { aspect: '16:9' });
    await until('processed anew', async () => (await admin.ok('GET', `/jobs/${job.id}`)).status === 'done', 120000);
    assert.equal((await tapes(admin)).length, 1);
    assert.equal(listing(), before);
    assert.equal(existsSync(path.join(server.dir, 'data/blobs/tapes', String(tape.id), 'original')), false);
  });

  await t.test('a file that was changed is noticed, and is not served as the original', async () => {
    writeFileSync(place, 'quite another film');
    const answer = await admin.call('GET', `/tapes/${tape.id}/media`);
    assert.equal(answer.status, 409);
    assert.ok(answer.json.type.endsWith('/original-changed'));
    const now = await until('the tape says so', async () => { const x = await admin.ok('GET', `/tapes/${tape.id}`); return x.original_state === 'changed' && x; });
    assert.equal(now.status, 'ready'); // what was made of it plays on
    assert.equal((await admin.call('GET', `/hls/${tape.id}/playlist.m3u8`)).status, 200);
    assert.equal((await admin.call('POST', `/tapes/${tape.id}/reprocess`, {})).status, 409);
  });

  await t.test('purging the tape leaves the file', async () => {
    await admin.call('DELETE', `/tapes/${tape.id}?purge=true`);
    assert.equal(readFileSync(place, 'utf8'), 'quite another film');
  });
});

test('a folder that holds the server is refused with a line that names the setting', async (t) => {
  const dir = tempDir();
  await assert.rejects(Server.start(t, { VCR_WATCH_DIR: dir }, dir), /VCR_WATCH_DIR/);
  await assert.rejects(Server.start(t, { VCR_LIBRARY_DIRS: path.join(dir, 'nowhere') }, dir), /VCR_LIBRARY_DIRS/);
});
