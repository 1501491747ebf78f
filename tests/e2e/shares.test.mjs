// shares.test.mjs - a tape shown to others, against a server of one's own: what a person and the holder of a link may, and what they may not however they try; and that all of it,
// also what is held open, ends when the share does.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { test } from 'node:test';
import { addTape, Client, clip, root, Server, until } from './lib.mjs';

const LATER = '2036-12-24T18:00:00Z';
const offer = readFileSync(path.join(root, 'fuzz/corpus/sdp_publish/chromium-play'), 'utf8');
const w = {};

/** Somebody without an account who has a link. */
class Holder extends Client {
  constructor(server, link, password) { super(server.url); Object.assign(this, { share: link.token ?? link, password }); }
  call(method, route, body, headers = {}) {
    return super.call(method, `${route}${route.includes('?') ? '&' : '?'}share=${this.share}`, body, { ...(this.password ? { 'X-Share-Password': this.password } : {}), ...headers });
  }
}
const share = (tape, body) => w.owner.ok('POST', `/tapes/${tape.id}/shares`, body);
const link = (tape, more = {}) => share(tape, { link: true, expires_at: LATER, ...more });
const newTape = (title = 'T') => w.owner.ok('POST', '/tapes', { title });
const status = async (client, method, route, body, headers) => (await client.call(method, route, body, headers)).status;
const soon = (ms) => new Date(Date.now() + ms).toISOString();
const person = (name) => Client.register(w.server, `${name}@example.org`);

/** Server-sent events of a session until they end: how many came (count), and whether it is over. */
function listen(client, session) {
  const seen = { count: 0, over: false };
  const end = () => { seen.over = true; };
  const target = `${client.url}/api/v1/sessions/${session.id}/events${client.share ? `?share=${client.share}` : ''}`;
  http.get(target, { headers: client.token ? { Authorization: `Bearer ${client.token}` } : {} }, (response) => {
    response.on('data', () => { seen.count++; });
    response.on('end', end);
    response.on('error', end);
  }).on('error', end);
  return seen;
}

const whep = async (client, session) => {
  const answer = await client.call('POST', `/whep/${session.id}`, Buffer.from(offer), { 'Content-Type': 'application/sdp' });
  return { status: answer.status, place: answer.headers.get('location') };
};

