// rights.test.mjs - who may do what: every route of api/openapi.yaml by every kind of asker, on an object of its own, one shared with it, somebody else's and nobody's.
// What is expected is reckoned from the table below, which is the column "who" of the contract, and not from the server's.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { test } from 'node:test';
import { Contract, send } from './contract.mjs';
import { Client, Server } from './lib.mjs';

const contract = new Contract();
const keepers = ['archivist', 'admin'];

/* ---- the contract: what each answers, by who asks and how the object stands to it ---- */
const ROLES = ['viewer', 'user', 'archivist', 'admin'];
const LINK = 'link'; // its holder, without an account
const tapeSeen = (p, r) => r === 'mine' || r === 'shared' || keepers.includes(p);
const over = (sees, may) => (may ? 'ok' : sees ? 403 : 404);
const TAPE = {
  viewers: (p, r) => over(tapeSeen(p, r), tapeSeen(p, r)),
  inspectors: (p, r) => over(tapeSeen(p, r), r === 'mine' || keepers.includes(p)), // "owner, admin", and of tapes an archivist
  keepers: (p, r) => over(tapeSeen(p, r), (r === 'mine' && p !== 'viewer') || keepers.includes(p)),
  owner: (p, r) => over(tapeSeen(p, r), (r === 'mine' && p !== 'viewer') || (r === 'nobodys' && keepers.includes(p))),
  starters: (p, r) => (p === 'viewer' || p === LINK ? 403 : over(tapeSeen(p, r), tapeSeen(p, r))),
};
// A session's object is its tape's: own means the session, too; of the others' the tape decides who sees it.
const sessionSeen = (p, r) => r === 'mine' || tapeSeen(p, r);
const SESSION = {
  viewers: (p, r) => over(sessionSeen(p, r), sessionSeen(p, r)),
  users: (p, r) => over(sessionSeen(p, r), sessionSeen(p, r) && p !== LINK), // keys and the remote control: a link joins, and no more
  owner: (p, r) => over(sessionSeen(p, r), r === 'mine' || p === 'admin'),
};
const DEVICE = {
  keepers: (p, r) => over(r === 'mine' || p === 'admin', r === 'mine' || p === 'admin'),
  owner: (p, r) => over(r === 'mine' || p === 'admin', r === 'mine'),
};
const HERE = { watchers: () => 'ok', account: (p) => (p === LINK ? 403 : 'ok'), creators: (p) => (p === 'viewer' || p === LINK ? 403 : 'ok'), admins: (p) => (p === 'admin' ? 'ok' : 403) };

const below = ['captions/{file}', 'vhs/{file}', 'vhs/{rev}/{file}', 'r/{rung}/{file}', 'r/{rung}/p/{folder}/{reel}/{file}', 'p/{folder}/{file}', 'audio/{file}', 'video.m3u8', 'audio.m3u8',
  'iframe.m3u8', 'video.mp4', 'audio.mp4', 'playlist.m3u8', 'manifest.mpd'];
