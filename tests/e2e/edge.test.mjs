// edge.test.mjs - what stands between the server and players elsewhere: pages of other origins (CORS), a content delivery network with signed addresses, and settings
// of both that are wrong.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { addTape, Client, clip, programs, Server, tempDir } from './lib.mjs';

const ORIGIN = 'https://films.example';

test('pages of other origins', async (t) => {
  const server = await Server.start(t, { VCR_CORS_ORIGINS: `${ORIGIN}, http://localhost:3000` });
  const client = await Client.register(server);
  const tape = await addTape(client, clip('movie-hello.mpeg'));
  const { url } = await client.ok('POST', `/hls/${tape.id}/token`, {});
  const { token } = await client.ok('POST', `/hls/${tape.id}/token`, {});
  const from = (origin, target, options = {}) => fetch(server.url + target, { ...options, headers: { ...(origin ? { Origin: origin } : {}), ...options.headers } });
  const reel = `/api/v1/hls/${tape.id}/t/${token}/video.mp4`;

  await t.test('one that is named may read what players need', async () => {
    for (const [target, headers, status] of [[url, {}, 200], [reel, { Range: 'bytes=0-9' }, 206], [reel, { Range: 'bytes=999999999-' }, 416], ['/api/v1/tapes', {}, 401], ['/nowhere', {}, 404]]) {
      const answer = await from(ORIGIN, target, { headers });
      assert.equal(answer.status, status, target);
      assert.equal(answer.headers.get('access-control-allow-origin'), ORIGIN, target);
      assert.equal(answer.headers.get('access-control-allow-credentials'), 'true');
      assert.match(answer.headers.get('vary'), /Origin/);
      const exposed = answer.headers.get('access-control-expose-headers').split(/, */);
      for (const name of ['ETag', 'Content-Range', 'Content-Length', 'Accept-Ranges', 'Location']) assert.ok(exposed.includes(name), name);
    }
  });

  await t.test('a preflight is answered without credentials', async () => {
    const answer = await from('http://localhost:3000', reel, { method: 'OPTIONS', headers: { 'Access-Control-Request-Method': 'GET', 'Access-Control-Request-Headers': 'range, authorization' } });
    assert.equal(answer.status, 204);
    assert.equal(answer.headers.get('access-control-allow-origin'), 'http://localhost:3000');
    const allowed = answer.headers.get('access-control-allow-headers').toLowerCase().split(/, */);
    for (const name of ['range', 'authorization', 'content-type', 'if-none-match', 'x-csrf-token']) assert.ok(allowed.includes(name), name);
    for (const name of ['GET', 'PUT', 'DELETE']) assert.ok(answer.headers.get('access-control-allow-methods').includes(name), name);
    assert.ok(Number(answer.headers.get('access-control-max-age')) > 0);
  });

  await t.test('others get nothing of it', async () => {
    for (const origin of ['https://evil.example', 'http://films.example', `${ORIGIN}.evil.example`, `${ORIGIN}:8443`, 'null', '', `${ORIGIN}, https://evil.example`]) {
      const answer = await from(origin, url);
      assert.equal(answer.status, 200);
      assert.deepEqual([...answer.headers.keys()].filter((k) => k.startsWith('access-control')), [], origin);
      assert.match(answer.headers.get('vary'), /Origin/); // a cache must not give it to those who may
    }
    const plain = await Server.start(t);
    const answer = await fetch(plain.url + '/api/v1/server', { headers: { Origin: ORIGIN } });
    assert.deepEqual([...answer.headers.keys()].filter((k) => k.startsWith('access-control')), []);
    assert.doesNotMatch(answer.headers.get('vary') ?? '', /Origin/);
  });
});

