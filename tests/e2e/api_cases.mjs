// api_cases.mjs - for each route of the API: what it is called with (params, body, headers, query), the status of its success (200), and beyond what is tried of
// every route, more: [what, status, changes to the call, the end of the problem's type]. A function instead of a value is called, with the operation, for each call.
import { execFileSync } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { addTape, Client, clip, root, until } from './lib.mjs';
import { active, newDevice, Publisher, scene } from './live_kit.mjs';

/** The six digits of a secret (RFC 6238) at that step, or now. */
export function code(secret, step = Math.floor(Date.now() / 30000)) {
  const bits = [...secret].map((c) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(c).toString(2).padStart(5, '0')).join('');
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(step));
  const mac = createHmac('sha1', Buffer.from(bits.match(/.{8}/g).map((b) => parseInt(b, 2)))).update(counter).digest();
  return String((mac.readUInt32BE(mac[19] & 15) & 0x7fffffff) % 1000000).padStart(6, '0');
}

export const NOBODY = '00000000-0000-4000-8000-000000000000';
export const UPLOAD_MAX = 64 << 20;
const sdp = readFileSync(path.join(root, 'fuzz/corpus/sdp/chromium'), 'utf8');
const offer = readFileSync(path.join(root, 'fuzz/corpus/sdp_publish/obs'), 'utf8');
const playOffer = readFileSync(path.join(root, 'fuzz/corpus/sdp_publish/chromium-play'), 'utf8');
const fragment = fragmentOf(offer), playFragment = fragmentOf(playOffer);
/** Its credentials, and no candidate. */
function fragmentOf(sdpOffer) {
  return `${sdpOffer.match(/a=ice-ufrag:.*/)[0]}\r\n${sdpOffer.match(/a=ice-pwd:.*/)[0]}\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\n`;
}
const binary = { 'Content-Type': 'application/octet-stream' };

/** A storyboard of made-up sheets instead of what processing made, and the sound a second time as another track. */
function putMore(server, id, job) {
  const key = `tapes/${id}/r${job}/made-up.jpg`;
  const info = { interval_us: 1000000, tile_width: 160, tile_height: 120, columns: 2, rows: 2, tiles: 5, sheets: [3000, 2000] };
  writeFileSync(path.join(server.dir, 'data/blobs', key), new Uint8Array(5000).map((_, i) => i));
  execFileSync('sqlite3', [path.join(server.dir, 'data/vcr.db'), '-cmd', '.timeout 5000', `DELETE FROM storyboards WHERE tape_id = ${id};
    INSERT INTO storyboards(tape_id, blob_key, info) VALUES(${id}, '${key}', '${JSON.stringify(info)}');
    INSERT INTO reels(tape_id, kind, track, language, blob_key, index_key, size_bytes, duration_us)
      SELECT tape_id, kind, 2, 'de', blob_key, index_key, size_bytes, duration_us FROM reels WHERE tape_id = ${id} AND kind = 'clean_audio' AND track = 0`]);
}

/** A tape that was recorded over, as far as its lists go: two stretches of its film, with a hole. Gives a reel's address below the tape's HLS root. */
async function cutTape(w, film) {
  const tape = await addTape(w.owner, film, 'cut');
  const span = (from, to) => `INSERT INTO spans(tape_id, tape_start_us, tape_end_us, reel_start_us) VALUES(${tape.id}, ${from}, ${to}, ${from});`;
  execFileSync('sqlite3', [path.join(w.server.dir, 'data/vcr.db'), '-cmd', '.timeout 5000', `${span(0, 1000000)} ${span(2000000, 3000000)}`]);
  const [, folder, file, v] = /URI="p\/([^/]+)\/([^?]+)\?v=(\w+)"/.exec((await w.owner.call('GET', `/hls/${tape.id}/video.m3u8`)).text);
  return { id: tape.id, folder, file, v, token: (await w.owner.ok('POST', `/hls/${tape.id}/token`)).token };
}

/** A blank tape that was recorded onto, as far as its rows go, and that item of its history. */
async function recordedTape(w) {
  const { id } = await w.owner.ok('POST', '/tapes', { title: 'recorded' });
  const last = (table) => `(SELECT MAX(id) FROM ${table} WHERE tape_id = ${id})`;
  const itemId = Number(execFileSync('sqlite3', [path.join(w.server.dir, 'data/vcr.db'), '-cmd', '.timeout 5000', `BEGIN IMMEDIATE;
    INSERT INTO takes(tape_id, created_at, duration_us) VALUES(${id}, 0, 1000000);
    INSERT INTO spans(tape_id, tape_start_us, tape_end_us, take_id, reel_start_us) VALUES(${id}, 0, 1000000, ${last('takes')}, 0);
    INSERT INTO tape_history(tape_id, action, performed_at, details) VALUES(${id}, 'recorded', 0, '{}');
    INSERT INTO recordings(history_id, tape_id, take_id, start_us, end_us) VALUES(${last('tape_history')}, ${id}, ${last('takes')}, 0, 1000000);
    UPDATE tapes SET status = 'ready', duration_us = 1000000 WHERE id = ${id}; COMMIT; SELECT ${last('tape_history')};`], { encoding: 'utf8' }));
  return { id, itemId };
}