const live = ['playlist.m3u8', 'video.m3u8', 'audio.m3u8', 'video/{file}', 'audio/{file}'];
const rows = (who, ...routes) => routes.map((r) => { const [method, where] = r.split(' '); return [`${method} /api/v1${where}`, who]; });
const WHO = Object.fromEntries([
  ...rows(HERE.account, 'GET /users/me', 'PATCH /users/me', 'DELETE /users/me', 'GET /users/me/logins', 'DELETE /users/me/logins/{id}', 'GET /users/me/tokens', 'POST /users/me/tokens',
    'GET /users/me/usage', 'GET /users/me/export', 'GET /users/me/totp', 'POST /users/me/totp', 'DELETE /users/me/totp', 'GET /users/me/tokens/{id}', 'DELETE /users/me/tokens/{id}', 'GET /tapes',
    'GET /jobs', 'GET /devices'),
  ...rows(HERE.watchers, 'GET /sessions'),
  ...rows(HERE.creators, 'POST /tapes', 'POST /devices'),
  ...rows(HERE.admins, 'GET /audit', 'GET /audit.csv', 'GET /invitations', 'POST /invitations', 'GET /invitations/{id}', 'DELETE /invitations/{id}', 'GET /users', 'PATCH /users/{id}', 'DELETE /users/{id}'),
  ...rows(TAPE.viewers, 'GET /tapes/{id}', 'GET /tapes/{id}/timeline', 'GET /tapes/{id}/captions', 'GET /tapes/{id}/captions/{language}', 'GET /tapes/{id}/storyboard.vtt',
    'GET /tapes/{id}/storyboard/{file}', 'GET /tapes/{id}/marks', 'GET /tapes/{id}/thumbnail', 'POST /hls/{id}/token', ...below.map((b) => `GET /hls/{id}/${b}`)),
  ...rows(TAPE.inspectors, 'GET /tapes/{id}/history', 'GET /jobs/{id}'),
  ...rows(TAPE.keepers, 'PATCH /tapes/{id}', 'DELETE /tapes/{id}', 'POST /tapes/{id}/restore', 'POST /jobs/{id}/cancel', 'POST /jobs/{id}/retry'),
  ...rows(TAPE.owner, 'POST /tapes/{id}/history/{itemId}/undo', 'PUT /tapes/{id}/captions/{language}', 'DELETE /tapes/{id}/captions/{language}', 'POST /tapes/{id}/marks',
    'PATCH /tapes/{id}/marks/{markId}', 'DELETE /tapes/{id}/marks/{markId}', 'POST /tapes/{id}/reprocess', 'PUT /tapes/{id}/media', 'GET /tapes/{id}/media',
    'GET /tapes/{id}/shares', 'POST /tapes/{id}/shares', 'DELETE /tapes/{id}/shares/{shareId}'),
  ...rows(TAPE.starters, 'POST /sessions'),
  ...rows(SESSION.viewers, 'GET /sessions/{id}', 'GET /sessions/{id}/events', 'GET /streams/{id}/offer', 'POST /streams/{id}/answer',
    'POST /whep/{id}', 'GET /whep/{id}', 'PATCH /whep/{id}/{viewer}', 'GET /whep/{id}/{viewer}', 'DELETE /whep/{id}/{viewer}', 'POST /hls/live/{id}/token', ...live.map((b) => `GET /hls/live/{id}/${b}`)),
  ...rows(SESSION.users, 'POST /sessions/{id}/command', 'POST /sessions/{id}/remote'),
  ...rows(SESSION.owner, 'GET /sessions/{id}/log', 'DELETE /sessions/{id}'),
  ...rows(DEVICE.keepers, 'GET /devices/{id}', 'PATCH /devices/{id}', 'DELETE /devices/{id}'),
  ...rows(DEVICE.owner, 'POST /devices/{id}/token'),
  ...rows('anyone', 'DELETE /users/me/logins', 'POST /auth/register', 'POST /auth/login', 'POST /auth/refresh', 'POST /auth/logout', 'GET /server', 'GET /openapi.json'),
  ...['/healthz', '/readyz', '/metrics'].map((r) => [`GET ${r}`, 'anyone']),
  ...rows('device', 'POST /whip/{deviceId}', 'GET /whip/{deviceId}', 'PATCH /whip/{deviceId}/{publisher}', 'GET /whip/{deviceId}/{publisher}', 'DELETE /whip/{deviceId}/{publisher}'),
  ...rows('token', ...below.map((b) => `GET /hls/{id}/t/{token}/${b}`), ...live.map((b) => `GET /hls/live/{id}/t/{token}/${b}`)),
]);

/* ---- the world ---- */
const w = { clients: {}, fixtures: new Map() };
const sql = (text) => execFileSync('sqlite3', [path.join(w.server.dir, 'data/vcr.db'), '-cmd', '.timeout 5000', text], { encoding: 'utf8' }).trim();
const setRole = (client, role) => sql(`UPDATE users SET role = '${role}' WHERE id = ${client.user.id}`);

/** Objects of one owner, and how they stand to who asks: a tape with a mark and captions, a job of it, a session that runs with it, a device. */
async function build(principal, relation) {
  const asker = w.clients[principal], owner = relation === 'mine' && asker ? asker : w.owner;
  if (owner === w.clients.viewer) setRole(owner, 'user');
  const { id } = await owner.ok('POST', '/tapes', { title: `${principal}, ${relation}` });
  const f = { id, owner };
  f.itemId = (await owner.ok('GET', `/tapes/${id}/history`)).items[0].id;
  f.markId = (await owner.ok('POST', `/tapes/${id}/marks`, { position: 1 })).id;
  await owner.ok('PUT', `/tapes/${id}/captions/en`, Buffer.from('WEBVTT\n\n00:00.000 --> 00:01.000\nHello'), { 'Content-Type': 'text/vtt' });
  f.job = Number(sql(`INSERT INTO jobs(tape_id, kind, status, created_at) VALUES(${id}, 'process', 'failed', 0) RETURNING id`));
  f.session = (await owner.ok('POST', '/sessions', { type: 'emulation', tape_id: id })).id;
  f.device = (await owner.ok('POST', '/devices', { name: 'D' })).id;
  const link = await owner.ok('POST', `/tapes/${id}/shares`, { link: true, expires_at: '2036-12-24T18:00:00Z' });
  f.shareId = link.id;
  if (relation === 'shared' && asker) await owner.ok('POST', `/tapes/${id}/shares`, { email: asker.email, role: 'viewer' });
  if (principal === LINK) f.share = relation === 'shared' ? link.token : w.otherLink;
  if (relation === 'nobodys') sql(`UPDATE tapes SET user_id = NULL WHERE id = ${id}`);
  if (owner === w.clients.viewer) setRole(owner, 'viewer');
  return f;
}

