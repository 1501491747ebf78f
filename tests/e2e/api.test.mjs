// api.test.mjs - the whole API against its contract: every route of api/openapi.yaml with good input and with nonsense, every answer held against the file, no route
// and no status that the file, the server or this test forgets.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { makeCases, makeWorld, NOBODY, UPLOAD_MAX } from './api_cases.mjs';
import { Contract, edges, nonsense, routesOfSource, send } from './contract.mjs';
import { Client, programs, Server, tempDir, until } from './lib.mjs';

const TOO_LARGE = 1 << 20;
// Answered by the server core for any request, whatever its route; the file says so once, as `default`. 429, 503 and 507 have tests of their own.
const ANY = new Set(['429', '503', '507', 'default']);
const RARE = new Set(['POST /api/v1/tapes 409', 'POST /api/v1/devices 409']); // an Idempotency-Key in flight: with one writer it is over before a second request looks
const contract = new Contract();
const w = {};

const value = (thing, ...args) => (typeof thing === 'function' ? thing(...args) : thing);
const isId = (operation) => operation.account && operation.route.includes('{id}');

/** Calls an operation as its case says, but for the changes. */
async function ask(operation, changes) {
  const now = { ...w.cases[operation.key], ...changes };
  const params = await value(now.params);
  const asker = { Authorization: `Bearer ${(now.admin ? w.admin : w.owner).token}` };
  const headers = now.headers === undefined && operation.account ? asker
    : { ...(operation.account && !now.bare ? asker : {}), ...await value(now.headers, operation, (more) => ask(operation, more)) };
  const body = now.raw ?? await value(now.body);
  const text = body === undefined || body === null || typeof body === 'string' || body instanceof Uint8Array ? body ?? undefined : JSON.stringify(body);
  const query = await value(now.query);
  const sent = { ...(text !== undefined && operation.schema ? { 'Content-Type': 'application/json' } : {}), ...headers };
  const target = operation.route.replace(/\{(\w+)\}/g, (_, name) => params[name]) + (query ? `?${query}` : '');
  const answer = await send(await value(now.url) ?? w.server.url, {
    method: now.method ?? operation.method, path: target, headers: sent, body: text, length: now.length, events: now.events,
  });
  return Object.assign(answer, { sent: headers });
}

/** Asks, and holds the answer against the file and against what is expected. */
async function expect(operation, what, status, changes, slug) {
  const answer = await ask(operation, await value(changes));
  what = `${operation.key}, ${what}`;
  assert.equal(answer.status, status, `${what}: ${answer.text.slice(0, 400)}`);
  contract.check(operation, answer, what);
  if (slug) assert.ok(answer.json.type.endsWith(slug), `${what}: ${answer.json.type}`);
  return answer;
}

