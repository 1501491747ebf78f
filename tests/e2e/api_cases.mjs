// api_cases.mjs - for each route of the API: what it is called with (params, body, headers, query), the status of its success (200), and beyond what is tried of
// every route, more: [what, status, changes to the call, the end of the problem's type]. A function instead of a value is called, with the operation, for each call.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { addTape, clip, root, until } from './lib.mjs';

export const NOBODY = '00000000-0000-4000-8000-000000000000';
export const UPLOAD_MAX = 64 << 20;
const sdp = readFileSync(path.join(root, 'fuzz/corpus/sdp/chromium'), 'utf8');
const binary = { 'Content-Type': 'application/octet-stream' };

/** Accounts, tapes, sessions and tokens that the cases share. The first account of a server is its admin. */
export async function makeWorld(w) {
  const film = clip('movie-hello.mpeg');
  w.tape = await addTape(w.owner, film, 'hello');
  w.other = await w.owner.ok('POST', '/tapes', { title: 'other' });
  w.job = (await w.owner.ok('GET', `/jobs?tape_id=${w.tape.id}`)).items[0];
  w.session = await w.owner.ok('POST', '/sessions', { type: 'emulation', tape_id: w.tape.id });
  w.hls = (await w.owner.ok('POST', `/hls/${w.tape.id}/token`)).token;
  w.blankHls = (await w.owner.ok('POST', `/hls/${w.other.id}/token`)).token;
  const short = (await w.owner.ok('POST', `/hls/${w.tape.id}/token`, { expires_in: 1 })).token;
  w.expired = () => until('a token expires', async () => (await w.owner.call('GET', `/hls/${w.tape.id}/t/${short}/video.m3u8`)).status === 403 && short);
  w.logIn = () => w.owner.ok('POST', '/auth/login', { email: w.owner.email, password: w.owner.password });
  w.people = 0;
  w.film = readFileSync(film);
}