test('shares', async (t) => {
  w.server = await Server.start(t);
  w.owner = await person('owner');
  w.guest = await person('guest');
  w.stranger = await person('stranger');
  w.tape = await addTape(w.owner, clip('movie-hello.mpeg'), 'hello');

  await t.test('a person sees what it is shown, in its list too, and changes nothing', async () => {
    const tape = await newTape('the wedding'), mine = await w.guest.ok('POST', '/tapes', { title: 'mine' });
    await w.owner.ok('PATCH', `/tapes/${tape.id}`, { notes: 'sold by Bob', location: 'the attic', storage_uri: 'box 7', description: 'May 1992' });
    assert.equal(await status(w.guest, 'GET', `/tapes/${tape.id}`), 404);
    const made = await share(tape, { email: 'Guest@Example.org', role: 'viewer' });
    assert.deepEqual([made.email, made.role, made.token, made.expires_at, made.views], ['guest@example.org', 'viewer', undefined, null, 0]);
    const seen = await w.guest.ok('GET', `/tapes/${tape.id}`);
    assert.deepEqual([seen.title, seen.description, seen.notes, seen.location, seen.storage_uri], ['the wedding', 'May 1992', null, null, '']);
    const listed = (await w.guest.ok('GET', '/tapes?sort=title')).items;
    assert.deepEqual(listed.map((x) => [x.title, x.notes]), [['mine', null], ['the wedding', null]]);
    assert.equal((await w.guest.ok('GET', '/tapes?limit=1&sort=title')).items[0].id, mine.id);
    assert.equal((await w.owner.ok('GET', `/tapes/${tape.id}`)).notes, 'sold by Bob');
    for (const [method, route, body] of [['PATCH', '', { title: 'x' }], ['DELETE', ''], ['DELETE', '?purge=true'], ['GET', '/media'], ['GET', '/history'], ['GET', '/shares'],
      ['POST', '/shares', { email: 'x@example.org' }], ['POST', '/marks', { position: 1 }], ['POST', '/reprocess', {}]])
      assert.equal(await status(w.guest, method, `/tapes/${tape.id}${route}`, body), 403, `${method} ${route}`);
    const [told] = (await w.owner.ok('GET', `/tapes/${tape.id}/shares`)).items;
    assert.deepEqual([told.id, told.user_id, told.views], [made.id, w.guest.user.id, 1]);
    const history = (await w.owner.ok('GET', `/tapes/${tape.id}/history`)).items;
    assert.deepEqual([history[0].action, history[0].details.after.email, history[0].details.before], ['shared', 'guest@example.org', null]);
    await w.owner.ok('DELETE', `/tapes/${tape.id}/shares/${made.id}`);
    assert.equal(await status(w.guest, 'GET', `/tapes/${tape.id}`), 404);
    assert.deepEqual((await w.guest.ok('GET', '/tapes')).items.map((x) => x.title), ['mine']);
    assert.equal((await w.owner.ok('GET', `/tapes/${tape.id}/history`)).items[0].details.after, null);
  });

  await t.test('nothing tells who has an account; who comes later finds what waits', async () => {
    const tape = await newTape();
    const known = await share(tape, { email: w.guest.email }), unknown = await share(tape, { email: 'later@example.org' });
    const shape = ({ id, email, created_at: at, ...rest }) => rest;
    assert.deepEqual(shape(known), shape(unknown));
    const later = await person('later');
    assert.equal(await status(later, 'GET', `/tapes/${tape.id}`), 200);
    assert.equal(await status(w.stranger, 'GET', `/tapes/${tape.id}`), 404);
    assert.equal(await status(w.owner, 'POST', `/tapes/${tape.id}/shares`, { email: 'later@example.org' }), 409);
    await later.ok('PATCH', '/users/me', { email: 'moved@example.org', current_password: later.password });
    const thief = await person('later2');
    await thief.ok('PATCH', '/users/me', { email: 'later@example.org', current_password: thief.password });
    assert.deepEqual([await status(later, 'GET', `/tapes/${tape.id}`), await status(thief, 'GET', `/tapes/${tape.id}`)], [200, 404]); // it went to a person, not to an address
  });

  await t.test('a link shows its tape, joins what runs, plays HLS, and nothing else', async () => {
    const made = await link(w.tape), holder = new Holder(w.server, made), id = w.tape.id;
    assert.match(made.token, /^[\w-]{43}$/);
    assert.equal(new URL(made.url, w.server.url).searchParams.get('share'), made.token);
    const session = await w.owner.ok('POST', '/sessions', { type: 'emulation', tape_id: id });
    await w.owner.ok('POST', '/sessions', { type: 'emulation' });
    for (const part of ['', '/timeline', '/marks', '/captions', '/thumbnail']) assert.equal(await status(holder, 'GET', `/tapes/${id}${part}`), 200, part);
    assert.deepEqual((await holder.ok('GET', `/sessions?tape_id=${id}`)).items.map((s) => [s.id, s.viewers, s.settings]), [[session.id, undefined, undefined]]);
    assert.equal((await holder.ok('GET', '/sessions')).items.length, 1);
    assert.equal(await status(holder, 'GET', `/sessions/${session.id}`), 200);
    const { peer_id: peer } = await holder.ok('GET', `/streams/${session.id}/offer`);
    assert.equal(await status(holder, 'POST', `/streams/${session.id}/answer`, { peer_id: peer, type: 'answer', sdp: 'x' }), 422);
    assert.equal((await whep(holder, session)).status, 201);
    assert.equal((await w.owner.ok('GET', `/sessions/${session.id}`)).viewers.every((v) => v.user === null), true);
    // keys, the remote control, the original, an end, a beginning, an account
    for (const [method, route, body, headers] of [['POST', `/sessions/${session.id}/command`, { command: 'play' }], ['POST', `/sessions/${session.id}/remote`, { action: 'request', peer_id: peer }],
      ['GET', `/tapes/${id}/media`], ['GET', `/tapes/${id}/media`, undefined, { Range: 'bytes=0-9' }], ['PUT', `/tapes/${id}/media`], ['DELETE', `/sessions/${session.id}`], ['GET', `/sessions/${session.id}/log`],
      ['POST', '/sessions', { type: 'emulation', tape_id: id }], ['GET', '/tapes'], ['GET', '/users/me'], ['POST', '/tapes', { title: 'x' }], ['GET', '/devices'], ['POST', `/tapes/${id}/shares`, { email: 'x@example.org' }]])
      assert.equal(await status(holder, method, route, body, headers), 403, `${method} ${route}`);
    const granted = await w.owner.call('POST', `/sessions/${session.id}/remote`, { action: 'grant', peer_id: peer });
    assert.deepEqual([granted.status, granted.json.type.split('/').pop()], [409, 'only-watches']);
    // HLS: what the playlist names carries its own token
    const list = await holder.call('GET', `/hls/${id}/playlist.m3u8`);
    const child = /^(t\/\S+\/\S+\.m3u8)$/m.exec(list.text)[1];
    const playing = new Client(w.server.url);
    assert.equal(await status(playing, 'GET', `/hls/${id}/${child}`), 200);
    const token = (await holder.ok('POST', `/hls/${id}/token`)).token;
    assert.equal(await status(playing, 'GET', `/hls/${id}/t/${token}/video.m3u8`), 200);
    assert.ok((await w.owner.ok('GET', `/tapes/${id}/shares`)).items.find((s) => s.id === made.id).views >= 1);
    // within two seconds of its end: the picture, the events, HLS
    const events = listen(holder, session), own = listen(w.owner, session);
    await until('events come', () => events.count > 0 && own.count > 0);
    const others = (await w.owner.ok('GET', `/sessions/${session.id}`)).viewers.length;
    assert.equal(others, 2);
    await w.owner.ok('DELETE', `/tapes/${id}/shares/${made.id}`);
    assert.equal((await holder.call('GET', `/tapes/${id}`)).json.type.endsWith('/link-ended'), true);
    await until('its events end', () => events.over);
    await until('its pictures are hung up on', async () => (await w.owner.ok('GET', `/sessions/${session.id}`)).viewers.length === 0);
    await until('its tokens end', async () => (await status(playing, 'GET', `/hls/${id}/t/${token}/video.m3u8`)) === 403 && (await status(playing, 'GET', `/hls/${id}/${child}`)) === 403);
    assert.equal(await status(w.owner, 'GET', `/hls/${id}/video.m3u8`), 200);
    const before = own.count;
    await w.owner.ok('POST', `/sessions/${session.id}/command`, { command: 'play' });
    await until('the owner is told on', () => own.count > before); // only who may not was hung up on
    await w.owner.ok('DELETE', `/sessions/${session.id}`);
    await until('the owner\'s end, too', () => own.over);
  });

  await t.test('a link opens its tape alone, and a guess nothing', async () => {
    const tape = await newTape(), other = await newTape(), made = await link(tape), holder = new Holder(w.server, made);
    const session = await w.owner.ok('POST', '/sessions', { type: 'emulation', tape_id: other.id });
    for (const route of [`/tapes/${other.id}`, `/tapes/${other.id}/marks`, `/tapes/${other.id}/media`, `/hls/${other.id}/playlist.m3u8`, `/sessions/${session.id}`, `/streams/${session.id}/offer`, `/sessions/${session.id}/events`,
      `/hls/live/${session.id}/playlist.m3u8`]) assert.equal(await status(holder, 'GET', route), 404, route);
    assert.equal(await status(holder, 'POST', `/hls/${other.id}/token`), 404);
    const flipped = made.token.slice(0, -2) + (made.token.at(-2) === 'A' ? 'B' : 'A') + made.token.at(-1);
    for (const guess of ['', 'x', flipped, made.token.slice(1), made.token + 'A', made.token.toUpperCase(), String(made.id), `${made.token}%00`, "'; DROP TABLE shares; --", '%ff'])
      assert.ok([400, 404].includes(await status(new Holder(w.server, guess), 'GET', `/tapes/${tape.id}`)), guess);
    // beside an account it opens what the account does not, and takes nothing away
    const both = new Holder(w.server, made);
    both.token = w.guest.token;
    assert.equal(await status(both, 'GET', `/tapes/${tape.id}`), 200);
    assert.equal(await status(both, 'GET', `/tapes/${other.id}`), 404);
    assert.equal(await status(both, 'GET', '/tapes'), 200);
    assert.equal(await status(both, 'PATCH', `/tapes/${tape.id}`, { title: 'x' }), 403);
    const owner = new Holder(w.server, made);
    owner.token = w.owner.token;
    assert.equal(await status(owner, 'PATCH', `/tapes/${other.id}`, { title: 'still mine' }), 200);
    assert.equal(await status(new Holder(w.server, 'nonsense'), 'POST', '/auth/login', { email: w.owner.email, password: w.owner.password }), 200);
    await w.owner.ok('DELETE', `/sessions/${session.id}`);
  });

  await t.test('a tape that goes into another deck takes its viewers with it, and those of the first stay behind', async () => {
    const first = await newTape(), secret = await newTape('secret'), holder = new Holder(w.server, await link(first));
    const session = await w.owner.ok('POST', '/sessions', { type: 'emulation', tape_id: first.id });
    const events = listen(holder, session);
    await until('events come', () => events.count > 0);
    await until('it is in', async () => (await w.owner.ok('GET', `/sessions/${session.id}`)).deck.mode === 'stop');
    await w.owner.ok('POST', `/sessions/${session.id}/command`, { command: 'eject' });
    await until('it is out', async () => (await w.owner.ok('GET', `/sessions/${session.id}`)).deck.mode === 'ejected');
    await w.owner.ok('POST', `/sessions/${session.id}/command`, { command: 'insert', tape_id: secret.id });
    await until('its events end', () => events.over);
    assert.equal(await status(holder, 'GET', `/sessions/${session.id}`), 404);
    await w.owner.ok('DELETE', `/sessions/${session.id}`);
  });

  await t.test('a user runs a shared tape in a deck of its own, which loses it with the share, and its place is its owner\'s', async () => {
    const made = await share(w.tape, { email: w.guest.email });
    const place = (await w.owner.ok('GET', `/tapes/${w.tape.id}`)).position;
    const session = await w.guest.ok('POST', '/sessions', { type: 'emulation', tape_id: w.tape.id });
    await w.guest.ok('POST', `/sessions/${session.id}/command`, { command: 'play' });
    await until('it plays', async () => (await w.guest.ok('GET', `/sessions/${session.id}`)).deck.position > 0.5);
    assert.equal(await status(w.guest, 'POST', `/sessions/${session.id}/command`, { command: 'record' }), 403);
    await w.owner.ok('DELETE', `/tapes/${w.tape.id}/shares/${made.id}`);
    const { deck } = await until('the tape is put out', async () => { const s = await w.guest.ok('GET', `/sessions/${session.id}`); return s.deck.mode === 'ejected' && s; });
    assert.equal(deck.stop_reason, 'tape_unshared');
    assert.equal(await status(w.guest, 'POST', `/sessions/${session.id}/command`, { command: 'insert', tape_id: w.tape.id }), 404);
    await w.guest.ok('DELETE', `/sessions/${session.id}`);
    assert.equal((await w.owner.ok('GET', `/tapes/${w.tape.id}`)).position, place);
  });

  await t.test('a link that runs out while it plays ends all that it opened', async () => {
    const made = await link(w.tape, { expires_at: soon(4000) }), holder = new Holder(w.server, made), playing = new Client(w.server.url);
    const session = await w.owner.ok('POST', '/sessions', { type: 'emulation', tape_id: w.tape.id });
    const { token, expires_at: ends } = await holder.ok('POST', `/hls/${w.tape.id}/token`, { expires_in: 86400 });
    assert.equal(ends, made.expires_at); // not a day
    const events = listen(holder, session);
    assert.equal((await whep(holder, session)).status, 201);
    await until('events come', () => events.count > 0);
    await until('its events end', () => events.over);
    assert.ok(Date.now() >= Date.parse(made.expires_at));
    await until('its picture ends', async () => (await w.owner.ok('GET', `/sessions/${session.id}`)).viewers.length === 0);
    assert.equal(await status(holder, 'GET', `/tapes/${w.tape.id}`), 404);
    assert.equal(await status(holder, 'GET', `/streams/${session.id}/offer`), 404);
    assert.equal(await status(playing, 'GET', `/hls/${w.tape.id}/t/${token}/video.m3u8`), 403);
    await w.owner.ok('DELETE', `/sessions/${session.id}`);
  });

  await t.test('the bin ends shares, and coming back does not bring them back', async () => {
    const tape = await newTape(), holder = new Holder(w.server, await link(tape));
    await share(tape, { email: w.guest.email });
    await w.owner.ok('DELETE', `/tapes/${tape.id}`);
    for (const client of [holder, w.guest]) assert.equal(await status(client, 'GET', `/tapes/${tape.id}`), 404);
    assert.equal(await status(w.owner, 'POST', `/tapes/${tape.id}/shares`, { email: 'x@example.org' }), 404);
    assert.equal((await w.guest.ok('GET', '/tapes?trashed=true')).items.length, 0);
    await w.owner.ok('POST', `/tapes/${tape.id}/restore`);
    for (const client of [holder, w.guest]) assert.equal(await status(client, 'GET', `/tapes/${tape.id}`), 404);
    assert.deepEqual((await w.owner.ok('GET', `/tapes/${tape.id}/shares`)).items, []);
  });

  await t.test('a password is needed for all that the link opens', async () => {
    const made = await link(w.tape, { password: 'birthday cake' }), id = w.tape.id;
    const none = new Holder(w.server, made), wrong = new Holder(w.server, made, 'birthday cakes'), right = new Holder(w.server, made, 'birthday cake');
    for (const route of [`/tapes/${id}`, `/tapes/${id}/thumbnail`, `/hls/${id}/playlist.m3u8`, '/sessions']) {
      for (const client of [none, wrong, none]) {
        const answer = await client.call('GET', route);
        assert.deepEqual([answer.status, answer.json.type.split('/').pop()], [401, 'share-password'], route);
        assert.ok(answer.headers.get('www-authenticate'));
      }
      assert.equal(await status(right, 'GET', route), 200, route);
      assert.equal(await status(wrong, 'GET', route), 401, `${route}, after the right one`);
    }
    assert.equal(await status(right, 'POST', `/hls/${id}/token`), 201);
    assert.equal((await whep(wrong, { id: '00000000-0000-4000-8000-000000000000' })).status, 401);
    const [told] = (await w.owner.ok('GET', `/tapes/${id}/shares`)).items.filter((s) => s.id === made.id);
    assert.deepEqual([told.protected, told.views, told.token], [true, 1, undefined]);
  });

  await t.test('views are those who opened it', async () => {
    const tape = await newTape(), made = await link(tape), holder = new Holder(w.server, made);
    await holder.ok('GET', `/tapes/${tape.id}`);
    const etag = (await holder.call('GET', `/tapes/${tape.id}`)).headers.get('etag');
    assert.equal(await status(holder, 'GET', `/tapes/${tape.id}`, undefined, { 'If-None-Match': etag }), 304);
    assert.equal((await fetch(`${w.server.url}/api/v1/tapes/${tape.id}?share=${made.token}`, { method: 'HEAD' })).status, 200);
    assert.equal(await status(holder, 'GET', `/tapes/${tape.id}/marks`), 200);
    await w.owner.ok('GET', `/tapes/${tape.id}`);
    assert.equal((await w.owner.ok('GET', `/tapes/${tape.id}/shares`)).items[0].views, 2);
  });

  await t.test('as many as there may be, and their pages', async () => {
    const tape = await newTape();
    for (let i = 0; i < 200; i += 20) await Promise.all(Array.from({ length: 20 }, (_, k) => share(tape, { email: `p${i + k}@example.org` })));
    const over = await w.owner.call('POST', `/tapes/${tape.id}/shares`, { email: 'p200@example.org' });
    assert.deepEqual([over.status, over.json.type.split('/').pop()], [409, 'too-many-shares']);
    const ids = [];
    for (let cursor = ''; cursor !== null;) {
      const page = await w.owner.ok('GET', `/tapes/${tape.id}/shares?limit=77${cursor && `&cursor=${cursor}`}`);
      ids.push(...page.items.map((s) => s.id));
      cursor = page.next_cursor;
    }
    assert.equal(new Set(ids).size, 200);
  });

  await t.test('neither a token nor a password is in the log, wherever it was put', async () => {
    const made = await link(w.tape, { password: 'not to be read' });
    await fetch(`${w.server.url}/api/v1/tapes/${w.tape.id}?share=${made.token}`, { headers: { Referer: `${w.server.url}/?tape=1&share=${made.token}`, 'X-Share-Password': 'not to be read' } });
    await fetch(`${w.server.url}/api/v1/tapes/share=${made.token}`);
    for (const answer of [await fetch(`${w.server.url}${made.url}`), await fetch(`${w.server.url}/api/v1/tapes/${w.tape.id}?share=${made.token}`)])
      assert.ok(answer.status === 404 || answer.headers.get('referrer-policy') === 'no-referrer'); // 404: this server has no page
    for (const secret of [made.token, 'not to be read']) assert.ok(!w.server.log.includes(secret));
  });
});

test('who guesses a link\'s password is held back, and not who knows it', async (t) => {
  const server = await Server.start(t, { VCR_RATE_LIMITS: 'on' });
  const owner = await Client.register(server);
  const tape = await owner.ok('POST', '/tapes', { title: 'T' });
  const made = await owner.ok('POST', `/tapes/${tape.id}/shares`, { link: true, expires_at: LATER, password: 'birthday cake' });
  const right = new Holder(server, made, 'birthday cake');
  assert.equal(await status(right, 'GET', `/tapes/${tape.id}`), 200);
  const answers = [];
  for (let i = 0; i < 8; i++) answers.push(await new Holder(server, made, `guess ${i}`).call('GET', `/tapes/${tape.id}`));
  assert.deepEqual(answers.map((a) => a.status), [401, 401, 401, 401, 429, 429, 429, 429]); // five in all from one address: the right one was the first
  assert.ok(Number(answers.at(-1).headers.get('retry-after')) > 0);
  assert.equal(await status(right, 'GET', `/tapes/${tape.id}`), 200);
});