test('a content delivery network', async (t) => {
  const dir = tempDir(), key = path.join(dir, 'pk-K2JCJMDEHXQW5F.pem'), pub = path.join(dir, 'public.pem'), CDN = 'https://d111111abcdef8.cloudfront.net';
  execFileSync('openssl', ['genrsa', '-out', key, '2048'], { stdio: 'ignore' });
  execFileSync('openssl', ['rsa', '-in', key, '-pubout', '-out', pub], { stdio: 'ignore' });
  const server = await Server.start(t, { VCR_CDN_URL: CDN, VCR_CDN_KEY_FILE: key });
  const client = await Client.register(server);
  const tape = await addTape(client, clip('movie-hello.mpeg'));
  const bytes = (text) => Buffer.from(text.replaceAll('-', '+').replaceAll('_', '=').replaceAll('~', '/'), 'base64');
  const listOf = async (name, options) => (await fetch(`${server.url}/api/v1/hls/${tape.id}/${name}`, options)).text();
  const account = { headers: { Authorization: `Bearer ${client.token}` } };

  await t.test('segments have addresses there, signed for all below their path', async () => {
    for (const name of ['video.m3u8', 'audio.m3u8', 'manifest.mpd']) {
      const text = (await listOf(name, account)).replaceAll('&amp;', '&');
      const addresses = [...new Set([...text.matchAll(/https:\/\/[^"\s<]+/g)].map((m) => m[0]).filter((u) => u.includes('.mp4')))];
      assert.equal(addresses.length, name === 'manifest.mpd' ? 2 : 1, name);
      for (const address of addresses) {
        const at = new URL(address);
        assert.equal(at.origin, CDN);
        assert.equal(at.searchParams.get('Key-Pair-Id'), 'K2JCJMDEHXQW5F');
        const policy = bytes(at.searchParams.get('Policy'));
        const { Statement: [{ Resource, Condition }] } = JSON.parse(policy);
        assert.doesNotMatch(policy.toString(), /\s/);
        assert.ok(Resource.endsWith('*') && address.startsWith(Resource.slice(0, -1)), Resource);
        const hours = (Condition.DateLessThan['AWS:EpochTime'] - Date.now() / 1000) / 3600;
        assert.ok(hours > 5.9 && hours < 7.1, `${hours} h`);
        const [data, signature] = [path.join(dir, 'policy'), path.join(dir, 'signature')];
        writeFileSync(data, policy);
        writeFileSync(signature, bytes(at.searchParams.get('Signature')));
        assert.match(execFileSync('openssl', ['dgst', '-sha1', '-verify', pub, '-signature', signature, data], { encoding: 'utf8' }), /Verified OK/);
      }
    }
    const front = await listOf('playlist.m3u8', account);
    assert.ok(!front.includes(CDN)); // lists are asked of us, so that who may not gets none
    assert.ok(!(await listOf('iframe.m3u8', account)).includes(CDN));
  });

  await t.test('what the network asks of us, it gets, and may keep for everybody', async () => {
    const address = new URL(/URI="([^"]+)"/.exec(await listOf('video.m3u8', account))[1]);
    for (const query of [address.search, `?v=${address.searchParams.get('v')}`]) {
      const answer = await fetch(server.url + address.pathname + query, { headers: { Range: 'bytes=0-99' } });
      assert.equal(answer.status, 206);
      assert.equal((await answer.arrayBuffer()).byteLength, 100);
      assert.match(answer.headers.get('cache-control'), /^public, max-age=\d{6,}, immutable$/);
      assert.equal(answer.headers.get('access-control-allow-origin'), '*');
      assert.equal(answer.headers.get('cross-origin-resource-policy'), 'cross-origin');
    }
    const altered = address.pathname.replace(/\/t\/(..)/, (_, two) => `/t/${two === 'AA' ? 'BB' : 'AA'}`);
    assert.equal((await fetch(server.url + altered)).status, 403);
  });

  await t.test('all whose access ends at about the same time get the same list', async () => {
    const tokens = await Promise.all([0, 1].map(() => client.ok('POST', `/hls/${tape.id}/token`, { expires_in: 600 })));
    const [one, two] = await Promise.all(tokens.map(({ token }) => listOf(`t/${token}/video.m3u8`)));
    for (const { token } of tokens) assert.ok(!one.includes(token) && !two.includes(token));
    const until = (text) => JSON.parse(bytes(/Policy=([^&]+)/.exec(text)[1])).Statement[0].Condition.DateLessThan['AWS:EpochTime'];
    if (until(one) === until(two)) assert.equal(one, two);
    assert.equal(until(one) % 600, 0);
    assert.ok(until(one) - Date.now() / 1000 <= 1201);
  });
});

test('settings that are wrong are told in one line', (t) => {
  const dir = tempDir(), no = path.join(dir, 'no.pem'), ec = path.join(dir, 'ec.pem'), key = path.join(dir, 'key.pem'), odd = path.join(dir, 'a key.pem');
  writeFileSync(no, 'no key');
  execFileSync('openssl', ['genrsa', '-out', key, '2048'], { stdio: 'ignore' });
  execFileSync('openssl', ['genrsa', '-out', odd, '2048'], { stdio: 'ignore' });
  execFileSync('openssl', ['ecparam', '-genkey', '-name', 'prime256v1', '-out', ec], { stdio: 'ignore' });
  const CDN = 'https://cdn.example.org';
  for (const [setting, env] of [
    ['VCR_CORS_ORIGINS', { VCR_CORS_ORIGINS: '*' }], ['VCR_CORS_ORIGINS', { VCR_CORS_ORIGINS: 'https://a.example/' }], ['VCR_CORS_ORIGINS', { VCR_CORS_ORIGINS: 'a.example' }],
    ['VCR_CDN_URL', { VCR_CDN_URL: 'cdn.example.org', VCR_CDN_KEY_FILE: key }], ['VCR_CDN_URL', { VCR_CDN_URL: `${CDN}/?x`, VCR_CDN_KEY_FILE: key }], ['VCR_CDN_URL', { VCR_CDN_KEY_FILE: key }],
    ['VCR_CDN_KEY_FILE', { VCR_CDN_URL: CDN }], ['VCR_CDN_KEY_FILE', { VCR_CDN_URL: CDN, VCR_CDN_KEY_FILE: path.join(dir, 'absent.pem') }],
    ['VCR_CDN_KEY_FILE', { VCR_CDN_URL: CDN, VCR_CDN_KEY_FILE: no }], ['VCR_CDN_KEY_FILE', { VCR_CDN_URL: CDN, VCR_CDN_KEY_FILE: ec }],
    ['VCR_CDN_KEY_FILE', { VCR_CDN_URL: CDN, VCR_CDN_KEY_FILE: odd }],
  ]) {
    const run = spawnSync(path.join(programs, 'vcrd'), { cwd: dir, encoding: 'utf8', timeout: 20000,
      env: { ...process.env, VCR_LISTEN: '127.0.0.1:0', VCR_MEDIA_LISTEN: '127.0.0.1:0', VCR_DATA_DIR: path.join(dir, 'data'), VCR_LOG: 'text', ...env } });
    assert.ok(run.status > 0, `${JSON.stringify(env)}: ${run.status} ${run.stderr}`);
    const told = run.stderr.split('\n').filter((l) => l.startsWith('vcrd: '));
    assert.equal(told.length, 1, run.stderr);
    assert.ok(told[0].startsWith(`vcrd: ${setting}: `), told[0]);
  }
});