export function makeCases(w) {
  const newTape = async () => ({ id: (await w.owner.ok('POST', '/tapes', { title: 'T' })).id });
  const newSession = async () => ({ id: (await w.owner.ok('POST', '/sessions', { type: 'emulation' })).id });
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
  const peer = async () => (await w.owner.ok('GET', `/streams/${w.session.id}/offer`)).peer_id;
  const tape = () => ({ id: w.tape.id }), session = () => ({ id: w.session.id }), done = () => ({ id: w.job.id });
  const below = (id, token) => () => ({ id: id ?? w.tape.id, token: token ? token() : w.hls });
  const person = () => ({ email: `new${w.people++}@example.org`, password: 'a long enough password' });
  const as = (client) => ({ headers: { Authorization: `Bearer ${client.token}` } });

  const cursor = ['a bad cursor', 400, { query: 'cursor=!' }];
  const known = ['known already', 304, { headers: async (o, ask) => ({ ...(await ask({})).sent, 'If-None-Match': (await ask({})).headers.etag }) }];
  const stale = ['a stale If-Match', 412, { headers: { 'If-Match': '"x"' } }, '/stale'];
  const ranges = [['a range', 206, { headers: { Range: 'bytes=0-9' } }], ['a range beyond the end', 416, { headers: { Range: 'bytes=9999999999-' } }], known];
  const notReady = ['a blank tape', 409, { params: newTape }, '/tape-not-ready'];
  const reel = [...ranges, ['a version that is gone', 404, { query: 'v=00' }]];
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
      ['no address', 422, { body: () => ({ ...person(), email: 'nobody' }) }],
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
    'GET /api/v1/tapes/{id}/history': { params: tape, more: [cursor] },
    'PUT /api/v1/tapes/{id}/media': { params: newTape, status: 201, body: 'no film', headers: { ...binary, 'X-Filename': 'a%20film.mp4' }, more: [
      ['a second film', 409, { params: tape }], ['too large a film', 413, { length: UPLOAD_MAX + 1 }], ['no file name', 422, { headers: { ...binary, 'X-Filename': '%01' } }],
    ] },
    'GET /api/v1/tapes/{id}/media': { params: tape, more: [...ranges, ['a blank tape', 404, { params: newTape }], ['an admin, who is not its owner', 403, () => as(w.admin)]] },
    'GET /api/v1/tapes/{id}/thumbnail': { params: tape, more: [...ranges, ['a blank tape', 404, { params: newTape }]] },
    'GET /api/v1/jobs': { more: [cursor] },
    'GET /api/v1/jobs/{id}': { params: done },
    'POST /api/v1/jobs/{id}/cancel': { params: running, more: [['one that is done', 409, { params: done }]] },
    'POST /api/v1/jobs/{id}/retry': { params: failed, more: [['one that is done', 409, { params: done }]] },
    'POST /api/v1/sessions': { status: 201, body: () => ({
      type: 'emulation', tape_id: w.tape.id, look: 'clean', settings: { autoplay: false, winding: 'fast', grace_s: 5, seed: 7 },
    }), more: [
      ['an unknown tape', 404, { body: { type: 'emulation', tape_id: 999999 } }],
      ['a stranger\'s tape', 404, () => ({ ...as(w.stranger), body: { type: 'emulation', tape_id: w.tape.id } })],
      ['no device', 422, { body: { type: 'streaming' } }], ['an unknown device', 404, { body: { type: 'streaming', device_id: 1 } }],
      ['an unknown setting', 422, { body: { type: 'emulation', settings: { 'co/lour': 1 } } }],
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
    'GET /api/v1/sessions/{id}/events': { params: session, events: true, more: [over] },
    'GET /api/v1/streams/{id}/offer': { params: session, noHead: true, more: [over] },
    'POST /api/v1/streams/{id}/answer': { params: session, status: 204, body: async () => ({ peer_id: await peer(), type: 'answer', sdp }), more: [
      over, ['an unknown peer', 404, { body: { peer_id: NOBODY, type: 'answer', sdp } }],
      ['no SDP', 422, { body: async () => ({ peer_id: await peer(), type: 'answer', sdp: 'x' }) }],
      ['a passive client', 422, { body: async () => ({ peer_id: await peer(), type: 'answer', sdp: sdp.replaceAll('setup:active', 'setup:passive') }) }],
      ['an answer', 204, { body: async () => ({ peer_id: w.answered = await peer(), type: 'answer', sdp }) }],
      ['a second one', 409, { body: () => ({ peer_id: w.answered, type: 'answer', sdp }) }],
    ] },
    'POST /api/v1/hls/{id}/token': { params: tape, status: 201, body: { expires_in: 60 } },
    'GET /api/v1/hls/{id}/playlist.m3u8': { params: tape, headers: () => as(w.owner).headers, more: [
      known, notReady, ['clean', 200, { query: 'look=clean' }], ['what is not rendered yet', 409, { query: 'look=vhs' }, '/not-rendered'],
      ['no look', 422, { query: 'look=sepia' }],
      ['nobody', 401, { headers: {} }], ['a stranger', 404, () => as(w.stranger)], ['a token', 200, { headers: {}, query: () => `token=${w.hls}` }],
      ['an altered token', 403, { headers: {}, query: () => `token=${w.hls.slice(0, -4)}AAAA` }],
    ] },
    ...Object.fromEntries(['video', 'audio', 'iframe'].flatMap((name) => [
      [`GET /api/v1/hls/{id}/${name}.m3u8`, { params: tape, more: [known, notReady] }],
      [`GET /api/v1/hls/{id}/t/{token}/${name}.m3u8`, { params: below(), more: [known, ...tokens] }],
    ])),
    ...Object.fromEntries(['video', 'audio'].flatMap((name) => [
      [`GET /api/v1/hls/{id}/${name}.mp4`, { params: tape, more: [...reel, notReady] }],
      [`GET /api/v1/hls/{id}/t/{token}/${name}.mp4`, { params: below(), more: [...reel, ...tokens] }],
    ])),
  };
}