async function fixture(principal, relation, fresh) {
  const key = `${principal} ${relation}`, old = w.fixtures.get(key);
  if (old && !fresh) return old;
  if (old) await old.owner.call('DELETE', `/sessions/${old.session}`);
  w.fixtures.set(key, await build(principal, relation));
  return w.fixtures.get(key);
}

const SPENDS = ['DELETE /api/v1/tapes/{id}', 'POST /api/v1/tapes/{id}/restore', 'DELETE /api/v1/sessions/{id}', 'DELETE /api/v1/devices/{id}', 'DELETE /api/v1/tapes/{id}/marks/{markId}', 'DELETE /api/v1/tapes/{id}/shares/{shareId}',
  'DELETE /api/v1/tapes/{id}/captions/{language}', 'PUT /api/v1/tapes/{id}/media', 'POST /api/v1/tapes/{id}/reprocess', 'POST /api/v1/jobs/{id}/retry'];
const BODIES = {
  'PATCH /api/v1/users/me': {}, 'DELETE /api/v1/users/me': {}, 'PATCH /api/v1/users/{id}': {}, 'POST /api/v1/users/me/totp': {}, 'DELETE /api/v1/users/me/totp': {}, 'POST /api/v1/users/me/tokens': { name: 'T', scopes: ['read'] }, 'POST /api/v1/tapes': { title: 'T' }, 'POST /api/v1/devices': { name: 'D' }, 'PATCH /api/v1/tapes/{id}': { title: 'U' }, 'POST /api/v1/tapes/{id}/marks': { position: 2 },
  'PATCH /api/v1/tapes/{id}/marks/{markId}': { title: 'M' }, 'POST /api/v1/tapes/{id}/reprocess': {}, 'POST /api/v1/sessions': (f) => ({ type: 'emulation', tape_id: f.id }),
  'POST /api/v1/sessions/{id}/command': { command: 'counter_reset' }, 'POST /api/v1/sessions/{id}/remote': { action: 'release' },
  'POST /api/v1/streams/{id}/answer': { peer_id: 'x', type: 'answer', sdp: 'x' }, 'PATCH /api/v1/devices/{id}': { name: 'E' }, 'POST /api/v1/devices/{id}/token': {},
  'POST /api/v1/tapes/{id}/shares': { link: true, expires_at: '2036-12-24T18:00:00Z' }, 'POST /api/v1/hls/{id}/token': {}, 'POST /api/v1/hls/live/{id}/token': {},
};
const RAW = {
  'PUT /api/v1/tapes/{id}/captions/{language}': ['text/vtt', 'WEBVTT\n'], 'PUT /api/v1/tapes/{id}/media': ['application/octet-stream', 'no film'],
  'POST /api/v1/whep/{id}': ['application/sdp', 'x'], 'PATCH /api/v1/whep/{id}/{viewer}': ['application/trickle-ice-sdpfrag', 'x'],
};

/** One call as that asker; what it came to: 'ok' for all that got past the rights, else the status. */
async function outcome(operation, principal, f) {
  const { key, method } = operation;
  const id = key.endsWith('/users/{id}') ? 999999 : key.includes('/hls/live/') || /\/(sessions|streams|whep)\//.test(key) ? f.session : key.includes('/devices/') ? f.device : key.includes('/jobs/') ? f.job : f.id;
  const params = { id, deviceId: f.device, markId: f.markId, shareId: f.shareId, itemId: f.itemId, language: 'en', token: 'x', ...f.params };
  const target = operation.route.replace(/\{(\w+)\}/g, (_, name) => params[name] ?? 'x') + (f.share ? `?share=${f.share}` : '');
  const [type, raw] = RAW[key] ?? [];
  const body = raw ?? (BODIES[key] === undefined ? undefined : JSON.stringify(BODIES[key].call ? BODIES[key](f) : BODIES[key]));
  const token = principal === 'device' ? w.deviceToken : w.clients[principal]?.token;
  const answer = await send(w.server.url, { method, path: target, body, events: key.endsWith('/events'),
    headers: { ...(token ? { Authorization: `Bearer ${token}` } : {}), ...(body === undefined ? {} : { 'Content-Type': type ?? 'application/json' }) } });
  assert.ok(answer.status < 500, `${key} as ${principal}: ${answer.status} ${answer.text}`);
  const absent = answer.status === 404 && /^(there is no such (tape|session|device|job)|this link opens nothing, or no more)$/.test(answer.json?.detail);
  if (answer.status === 201 && key === 'POST /api/v1/sessions') await w.clients[principal].call('DELETE', `/sessions/${answer.json.id}`);
  return [401, 403].includes(answer.status) || absent ? answer.status : 'ok';
}