/** Accounts, tapes, sessions and tokens that the cases share. The first account of a server is its admin. */
export async function makeWorld(w, t) {
  const film = clip('movie-hello.mpeg');
  w.tape = await addTape(w.owner, film, 'hello');
  w.other = await w.owner.ok('POST', '/tapes', { title: 'other' });
  w.guest = await Client.register(w.server, 'guest@example.org');
  await w.owner.ok('POST', `/tapes/${w.tape.id}/shares`, { email: w.guest.email, role: 'viewer' });
  w.job = (await w.owner.ok('GET', `/jobs?tape_id=${w.tape.id}`)).items[0];
  w.session = await w.owner.ok('POST', '/sessions', { type: 'emulation', tape_id: w.tape.id });
  w.hls = (await w.owner.ok('POST', `/hls/${w.tape.id}/token`)).token;
  w.offHls = (await w.owner.ok('POST', `/hls/live/${w.session.id}/token`)).token;
  const device = await newDevice(w.owner);
  w.live = { id: (await w.owner.ok('POST', '/sessions', { type: 'streaming', device_id: device.id })).id };
  w.liveHls = (await w.owner.ok('POST', `/hls/live/${w.live.id}/token`)).token;
  new Publisher(t, device, scene('320x240', '25', '-c:v', 'libx264', '-preset', 'ultrafast', '-profile:v', 'baseline', '-bf', '0', '-g', '25', '-pix_fmt', 'yuv420p', '-c:a', 'aac'));
  await active(w.owner, w.live.id);
  w.blankHls = (await w.owner.ok('POST', `/hls/${w.other.id}/token`)).token;
  w.cut = await cutTape(w, film);
  w.rev = /^(.+)\/v0\.m4s$/m.exec((await w.owner.call('GET', `/hls/${w.tape.id}/vhs/video.m3u8`)).text)[1];
  const short = (await w.owner.ok('POST', `/hls/${w.tape.id}/token`, { expires_in: 1 })).token;
  w.expired = () => until('a token expires', async () => (await w.owner.call('GET', `/hls/${w.tape.id}/t/${short}/video.m3u8`)).status === 403 && short);
  w.logIn = () => w.owner.ok('POST', '/auth/login', { email: w.owner.email, password: w.owner.password });
  w.caption = 'WEBVTT\n\n00:00.000 --> 00:01.000\nHello';
  await w.owner.ok('PUT', `/tapes/${w.tape.id}/captions/en`, Buffer.from(w.caption), { 'Content-Type': 'text/vtt' });
  putMore(w.server, w.tape.id, w.job.id);
  w.sheet = /storyboard\/(\S+)#/.exec((await w.owner.call('GET', `/tapes/${w.tape.id}/storyboard.vtt`)).text)[1];
  w.people = 0;
  const [changed] = await until('a library tape', async () => (await w.admin.ok('GET', '/tapes?title=changed')).items.length && (await w.admin.ok('GET', '/tapes?title=changed')).items);
  w.changed = { id: changed.id };
  writeFileSync(path.join(w.library, 'changed.mpg'), 'another film');
  w.film = readFileSync(film);
  for (const name of [`vhs/${w.rev}/v0.m4s`, 'r/240p/init.mp4', 'r/240p/0.m4s']) // made before: who asks a busy server is told to come again
    await until(`${name} is made`, async () => (await w.owner.call('GET', `/hls/${w.tape.id}/${name}`)).status === 200, 120000);
  await until('a piece is made', async () => (await w.owner.call('GET', `/hls/${w.cut.id}/r/240p/p/${w.cut.folder}/${w.cut.file.replace('.mp4', '')}/0-1.m4s?v=${w.cut.v}`)).status === 200, 120000);
}