const checks = {
  async 'good input'(o, c) {
    const answer = await expect(o, 'good input', c.status ?? 200, {});
    if (c.events) contract.validate({ $ref: '#/components/schemas/Deck' }, JSON.parse(/^data: (.*)$/m.exec(answer.text)[1]), o.key);
  },
  async 'its own cases'(o, c) {
    for (const [what, status, changes, slug] of c.more ?? []) await expect(o, what, status, changes, slug);
  },
  async 'who may not'(o, c) {
    if (!o.account) return;
    const call = { params: await value(c.params), body: await value(c.body), events: false };
    await expect(o, 'no token', 401, { ...call, headers: {}, bare: true });
    for (const bad of ['Bearer', 'Bearer x', 'Bearer a.b.c', `Bearer ${w.owner.token}x`, `Basic ${w.owner.token}`])
      await expect(o, bad.slice(0, 12), 401, { ...call, headers: { Authorization: bad } });
    if (o.method !== 'GET')
      await expect(o, 'a cookie without the CSRF token', 403, { ...call, headers: { Cookie: `vcr_access=${w.owner.token}` }, bare: true }, '/csrf');
    if (c.admin) await expect(o, 'who is no admin', 403, { ...call, headers: { Authorization: `Bearer ${w.stranger.token}` } });
    else if (isId(o)) await expect(o, 'a stranger', 404, { ...call, headers: { Authorization: `Bearer ${w.stranger.token}` } });
  },
  async 'what is not there'(o, c) {
    if (!isId(o)) return;
    const call = { body: await value(c.body), events: false };
    for (const id of ['999999999', '0', '-1', 'abc', '1e3', '9223372036854775808', NOBODY, 'x'.repeat(200)])
      await expect(o, `the id ${id.slice(0, 40)}`, 404, { ...call, params: { id } });
  },
  async 'bodies'(o) {
    if (!o.schema) return;
    const params = await value(w.cases[o.key].params), body = await value(w.cases[o.key].body);
    for (const [what, raw, status, pointer] of nonsense(o.schema, body, o.bodyRequired)) {
      const answer = await expect(o, what, status, { params, raw });
      const pointers = (answer.json.errors ?? []).map((e) => e.pointer);
      if (pointer !== undefined) assert.ok(pointers.some((p) => p === pointer || p.startsWith(pointer + '/')), `${o.key}, ${what}: ${pointers}`);
    }
    for (const [what, edge, pointer] of edges(o.schema, body)) {
      const answer = await ask(o, { params, body: edge });
      const bounds = (answer.json?.errors ?? []).filter((e) => e.pointer.startsWith(pointer) && /may have at|must have at least|must be [-\d.e+]+ to/.test(e.detail));
      assert.deepEqual(bounds, [], `${o.key}, on the edge: ${what}`);
    }
    await expect(o, 'too large', 413, { params, length: TOO_LARGE });
    await expect(o, 'a compressed body', 415, { params, raw: '{}', headers: { ...(await ask(o, { raw: '{' })).sent, 'Content-Encoding': 'gzip' } });
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x', 'application/jsonx', 'application/xml'])
      await expect(o, type, 415, { params, raw: '{}', headers: { ...(await ask(o, { raw: '{' })).sent, 'Content-Type': type } });
  },
  async 'queries'(o, c) {
    if (!o.parameters.some((p) => p.in === 'query')) return;
    const call = { params: await value(c.params), body: await value(c.body), events: false };
    const bad = { integer: ['x', '0', '-1', '1.5', '99999999999999999999'], boolean: ['maybe', '1', ''] };
    for (const p of o.parameters.filter((q) => q.in === 'query')) {
      const values = [...bad[p.schema.type] ?? [], ...(p.schema.maximum ? [p.schema.maximum + 1] : []), ...(p.schema.enum ? ['x-none'] : [])];
      for (const v of values) {
        const answer = await expect(o, `${p.name}=${v}`, 422, { ...call, query: `${p.name}=${v}` });
        assert.ok(answer.json.errors.some((e) => e.pointer === p.name), `${o.key}, ${p.name}=${v}: ${answer.text}`);
      }
    }
  },
  async 'methods and targets'(o, c) {
    const call = { params: o.method === 'GET' ? await value(c.params) : { id: '1', token: 'x' }, body: null, events: false };
    const taken = contract.methodsOf(o.route);
    for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'].filter((m) => !taken.includes(m))) {
      const answer = await ask(o, { ...call, method });
      const allow = new Set((answer.headers.allow ?? '').split(/, */));
      assert.equal(answer.status, 405, `${method} ${o.route}`);
      contract.checkProblem(answer, `${method} ${o.route}`);
      assert.ok(taken.every((m) => allow.has(m)) && !allow.has(method), `${method} ${o.route}: Allow: ${answer.headers.allow}`);
    }
    const options = await ask(o, { ...call, method: 'OPTIONS' });
    assert.ok(options.status === 204 && options.headers.allow.includes(o.method), `OPTIONS ${o.route}`);
    for (const [what, change] of [['a query that does not decode', { query: 'a=%zz' }], ['a path that does not decode', { params: { id: '%zz', token: '%00', deviceId: '%zz', publisher: '%zz', viewer: '%zz' } }]]) {
      if (change.params && !o.route.includes('{')) continue;
      const answer = await ask(o, { ...call, ...change });
      assert.equal(answer.status, 400, `${o.key}, ${what}`);
      contract.checkProblem(answer, `${o.key}, ${what}`);
    }
    if (o.method !== 'GET') return;
    const get = await ask(o, { ...call, events: c.events }), head = await ask(o, { ...call, method: 'HEAD' });
    assert.deepEqual([head.status, head.text], [c.noHead ? 405 : get.status, ''], `HEAD ${o.route}`);
    if (!c.noHead) assert.equal(head.type, get.type, `HEAD ${o.route}`);
  },
};