test('every route, asker and object', async (t) => {
  w.server = await Server.start(t);
  w.clients.admin = await Client.register(w.server, 'admin@example.org');
  for (const name of ['owner', 'viewer', 'user', 'archivist']) w.clients[name] = await Client.register(w.server, `${name}@example.org`);
  w.owner = w.clients.owner;
  delete w.clients.owner;
  w.deviceToken = (await w.owner.ok('POST', '/devices', { name: 'D' })).device_token;
  for (const role of ['viewer', 'archivist']) setRole(w.clients[role], role);

  await t.test('the table has every route', () => assert.deepEqual(Object.keys(WHO).sort(), [...contract.operations.keys()].sort()));

  const another = await w.owner.ok('POST', '/tapes', { title: 'another' });
  w.otherLink = (await w.owner.ok('POST', `/tapes/${another.id}/shares`, { link: true, expires_at: '2036-12-24T18:00:00Z' })).token;

  for (const principal of ['anonymous', 'device', LINK, ...ROLES]) {
    await t.test(principal, async () => {
      const wrong = [];
      for (const relation of ROLES.includes(principal) ? ['mine', 'shared', 'others', 'nobodys'] : principal === LINK ? ['shared', 'others'] : ['others']) {
        for (const operation of contract.operations.values()) {
          const who = WHO[operation.key];
          if (typeof who !== 'function') continue; // asked below
          let f = await fixture(principal, relation);
          if (operation.key.endsWith('/restore')) await f.owner.call('DELETE', `/tapes/${f.id}`), sql(`UPDATE tapes SET trashed_at = 1 WHERE id = ${f.id}`);
          // A device or a session belongs to somebody even when the tape does not.
          const ended = relation === 'shared' && operation.key.endsWith('/restore'); // with the bin
          const isDevice = Object.values(DEVICE).includes(who);
          const stands = (relation === 'nobodys' && (isDevice || Object.values(SESSION).includes(who))) || (relation === 'shared' && isDevice) || ended ? 'others' : relation;
          // A link is to a tape: elsewhere its holder is one whose role forbids.
          const expected = principal === LINK && (isDevice || operation.key.includes('/jobs/')) ? 403 : principal === LINK || ROLES.includes(principal) ? who(principal, stands) : 401;
          const got = await outcome(operation, principal, f);
          if (got !== expected) wrong.push(`${operation.key}, ${relation}: ${got}, not ${expected}`);
          if (SPENDS.includes(operation.key) && (got === 'ok' || operation.key.endsWith('/restore'))) f = await fixture(principal, relation, true);
        }
      }
      assert.equal(wrong.join('\n'), '');
    });
  }

  await t.test('who has a token of HLS needs nothing else, and who has none gets nothing by other credentials', async () => {
    const f = await fixture('user', 'others');
    const tape = (await f.owner.ok('POST', `/hls/${f.id}/token`)).token, session = (await f.owner.ok('POST', `/hls/live/${f.session}/token`)).token;
    for (const operation of [...contract.operations.values()].filter((o) => WHO[o.key] === 'token')) {
      const good = operation.key.includes('/live/') ? session : tape;
      for (const principal of ['anonymous', 'device', ...ROLES]) {
        assert.equal(await outcome(operation, principal, { ...f, params: { token: good } }), 'ok', `${operation.key} as ${principal}`);
        assert.equal(await outcome(operation, principal, { ...f, params: { token: good.slice(0, -4) + 'AAAA' } }), 403, `${operation.key} as ${principal}, an altered token`);
      }
    }
  });

  await t.test('a device publishes by its token alone', async () => {
    const f = await fixture('user', 'mine');
    for (const operation of [...contract.operations.values()].filter((o) => WHO[o.key] === 'device'))
      for (const principal of ['anonymous', ...ROLES]) assert.equal(await outcome(operation, principal, f), 401, `${operation.key} as ${principal}`);
  });
});