export function makeCases(w) {
  const newTape = async () => ({ id: (await w.owner.ok('POST', '/tapes', { title: 'T' })).id });
  const newSession = async () => ({ id: (await w.owner.ok('POST', '/sessions', { type: 'emulation' })).id });
  const newDevice = async () => ({ id: (await w.owner.ok('POST', '/devices', { name: 'D' })).id });
  const sender = async () => ({ deviceId: (w.sender = await w.owner.ok('POST', '/devices', { name: 'D' })).id });
  const sends = (type) => () => ({ Authorization: `Bearer ${w.sender.device_token}`, ...(type ? { 'Content-Type': type } : {}) });
  const publisher = async () => {
    const { deviceId } = await sender();
    const answer = await fetch(`${w.server.url}/api/v1/whip/${deviceId}`, { method: 'POST', headers: sends('application/sdp')(), body: offer });
    return { deviceId, publisher: answer.headers.get('location').split('/').pop() };
  };
  const plays = { 'Content-Type': 'application/sdp' }, trickles = { 'Content-Type': 'application/trickle-ice-sdpfrag' };
  const player = async () => {
    const answer = await fetch(`${w.server.url}/api/v1/whep/${w.session.id}`, { method: 'POST', headers: { Authorization: `Bearer ${w.owner.token}`, ...plays }, body: playOffer });
    return { id: w.session.id, viewer: answer.headers.get('location').split('/').pop() };
  };
  const trashed = async () => { const t = await newTape(); await w.owner.ok('DELETE', `/tapes/${t.id}`); return t; };
  const ended = async () => { const s = await newSession(); await w.owner.ok('DELETE', `/sessions/${s.id}`); return s; };
  const job = async (bytes) => {
    const t = await newTape();
    await w.owner.ok('PUT', `/tapes/${t.id}/media`, bytes, binary);
    return async () => (await w.owner.ok('GET', `/jobs?tape_id=${t.id}`)).items[0];
  };
  const running = async () => (await job(w.film))(); // a film that was put in just now
  const failed = async () => {
    const read = await job(new Uint8Array(5000).map((_, i) => i * 7));
    return until('junk is refused', async () => { const j = await read(); return j.status === 'failed' && j; });
  };
  const processed = async () => ({ id: (await failed()).tape_id }); // also what was no film may be tried anew
  const newMark = async () => ({ id: w.tape.id, markId: (await w.owner.ok('POST', `/tapes/${w.tape.id}/marks`, { position: 0.1 })).id });
  const newShare = async () => ({ id: w.tape.id, shareId: (await w.owner.ok('POST', `/tapes/${w.tape.id}/shares`, { link: true, expires_at: '2036-12-24T18:00:00Z' })).id });
  const fullOfMarks = async () => {
    const t = await newTape();
    for (let sent = 0; sent < 1000; sent += 100) {
      await Promise.all(Array.from({ length: 100 }, (_, i) => w.owner.ok('POST', `/tapes/${t.id}/marks`, { position: sent + i })));
    }
    return t;
  };
  const peer = async () => (await w.owner.ok('GET', `/streams/${w.session.id}/offer`)).peer_id;
  const tape = () => ({ id: w.tape.id }), session = () => ({ id: w.session.id }), done = () => ({ id: w.job.id });
  const below = (id, token) => () => ({ id: id ?? w.tape.id, token: token ? token() : w.hls });
  const person = () => ({ email: `new${w.people++}@example.org`, password: 'a long enough password' });
  const newPerson = async () => { const p = person(); return Client.register(w.server, p.email, p.password); };
  const newId = async () => ({ id: (await newPerson()).user.id });
  const newToken = async () => {
    const { id } = (await w.owner.ok('GET', '/users/me/tokens')).items[0] ?? await w.owner.ok('POST', '/users/me/tokens', { name: 'T', scopes: ['read'] });
    return { id };
  };
  const newInvitation = async () => ({ id: (await w.admin.ok('POST', '/invitations')).id });
  const begun = async (p) => (await p.ok('POST', '/users/me/totp', { current_password: p.password })).secret;
  const on = async (p) => p.ok('POST', '/users/me/totp', { code: code(await begun(p)) });
  const as = (client) => ({ headers: { Authorization: `Bearer ${client.token}` } });

  const guest = ['who it is shared with', 403, () => as(w.guest)];
  const cursor = ['a bad cursor', 400, { query: 'cursor=!' }];
  const known = ['known already', 304, { headers: async (o, ask) => ({ ...(await ask({})).sent, 'If-None-Match': (await ask({})).headers.etag }) }];
  const stale = ['a stale If-Match', 412, { headers: { 'If-Match': '"x"' } }, '/stale'];
  const ranges = [['a range', 206, { headers: { Range: 'bytes=0-9' } }], ['a range beyond the end', 416, { headers: { Range: 'bytes=9999999999-' } }], known];
  const notReady = ['a blank tape', 409, { params: newTape }, '/tape-not-ready'];
  const reel = [...ranges, ['a version that is gone', 404, { query: 'v=00' }]];
  const cookies = [notReady, ['a token as a cookie', 200, { headers: () => ({ Cookie: `vcr_hls=${w.hls}` }), bare: true }],
    ['an altered one', 403, { headers: () => ({ Cookie: `vcr_hls=${w.hls.slice(0, -4)}AAAA` }), bare: true }]];
  const over = ['an ended session', 409, { params: ended, events: false }, '/session-ended'];
  const tokens = [
    ['an altered token', 403, { params: below(null, () => w.hls.slice(0, -4) + 'AAAA') }], ['another tape\'s token', 403, { params: () => ({ id: w.other.id, token: w.hls }) }],
    ['what is no token', 403, { params: below(null, () => 'x') }], ['an ill-formed tape', 404, { params: below('x') }],
    ['a blank tape\'s token', 409, { params: () => ({ id: w.other.id, token: w.blankHls }) }, '/tape-not-ready'],
    ['an expired token', 403, { params: async () => ({ id: w.tape.id, token: await w.expired() }) }, '/token-expired'],
  ];

  return {
    'GET /api/v1/server': {},
    'GET /api/v1/openapi.json': {},
    'GET /healthz': {},
    'GET /readyz': {},
    'GET /metrics': {},
    'POST /api/v1/auth/register': { status: 201, body: person, more: [
      ['a taken address', 409, { body: () => ({ ...person(), email: w.owner.email.toUpperCase() }) }, '/email-taken'],
      ['no address', 422, { body: () => ({ ...person(), email: 'nobody' }) }], ['an invitation that is none', 403, { body: () => ({ ...person(), invite: 'x' }) }, '/no-invitation'],
      ['a short password', 422, { body: () => ({ ...person(), password: 'short' }) }],
      ['a server that takes nobody', 403, { url: () => w.closed.url, body: person }],
    ] },
    'POST /api/v1/auth/login': { body: () => ({ email: w.owner.email, password: w.owner.password }), more: [
      ['a wrong password', 401, { body: () => ({ email: w.owner.email, password: 'wrong' }) }],
      ['an unknown address', 401, { body: { email: 'x@example.org', password: 'wrong' } }],
    ] },
    'POST /api/v1/auth/refresh': { body: async () => ({ refresh_token: (await w.logIn()).refresh_token }), more: [
      ['an unknown token', 401, { body: { refresh_token: 'x' } }], ['no token', 401, { body: {} }],
      ['a cookie without the CSRF token', 403, { body: null, headers: async () => ({ Cookie: `vcr_refresh=${(await w.logIn()).refresh_token}` }) }, '/csrf'],
    ] },
    'POST /api/v1/auth/logout': { status: 204, headers: async () => ({ Authorization: `Bearer ${(await w.logIn()).access_token}` }) },
    'GET /api/v1/users/me': { more: [known] },
    'PATCH /api/v1/users/me': { body: { display_name: 'Ada', settings: { theme: 'dark' } }, more: [
      stale, ['no current password', 422, { body: { email: 'z@example.org' } }],
      ['a wrong current password', 403, { body: { password: 'a new long password', current_password: 'wrong' } }],
      ['a taken address', 409, { body: () => ({ email: w.admin.email, current_password: w.owner.password }) }, '/email-taken'],
    ] },
    'GET /api/v1/tapes': { more: [
      cursor, ['a bad date', 422, { query: 'recorded_from=someday' }], ['a bad order', 422, { query: 'sort=colour' }], ['a bad status', 422, { query: 'status=odd' }],
      ['everything at once', 200, { query: 'q=hello&title=h&recorded_from=1990&recorded_to=2030-01&format=vhs&status=ready&sort=-title&trashed=false&all=false&limit=3' }],
    ] },
    'POST /api/v1/tapes': { status: 201, body: {
      title: 'New', description: 'd', tags: ['a'], recorded_at: '1992-12', format: 'vhs', storage_uri: 'a box', standard: 'ntsc', tape_speed: 'lp', length_minutes: 120,
      write_protected: false, look: { profile: 'rental' }, identifier: null, location: 'l', notes: 'n', rights: 'r', language: 'en',
    }, more: [
      ['no date', 422, { body: { title: 'T', recorded_at: '1992-13' } }], ['a file', 422, { body: { title: 'T', storage_uri: 'file:///etc/passwd' } }],
      ['no look', 422, { body: { title: 'T', look: 'sepia' } }], ['a look with more in it', 422, { body: { title: 'T', look: { profile: 'rental', x: 1 } } }],
      ['a key', 201, { headers: { 'Idempotency-Key': 'k' }, body: { title: 'T' } }], ['the same again', 201, { headers: { 'Idempotency-Key': 'k' }, body: { title: 'T' } }],
      ['another body for that key', 422, { headers: { 'Idempotency-Key': 'k' }, body: { title: 'U' } }],
    ] },
    'GET /api/v1/tapes/{id}': { params: tape, more: [known, ['one in the bin', 404, { params: trashed }]] },
    'PATCH /api/v1/tapes/{id}': { params: newTape, body: { title: 'Renamed' }, more: [
      stale, ['giving an owned tape away', 403, { body: () => ({ user_id: w.stranger.user.id }) }],
    ] },
    'DELETE /api/v1/tapes/{id}': { params: newTape, status: 204, more: [
      ['half a purge', 422, { query: 'purge=maybe' }], ['one in the bin', 404, { params: trashed }], ['a purge of one in the bin', 204, { params: trashed, query: 'purge=true' }],
    ] },
    'POST /api/v1/tapes/{id}/restore': { params: trashed, more: [['one that is not in the bin', 404, { params: newTape }]] },
    'GET /api/v1/tapes/{id}/history': { params: tape, more: [cursor, guest] },
    'POST /api/v1/tapes/{id}/history/{itemId}/undo': { params: () => recordedTape(w), more: [
      ['again', 409, { params: async () => { const p = await recordedTape(w); await w.owner.ok('POST', `/tapes/${p.id}/history/${p.itemId}/undo`); return p; } }, '/not-undoable'],
      ['what is no recording', 409, { params: async () => { const t = await newTape(); return { id: t.id, itemId: (await w.owner.ok('GET', `/tapes/${t.id}/history`)).items[0].id }; } }, '/not-undoable'],
      ['an unknown item', 404, { params: async () => ({ id: (await newTape()).id, itemId: 999999 }) }], ['an admin, who is not its owner', 403, () => as(w.admin)],
    ] },
    'GET /api/v1/tapes/{id}/timeline': { params: tape, more: [['a blank tape', 200, { params: newTape }]] },
    'GET /api/v1/tapes/{id}/captions': { params: tape },
    'GET /api/v1/tapes/{id}/captions/{language}': { params: () => ({ id: w.tape.id, language: 'en' }), more: [
      known, ['in other letters', 200, { params: () => ({ id: w.tape.id, language: 'EN' }) }], ['another language', 404, { params: () => ({ id: w.tape.id, language: 'fr' }) }],
    ] },
    'PUT /api/v1/tapes/{id}/captions/{language}': { params: () => ({ id: w.tape.id, language: 'de' }), status: 201, headers: { 'Content-Type': 'text/vtt' }, body: () => w.caption, more: [
      ['the same again', 200, {}], ['no WebVTT', 422, { body: 'hello' }], ['no language', 422, { params: () => ({ id: w.tape.id, language: 'a' }) }],
      ['another type', 415, { headers: { 'Content-Type': 'application/json' } }], ['a book', 413, { body: 'x'.repeat((1 << 20) + 1) }],
      ['too many languages', 409, { params: async () => {
        const { id } = await newTape();
        for (const c of 'abcdefghijklmnop') await w.owner.ok('PUT', `/tapes/${id}/captions/x${c}`, Buffer.from(w.caption), { 'Content-Type': 'text/vtt' });
        return { id, language: 'en' };
      } }, '/too-many-captions'],
    ] },
    'DELETE /api/v1/tapes/{id}/captions/{language}': { params: async () => {
      await w.owner.ok('PUT', `/tapes/${w.tape.id}/captions/it`, Buffer.from(w.caption), { 'Content-Type': 'text/vtt' });
      return { id: w.tape.id, language: 'it' };
    }, status: 204, more: [['a language that is not there', 404, { params: () => ({ id: w.tape.id, language: 'fr' }) }]] },
    'GET /api/v1/tapes/{id}/storyboard.vtt': { params: tape, more: [known, ['a blank tape', 404, { params: newTape }]] },
    'GET /api/v1/tapes/{id}/storyboard/{file}': { params: () => ({ id: w.tape.id, file: w.sheet }), more: [...ranges,
      ['a sheet too many', 404, { params: () => ({ id: w.tape.id, file: w.sheet.replace('-0.', '-2.') }) }], ['another version', 404, { params: () => ({ id: w.tape.id, file: `0${w.sheet}` }) }],
    ] },
    'GET /api/v1/tapes/{id}/marks': { params: tape },
    'POST /api/v1/tapes/{id}/marks': { params: tape, status: 201, body: { position: 0.5, title: 'The cake' }, more: [
      ['beyond the end', 422, { body: { position: 3000 } }], ['nowhere', 422, { body: { title: 'x' } }],
      ['a full tape', 409, { params: fullOfMarks }, '/too-many-marks'], ['an admin, who is not its owner', 403, () => as(w.admin)],
    ] },
    'PATCH /api/v1/tapes/{id}/marks/{markId}': { params: newMark, body: { position: 0.25, title: 'Cake', confirmed: true }, more: [
      ['beyond the end', 422, { body: { position: 3000 } }], ['an admin, who is not its owner', 403, () => as(w.admin)],
    ] },
    'DELETE /api/v1/tapes/{id}/marks/{markId}': { params: newMark, status: 204, more: [['an admin, who is not its owner', 403, () => as(w.admin)]] },
    'POST /api/v1/tapes/{id}/reprocess': { params: processed, status: 202, body: { field_order: 'bff', standard: null, aspect: '4:3' }, more: [
      ['nothing said', 202, { body: null }], ['a blank tape', 409, { params: newTape }, '/no-original'], ['an admin, who is not its owner', 403, () => as(w.admin)], ['no field order', 422, { body: { field_order: 'odd' } }],
    ] },
    'PUT /api/v1/tapes/{id}/media': { params: newTape, status: 201, body: 'no film', headers: { ...binary, 'X-Filename': 'a%20film.mp4' }, more: [
      ['a second film', 409, { params: tape }], ['too large a film', 413, { length: UPLOAD_MAX + 1 }], ['no file name', 422, { headers: { ...binary, 'X-Filename': '%01' } }],
    ] },
    'GET /api/v1/tapes/{id}/media': { params: tape, more: [...ranges, ['a blank tape', 404, { params: newTape }], ['an admin, who is not its owner', 403, () => as(w.admin)],
      ['one that changed in its library', 409, () => ({ ...as(w.admin), params: w.changed }), '/original-changed'],
    ] },
    'GET /api/v1/tapes/{id}/thumbnail': { params: tape, more: [...ranges, ['a blank tape', 404, { params: newTape }]] },
    'GET /api/v1/tapes/{id}/shares': { params: tape, more: [cursor, ['who it is shared with', 403, () => as(w.guest)], ['an admin, who is not its owner', 403, () => as(w.admin)]] },
    'POST /api/v1/tapes/{id}/shares': { params: newTape, status: 201, body: { email: 'grandma@example.org', role: 'viewer' }, more: [
      ['a link', 201, { body: { link: true, expires_at: '2036-12-24T18:00:00Z' } }], ['a link with a password', 201, { body: { link: true, expires_at: '2036-12-24T18:00:00+01:00', password: 'cake' } }],
      ['neither', 422, { body: {} }], ['no link', 422, { body: { link: false } }], ['both', 422, { body: { email: 'a@example.org', link: true, expires_at: '2036-12-24T18:00:00Z' } }],
      ['a link without an end', 422, { body: { link: true } }], ['a link that has ended', 422, { body: { link: true, expires_at: '2020-01-01T00:00:00Z' } }],
      ['a link until some day', 422, { body: { link: true, expires_at: '2036-12-24' } }], ['a person until a time', 422, { body: { email: 'a@example.org', expires_at: '2036-12-24T18:00:00Z' } }],
      ['a person with a password', 422, { body: { email: 'a@example.org', password: 'cake' } }], ['no address', 422, { body: { email: 'grandma' } }], ['itself', 422, { body: () => ({ email: w.owner.email }) }],
      ['twice', 409, { params: tape, body: () => ({ email: w.guest.email.toUpperCase() }) }, '/already-shared'],
      ['an admin, who is not its owner', 403, () => as(w.admin)],
    ] },
    'DELETE /api/v1/tapes/{id}/shares/{shareId}': { params: newShare, status: 204, more: [
      ['one of another tape', 404, { params: async () => ({ ...await newShare(), id: w.other.id }) }], ['none', 404, { params: () => ({ id: w.tape.id, shareId: 999999 }) }],
      ['an admin, who is not its owner', 403, () => as(w.admin)],
    ] },
    'GET /api/v1/jobs': { more: [cursor] },
    'GET /api/v1/jobs/{id}': { params: done, more: [guest] },
    'POST /api/v1/jobs/{id}/cancel': { params: running, more: [['one that is done', 409, { params: done }]] },
    'POST /api/v1/jobs/{id}/retry': { params: failed, more: [['one that is done', 409, { params: done }]] },
    'GET /api/v1/devices': { more: [cursor] },
    'POST /api/v1/devices': { status: 201, body: { name: 'The deck in the attic', ip_address: '2001:db8::7', driver: 'OBS' }, more: [
      ['no address', 422, { body: { name: 'D', ip_address: 'attic.example.org' } }], ['half an address', 422, { body: { name: 'D', ip_address: '10.1' } }],
      ['the least', 201, { body: { name: 'D', ip_address: null, driver: null } }],
      ['a key', 201, { headers: { 'Idempotency-Key': 'd' }, body: { name: 'D' } }], ['the same again', 201, { headers: { 'Idempotency-Key': 'd' }, body: { name: 'D' } }],
    ] },
    'GET /api/v1/devices/{id}': { params: newDevice },
    'PATCH /api/v1/devices/{id}': { params: newDevice, body: { name: 'Renamed', ip_address: null }, more: [
      ['no address', 422, { body: { ip_address: 'localhost' } }], ['an admin', 200, () => as(w.admin)],
    ] },
    'DELETE /api/v1/devices/{id}': { params: newDevice, status: 204 },
    'POST /api/v1/devices/{id}/token': { params: newDevice, status: 201, body: { srt: true }, more: [
      ['nothing said', 201, { body: null }], ['an admin, who is not its owner', 403, () => as(w.admin)],
    ] },
    'GET /api/v1/users': { admin: true, more: [cursor, ['everything at once', 200, { query: 'q=example&role=user&disabled=false&sort=-email&limit=2' }]] },
    'PATCH /api/v1/users/{id}': { admin: true, params: newId, body: { role: 'archivist', disabled: true }, more: [
      ['the last admin', 409, { params: () => ({ id: w.admin.user.id }), body: { role: 'user' } }, '/last-admin'], ['another role', 422, { body: { role: 'anonymous' } }],
    ] },
    'DELETE /api/v1/users/{id}': { admin: true, params: newId, status: 204, more: [['the last admin', 409, { params: () => ({ id: w.admin.user.id }) }, '/last-admin']] },
    'DELETE /api/v1/users/me': { status: 204, headers: async () => as(await newPerson()).headers, body: { current_password: 'a long enough password' }, more: [
      ['a wrong password', 403, { body: { current_password: 'wrong' } }],
      ['the last admin', 409, () => ({ ...as(w.admin), body: { current_password: w.admin.password } }), '/last-admin'],
    ] },
    'GET /api/v1/users/me/logins': { more: [cursor] },
    'DELETE /api/v1/users/me/logins': { status: 204, headers: async () => as(await newPerson()).headers },
    'DELETE /api/v1/users/me/logins/{id}': { status: 204, params: async () => {
      const { access_token: token } = await w.logIn(), client = Object.assign(new Client(w.server.url), { token });
      return { id: (await client.ok('GET', '/users/me/logins')).items.find((l) => l.current).id };
    } },
    'GET /api/v1/users/me/tokens': { more: [cursor] },
    'POST /api/v1/users/me/tokens': { status: 201, headers: async () => as(await newPerson()).headers, body: { name: 'T', scopes: ['read', 'play'], expires_at: '2100-01-01T00:00:00Z' }, more: [
      ['a scope that is none', 422, { body: { name: 'T', scopes: ['rule'] } }], ['one twice', 422, { body: { name: 'T', scopes: ['read', 'read'] } }], ['none', 422, { body: { name: 'T', scopes: [] } }],
      ['an end that is over', 422, { body: { name: 'T', scopes: ['read'], expires_at: '2001-01-01T00:00:00Z' } }], ['more than one has', 403, { body: { name: 'T', scopes: ['admin'] } }],
      ['too many', 409, async () => {
        const client = await newPerson();
        for (let i = 0; i < 50; i++) await client.ok('POST', '/users/me/tokens', { name: 'T', scopes: ['read'] });
        return as(client);
      }, '/too-many-tokens'],
    ] },
    'GET /api/v1/users/me/tokens/{id}': { params: newToken },
    'DELETE /api/v1/users/me/tokens/{id}': { params: newToken, status: 204 },
    'GET /api/v1/users/me/usage': {},
    'GET /api/v1/users/me/export': { noHead: true },
    'GET /api/v1/users/me/totp': {},
    'POST /api/v1/users/me/totp': { status: 201, headers: async () => as(await newPerson()).headers, body: { current_password: 'a long enough password' }, more: [
      ['a wrong password', 403, { body: { current_password: 'wrong' } }], ['nothing begun', 409, { body: { code: '123456' } }, '/totp-not-begun'], ['nothing', 422, { body: {} }],
      ['both', 422, { body: { current_password: 'x', code: '123456' } }],
      ['the code', 200, async () => { const p = await newPerson(); return { ...as(p), body: { code: code(await begun(p)) } }; }],
      ['a wrong code', 403, async () => { const p = await newPerson(); const right = code(await begun(p)); return { ...as(p), body: { code: right.replace(/./, (c) => (+c + 5) % 10) } }; }, '/wrong-code'],
      ['one that is on', 409, async () => { const p = await newPerson(); await on(p); return as(p); }, '/totp-on'],
    ] },
    'DELETE /api/v1/users/me/totp': { status: 204, headers: async () => { const p = await newPerson(); w.recovery = (await on(p)).recovery_codes[0]; return as(p).headers; },
      body: () => ({ current_password: 'a long enough password', code: w.recovery }), more: [
        ['one that is not on', 404, async () => as(await newPerson())], ['a wrong code', 403, { body: { current_password: 'a long enough password', code: 'AAAA-AAAA-AAAA-AAAA' } }, '/wrong-code'],
      ] },
    'GET /api/v1/invitations': { admin: true, more: [cursor] },
    'POST /api/v1/invitations': { admin: true, status: 201, body: { email: 'Ada@Example.org', role: 'viewer', expires_in: 60 }, more: [
      ['nothing said', 201, { body: null }], ['no address', 422, { body: { email: 'nobody' } }], ['another role', 422, { body: { role: 'anonymous' } }],
    ] },
    'GET /api/v1/invitations/{id}': { admin: true, params: newInvitation },
    'DELETE /api/v1/invitations/{id}': { admin: true, params: newInvitation, status: 204 },
    'GET /api/v1/audit': { admin: true, more: [cursor, ['a bad date', 422, { query: 'from=someday' }],
      ['everything at once', 200, { query: () => `user_id=${w.owner.user.id}&action=login&object=users/${w.owner.user.id}&from=2020&to=2100-01-01&limit=3&request_id=x` }]] },
    'GET /api/v1/audit.csv': { admin: true, more: [['a bad date', 422, { query: 'to=someday' }], ...ranges.slice(0, 2)] },
    'POST /api/v1/whip/{deviceId}': { status: 201, params: sender, headers: sends('application/sdp'), body: offer, more: [
      ['no token', 401, { headers: {} }], ['an account\'s token', 401, () => as(w.owner)], ['another device', 404, { params: async () => ({ deviceId: (await sender()).deviceId + 1 }) }],
      ['no SDP', 400, { body: 'x' }], ['no H.264', 422, { body: offer.replaceAll('H264/90000', 'VP8/90000') }, '/no-picture'], ['JSON', 415, { headers: sends('application/json') }],
      ['too much', 413, { body: 'v'.repeat(70000) }], ['a second publisher', 409, { params: publisher }, '/device-busy'],
    ] },
    'GET /api/v1/whip/{deviceId}': { status: 204, params: sender, headers: sends(), more: [
      ['no token', 401, { headers: {} }], ['an account\'s token', 401, () => as(w.owner)], ['another device', 404, { params: async () => ({ deviceId: (await sender()).deviceId + 1 }) }],
    ] },
    'PATCH /api/v1/whip/{deviceId}/{publisher}': { status: 204, params: publisher, headers: sends('application/trickle-ice-sdpfrag'), body: fragment, more: [
      ['no token', 401, { headers: {} }], ['none of that name', 404, { params: async () => ({ ...await publisher(), publisher: NOBODY }) }], ['no fragment', 400, { body: 'x' }],
      ['a restart', 422, { body: fragment.replace('a=ice-ufrag:', 'a=ice-ufrag:x') }, '/no-ice-restart'], ['another type', 415, { headers: sends('application/sdp') }],
      ['another ETag', 412, { headers: () => ({ ...sends('application/trickle-ice-sdpfrag')(), 'If-Match': '"x"' }) }], ['too much', 413, { body: 'a'.repeat(70000) }],
    ] },
    'GET /api/v1/whip/{deviceId}/{publisher}': { status: 204, params: publisher, headers: sends(), more: [
      ['no token', 401, { headers: {} }], ['none of that name', 404, { params: async () => ({ ...await publisher(), publisher: NOBODY }) }],
    ] },
    'DELETE /api/v1/whip/{deviceId}/{publisher}': { status: 200, params: publisher, headers: sends(), more: [
      ['no token', 401, { headers: {} }], ['none of that name', 404, { params: async () => ({ ...await publisher(), publisher: 'x' }) }],
    ] },
    'POST /api/v1/sessions': { status: 201, body: () => ({
      type: 'emulation', tape_id: w.tape.id, look: 'clean', settings: { autoplay: false, winding: 'fast', grace_s: 5, seed: 7 },
    }), more: [
      ['an unknown tape', 404, { body: { type: 'emulation', tape_id: 999999 } }],
      ['a stranger\'s tape', 404, () => ({ ...as(w.stranger), body: { type: 'emulation', tape_id: w.tape.id } })],
      ['no device', 422, { body: { type: 'streaming' } }], ['an unknown device', 404, { body: { type: 'streaming', device_id: 999999 } }],
      ['a device', 201, { body: async () => ({ type: 'streaming', device_id: (await newDevice()).id }) }],
      ['a device for an emulation', 422, { body: { type: 'emulation', device_id: 1 } }],
      ['a tape for a device', 422, { body: async () => ({ type: 'streaming', device_id: (await newDevice()).id, tape_id: w.tape.id }) }],
      ['an unknown setting', 422, { body: { type: 'emulation', settings: { 'co/lour': 1 } } }],
      ['every setting', 201, { body: { type: 'emulation', settings: { winding: 'real', auto_rewind: false, auto_eject: true, autoplay: true, blank_picture: 'snow', deck: 'broadcast', seed: -1, grace_s: 0 } } }],
      ['another make of deck', 422, { body: { type: 'emulation', settings: { deck: 'betamax' } } }], ['a bad setting', 422, { body: { type: 'emulation', settings: { grace_s: 3601 } } }],
      ['a blank tape', 201, { body: async () => ({ type: 'emulation', tape_id: (await newTape()).id }) }],
      ['a tape whose film was none', 409, { body: async () => ({ type: 'emulation', tape_id: (await failed()).tape_id }) }, '/tape-not-ready'],
    ] },
    'GET /api/v1/sessions': { more: [cursor] },
    'GET /api/v1/sessions/{id}': { params: session, more: [['an ended session', 200, { params: ended }]] },
    'DELETE /api/v1/sessions/{id}': { status: 204, params: newSession },
    'POST /api/v1/sessions/{id}/command': { params: session, body: { command: 'counter_reset' }, more: [
      over, ['no command', 422, { body: { command: 'dance' } }], ['an argument of another command', 422, { body: { command: 'play', speed: 1 } }],
      ['an argument that ends as this one\'s does', 422, { body: { command: 'seek', position: 1, on: true } }],
      ['no argument', 422, { body: { command: 'seek' } }], ['a bad value', 422, { body: { command: 'tracking', value: 11 } }],
      ['no tape in', 409, { params: newSession, body: { command: 'play' } }], ['an unknown tape', 404, { body: { command: 'insert', tape_id: 999999 } }],
    ] },
    'POST /api/v1/sessions/{id}/remote': { params: session, status: 202, body: async () => ({ action: 'request', peer_id: await peer() }), more: [
      over, ['no viewer of the asker\'s', 404, { body: { action: 'request', peer_id: NOBODY } }], ['no viewer', 422, { body: { action: 'grant' } }],
      ['another action', 422, { body: { action: 'take' } }], ['a hand-over', 200, { body: async () => ({ action: 'grant', peer_id: await peer() }) }],
      ['by who has it not', 409, async () => ({ ...as(w.admin), body: { action: 'grant', peer_id: await peer() } }), '/remote-held'], ['given back', 200, { body: { action: 'release' } }],
    ] },
    'GET /api/v1/sessions/{id}/events': { params: session, events: true, more: [over] },
    'GET /api/v1/sessions/{id}/log': { params: session, more: [over, guest] },
    'GET /api/v1/streams/{id}/offer': { params: session, noHead: true, more: [over] },
    'POST /api/v1/streams/{id}/answer': { params: session, status: 204, body: async () => ({ peer_id: await peer(), type: 'answer', sdp }), more: [
      over, ['an unknown peer', 404, { body: { peer_id: NOBODY, type: 'answer', sdp } }],
      ['no SDP', 422, { body: async () => ({ peer_id: await peer(), type: 'answer', sdp: 'x' }) }],
      ['a passive client', 422, { body: async () => ({ peer_id: await peer(), type: 'answer', sdp: sdp.replaceAll('setup:active', 'setup:passive') }) }],
      ['an answer', 204, { body: async () => ({ peer_id: w.answered = await peer(), type: 'answer', sdp }) }],
      ['a second one', 409, { body: () => ({ peer_id: w.answered, type: 'answer', sdp }) }],
    ] },
    'POST /api/v1/whep/{id}': { params: session, status: 201, headers: plays, body: playOffer, more: [
      over, ['no SDP', 400, { body: 'x' }], ['no H.264', 406, { body: playOffer.replaceAll('H264/90000', 'H265/90000') }, '/not-acceptable'],
      ['no transport of its own', 422, { body: playOffer.replaceAll('a=rtcp-mux\r\n', '') }], ['who only sends', 406, { body: playOffer.replaceAll('a=recvonly', 'a=sendonly') }],
      ['JSON', 415, { headers: { 'Content-Type': 'application/json' } }], ['too much', 413, { body: 'v'.repeat(70000) }],
    ] },
    'GET /api/v1/whep/{id}': { params: session, status: 204, more: [over] },
    'PATCH /api/v1/whep/{id}/{viewer}': { params: player, status: 204, headers: trickles, body: playFragment, more: [
      ['none of that name', 404, { params: async () => ({ ...await player(), viewer: NOBODY }) }], ['no fragment', 400, { body: 'x' }],
      ['a restart', 422, { body: playFragment.replace('a=ice-ufrag:', 'a=ice-ufrag:x') }, '/no-ice-restart'], ['another type', 415, { headers: plays }],
      ['another ETag', 412, { headers: { ...trickles, 'If-Match': '"x"' } }], ['too much', 413, { body: 'a'.repeat(70000) }],
      ['one that the server offered to', 404, { params: async () => ({ id: w.session.id, viewer: await peer() }) }],
    ] },
    'GET /api/v1/whep/{id}/{viewer}': { params: player, status: 204, more: [['none of that name', 404, { params: async () => ({ ...await player(), viewer: NOBODY }) }]] },
    'DELETE /api/v1/whep/{id}/{viewer}': { params: player, status: 200, more: [
      ['none of that name', 404, { params: async () => ({ ...await player(), viewer: 'x' }) }], ['a page\'s picture', 404, { params: async () => ({ id: w.session.id, viewer: await peer() }) }],
      ['another account\'s', 404, async () => ({ ...as(w.admin), params: await player() })],
    ] },
    'POST /api/v1/hls/{id}/token': { params: tape, status: 201, body: { expires_in: 60 } },
    'POST /api/v1/hls/live/{id}/token': { params: () => w.live, status: 201, body: { expires_in: 60 } },
    ...Object.fromEntries(['playlist.m3u8', 'video.m3u8', 'audio.m3u8', 'video/{file}', 'audio/{file}'].flatMap((name) => {
      const params = (more) => () => ({ ...w.live, token: w.liveHls, file: 'init-0.mp4', ...more }), off = () => ({ ...session(), token: w.offHls, file: 'init-0.mp4' });
      const both = [['nothing on the air', 409, { params: off }, '/not-on-air']], account = [['a stranger', 404, () => as(w.stranger)]];
      if (name.endsWith('.m3u8') && name !== 'playlist.m3u8') both.push(['a part of nothing', 400, { query: '_HLS_part=1' }], ['too far ahead', 400, { query: '_HLS_msn=999999' }]);
      const altered = w.liveHls.slice(0, -4) + 'AAAA';
      return [
        [`GET /api/v1/hls/live/{id}/${name}`, { params: params(), headers: () => as(w.owner).headers, more: [...both, ...account, ['nobody', 401, { headers: {}, bare: true }],
          ...(name === 'playlist.m3u8' ? [['an altered token', 403, { headers: {}, query: `token=${altered}` }]] : [])] }],
        [`GET /api/v1/hls/live/{id}/t/{token}/${name}`, { params: params(), more: [...both, ['an altered token', 403, { params: params({ token: altered }) }],
          ...(name.endsWith('{file}') ? [['no such segment', 404, { params: params({ file: '999999.m4s' }) }]] : [])] }],
      ];
    })),
    'GET /api/v1/hls/{id}/playlist.m3u8': { params: tape, headers: () => as(w.owner).headers, more: [
      known, notReady, ['clean', 200, { query: 'look=clean' }], ['as it looks', 200, { query: 'look=vhs' }],
      ['no look', 422, { query: 'look=sepia' }],
      ['nobody', 401, { headers: {} }], ['a stranger', 404, () => as(w.stranger)], ['a token', 200, { headers: {}, query: () => `token=${w.hls}` }],
      ['an altered token', 403, { headers: {}, query: () => `token=${w.hls.slice(0, -4)}AAAA` }],
    ] },
    'GET /api/v1/hls/{id}/manifest.mpd': { params: tape, headers: () => as(w.owner).headers, more: [
      ['a tape that was recorded over', 200, { params: () => ({ id: w.cut.id }) }],
      known, notReady, ['clean', 200, { query: 'look=clean' }], ['as it looks', 200, { query: 'look=vhs' }], ['no look', 422, { query: 'look=sepia' }],
      ['nobody', 401, { headers: {} }], ['a stranger', 404, () => as(w.stranger)], ['a token', 200, { headers: {}, query: () => `token=${w.hls}` }],
      ['an altered token', 403, { headers: {}, query: () => `token=${w.hls.slice(0, -4)}AAAA` }],
    ] },
    'GET /api/v1/hls/{id}/t/{token}/manifest.mpd': { params: below(), more: [known, ['no look', 422, { query: 'look=sepia' }], ...tokens] },
    ...Object.fromEntries([['', () => ({ id: w.tape.id }), cookies], ['t/{token}/', below(), tokens]].flatMap(([root, params, who]) => [
      [`GET /api/v1/hls/{id}/${root}captions/{file}`, { params: () => ({ ...params(), file: 'en.m3u8' }), more: [
        known, ['the text', 200, { params: () => ({ ...params(), file: 'en.vtt' }) }], ['a text that is gone', 404, { params: () => ({ ...params(), file: 'en.vtt' }), query: 'v=00' }],
        ['another language', 404, { params: () => ({ ...params(), file: 'fr.m3u8' }) }], ['no language', 404, { params: () => ({ ...params(), file: '-.m3u8' }) }],
        ...who.map(([what, status, change, slug]) => [what, status, { ...change, params: async () => ({ ...(await (change.params ?? params)()), file: 'en.m3u8' }) }, slug]),
      ] }],
      ...[['vhs/{file}', { file: 'video.m3u8' }, 'x.m3u8', [known]], ['vhs/{rev}/{file}', () => ({ rev: w.rev, file: 'v0.m4s' }), 'v99.m4s', ranges],
        ['r/{rung}/{file}', { rung: '240p', file: '0.m4s' }, '99.m4s', reel]].map(([below, own, none, rows]) => {
        const all = () => ({ ...params(), ...(own.call?.() ?? own) });
        return [`GET /api/v1/hls/{id}/${root}${below}`, { params: all, more: [
          ...rows, ['what is not there', 404, { params: () => ({ ...all(), file: none }) }],
          ...who.map(([what, status, change, slug]) => [what, status, { ...change, params: async () => ({ ...all(), ...(await (change.params ?? params)()) }) }, slug]),
        ] }];
      }),
      [`GET /api/v1/hls/{id}/${root}audio/{file}`, { params: () => ({ ...params(), file: '2.m3u8' }), more: [
        known, ['no such track', 404, { params: () => ({ ...params(), file: '3.m3u8' }) }],
        ...reel.filter(([, status]) => status !== 304).map(([what, status, change]) => [what, status, { ...change, params: () => ({ ...params(), file: '2.mp4' }) }]),
        ['no number', 404, { params: () => ({ ...params(), file: 'x.mp4' }) }],
        ...who.map(([what, status, change, slug]) => [what, status, { ...change, params: async () => ({ ...(await (change.params ?? params)()), file: '2.m3u8' }) }, slug]),
      ] }],
    ])),
    ...Object.fromEntries([['', cookies.filter(([, status]) => status !== 200)], ['t/{token}/', tokens]].map(([root, who]) => {
      return [['p/{folder}/{file}', {}], ['r/{rung}/p/{folder}/{reel}/{file}', { rung: '240p', file: '0-1.m4s' }]].map(([below, own]) => {
        const all = () => ({ ...w.cut, ...own, ...(own.rung ? { reel: w.cut.file.replace('.mp4', '') } : {}) }), query = () => `v=${w.cut.v}`;
        return [`GET /api/v1/hls/{id}/${root}${below}`, { params: all, query, more: [
          ...ranges, ['a guess', 404, { query: 'v=00' }], ['what was never there', 404, { params: () => ({ ...all(), folder: 'r999' }) }],
          ...(own.rung ? [['no such size', 404, { params: () => ({ ...all(), rung: '1080p' }) }], ['behind the end', 404, { params: () => ({ ...all(), file: '9999-1.m4s' }) }]] : []),
          ...who.map(([what, status, change, slug]) => [what, status, { ...change, params: async () => ({ ...all(), ...(await (change.params ?? all)()) }) }, slug]),
        ] }];
      });
    }).flat()),
    'GET /api/v1/hls/{id}/t/{token}/playlist.m3u8': { params: below(), more: [known, ['no look', 422, { query: 'look=sepia' }], ...tokens] },
    ...Object.fromEntries(['video', 'audio', 'iframe'].flatMap((name) => [
      [`GET /api/v1/hls/{id}/${name}.m3u8`, { params: tape, more: [known, ...cookies] }],
      [`GET /api/v1/hls/{id}/t/{token}/${name}.m3u8`, { params: below(), more: [known, ...tokens] }],
    ])),
    ...Object.fromEntries(['video', 'audio'].flatMap((name) => [
      [`GET /api/v1/hls/{id}/${name}.mp4`, { params: tape, more: [...reel, ...cookies] }],
      [`GET /api/v1/hls/{id}/t/{token}/${name}.mp4`, { params: below(), more: [...reel, ...tokens] }],
    ])),
  };
}