test('the API and its contract', async (t) => {
  w.library = tempDir();
  writeFileSync(path.join(w.library, 'changed.mpg'), 'a film in a library');
  w.server = await Server.start(t, { VCR_MAX_UPLOAD_BYTES: String(UPLOAD_MAX), VCR_LIBRARY_DIRS: w.library });
  w.admin = await Client.register(w.server, 'admin@example.org');
  w.owner = await Client.register(w.server, 'owner@example.org');
  w.stranger = await Client.register(w.server, 'stranger@example.org');
  w.closed = await Server.start(t, { VCR_REGISTRATION: 'closed', VCR_RATE_LIMITS: 'on' });
  await Client.register(w.closed);
  await makeWorld(w, t);
  w.cases = makeCases(w);

  await t.test('the file, the source and this test have the same routes', () => {
    const listed = [...contract.operations.keys()].sort();
    assert.deepEqual(listed, [...routesOfSource()].sort());
    assert.deepEqual(listed, Object.keys(w.cases).sort());
  });

  await t.test('a server whose parts all run is ready', () => until('ready', async () => {
    const { status, reasons } = await (await fetch(w.server.url + '/readyz')).json();
    return status === 'ok' || (status === 'degraded' && reasons.every((r) => r.startsWith('the disk is nearly full')));
  }));

  for (const [name, check] of Object.entries(checks)) {
    await t.test(name, async () => {
      const wrong = []; // told all at once
      for (const operation of contract.operations.values()) await check(operation, w.cases[operation.key]).catch((e) => wrong.push(e.message));
      assert.equal(wrong.join('\n'), '');
    });
  }

  await t.test('examples are as their schemas say', () => {
    for (const [key, { body, responses }] of contract.examples()) {
      if (body) contract.validate(body.schema, body.example, `${key}, the body`);
      for (const [status, { schema, example }] of responses.filter(([, r]) => r.schema)) contract.validate(schema, example, `${key}, ${status}`);
      if (!/^\w+ .api.v1.(audit|invitations|users$|users.{id}|users.me.)/.test(key)) continue;
      const { requestBody, responses: said } = contract.file.paths[key.split(' ')[1]][key.split(' ')[0].toLowerCase()];
      assert.ok(!requestBody || body, `${key}: the body has no example`);
      for (const [status, { content }] of Object.entries(said).filter(([s, r]) => s < '206' && r.content))
        assert.ok(responses.some(([s]) => s === status), `${key}: ${status} has no example, ${Object.keys(content)}`);
    }
  });

  await t.test('the audit is whole after all of it', () => {
    const env = { ...process.env, VCR_DATA_DIR: path.join(w.server.dir, 'data') };
    assert.match(execFileSync(path.join(programs, 'vcr'), ['audit', 'verify'], { env, encoding: 'utf8' }), /^whole: \d{3,} rows, /);
  });

  await t.test('every status that the file names was seen', () => {
    const unseen = [...contract.operations.values()].flatMap((o) => Object.keys(o.responses).filter((s) => !ANY.has(s) && !o.seen.has(s)).map((s) => `${o.key} ${s}`))
      .filter((s) => !RARE.has(s));
    assert.deepEqual(unseen, []);
  });

  await t.test('too many log-ins are told when to come again', async () => {
    const operation = contract.operations.get('POST /api/v1/auth/login');
    const body = { email: 'nobody@example.org', password: 'guess' }, url = w.closed.url;
    for (let i = 0; i < 5; i++) await expect(operation, 'a guess', 401, { url, body });
    await expect(operation, 'one too many', 429, { url, body }, '/too-many-requests');
  });

  await t.test('the log holds every request, and no token', () => {
    const lines = w.server.log.split('\n').filter((l) => l.startsWith('{')).map((l) => JSON.parse(l));
    const routes = new Set(lines.map((l) => `${l['http.request.method']} ${l['http.route']}`));
    for (const o of contract.operations.values())
      assert.ok(routes.has(`${o.method} ${o.route.replace(/\{(\w+)\}/g, ':$1')}`) !== ['/healthz', '/readyz', '/metrics'].includes(o.route), `${o.key} in the log`);
    for (const secret of [w.hls, w.owner.token.split('.')[2], w.stranger.token, w.owner.password]) assert.ok(!w.server.log.includes(secret));
    assert.deepEqual(lines.filter((l) => l['http.response.status_code'] >= 500), []);
  });
});
