// accounts.test.mjs - accounts while they are in use: what an admin or their owner changes acts at once on whatever they have open.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import path from 'node:path';
import { test } from 'node:test';
import { code } from './api_cases.mjs';
import { Client, programs, Server, until } from './lib.mjs';

const PASSWORD = 'correct horse battery';
const vcr = (server, ...words) => execFileSync(path.join(programs, 'vcr'), words, { env: { ...process.env, VCR_DATA_DIR: path.join(server.dir, 'data') }, encoding: 'utf8' });
const statusOf = async (client, ...call) => (await client.call(...call)).status;
const actions = async (admin, query) => (await admin.ok('GET', `/audit?${query}`)).items.map((i) => i.action);

/** The events of a session as they come; over: resolves when the server ends them. */
async function events(client, session) {
  const response = await fetch(`${client.url}/api/v1/sessions/${session}/events`, { headers: { Authorization: `Bearer ${client.token}` } });
  assert.equal(response.status, 200);
  const reader = response.body.getReader();
  await reader.read();
  const over = (async () => { while (!(await reader.read()).done) { /* to the end */ } })();
  return { over };
}
const within = (what, promise) => Promise.race([promise, new Promise((_, reject) => { setTimeout(reject, 20000, new Error(what)).unref(); })]);

test('accounts by their admins', async (t) => {
  const server = await Server.start(t);
  const admin = await Client.register(server, 'admin@example.org');
  const ada = await Client.register(server, 'ada@example.org');
  const bob = await Client.register(server, 'bob@example.org');

  await t.test('a disabled account has nothing left, at once', async () => {
    const tape = await ada.ok('POST', '/tapes', { title: 'blank' });
    const session = await ada.ok('POST', '/sessions', { type: 'emulation', tape_id: tape.id });
    const hls = (await ada.ok('POST', `/hls/${tape.id}/token`)).token;
    const login = await ada.ok('POST', '/auth/login', { email: ada.email, password: PASSWORD });
    const stream = await events(ada, session.id), watched = await events(admin, session.id);
    assert.equal(await statusOf(ada, 'GET', `/hls/${tape.id}/t/${hls}/video.m3u8`), 409, 'a blank tape');
    assert.equal((await admin.ok('PATCH', `/users/${ada.user.id}`, { disabled: true })).disabled, true);
    const at = performance.now();
    assert.equal(await statusOf(ada, 'GET', '/users/me'), 401);
    assert.equal(await statusOf(ada, 'POST', '/auth/refresh', { refresh_token: login.refresh_token }), 401);
    assert.equal(await statusOf(ada, 'POST', '/auth/login', { email: ada.email, password: PASSWORD }), 401);
    await within('the events end', Promise.all([stream.over, watched.over]));
    await until('the session has ended', async () => (await admin.ok('GET', `/sessions/${session.id}`)).status === 'ended');
    await until('the token of HLS has ended', async () => (await ada.call('GET', `/hls/${tape.id}/t/${hls}/video.m3u8`)).status === 403);
    t.diagnostic(`all of it within ${Math.round(performance.now() - at)} ms`);
    await admin.ok('PATCH', `/users/${ada.user.id}`, { disabled: false });
    assert.equal(await statusOf(ada, 'GET', '/users/me'), 401, 'a log-in from before stays ended');
    ada.token = (await ada.ok('POST', '/auth/login', { email: ada.email, password: PASSWORD })).access_token;
    assert.deepEqual((await actions(admin, `object=users/${ada.user.id}`)).filter((a) => a.startsWith('account_')), ['account_enabled', 'account_disabled']);
  });

  await t.test('a role that is taken away ends what it allowed, and nothing else', async () => {
    const session = await ada.ok('POST', '/sessions', { type: 'emulation' }), own = await bob.ok('POST', '/sessions', { type: 'emulation' });
    await admin.ok('PATCH', `/users/${bob.user.id}`, { role: 'admin' });
    assert.equal(await statusOf(bob, 'GET', '/users'), 200);
    const stream = await events(bob, session.id), theirs = await events(ada, session.id);
    let ended = false;
    theirs.over.then(() => { ended = true; }, () => {});
    await admin.ok('PATCH', `/users/${bob.user.id}`, { role: 'user' });
    assert.equal(await statusOf(bob, 'GET', '/users'), 403);
    assert.equal(await statusOf(bob, 'GET', `/sessions/${session.id}`), 404);
    await within('the events end', stream.over);
    assert.notEqual((await bob.ok('GET', `/sessions/${own.id}`)).status, 'ended');
    assert.equal(ended, false);
    assert.deepEqual(await actions(admin, `object=users/${bob.user.id}&action=role_changed`), ['role_changed', 'role_changed']);
    await ada.ok('DELETE', `/sessions/${session.id}`);
    await bob.ok('DELETE', `/sessions/${own.id}`);
  });

  await t.test('there is always an admin', async () => {
    for (const change of [{ role: 'user' }, { disabled: true }]) {
      const answer = await admin.call('PATCH', `/users/${admin.user.id}`, change);
      assert.equal(answer.status, 409);
      assert.match(answer.json.type, /\/last-admin$/);
    }
    assert.equal(await statusOf(admin, 'DELETE', `/users/${admin.user.id}`), 409);
    assert.equal(await statusOf(admin, 'DELETE', '/users/me', { current_password: PASSWORD }), 409);
    await admin.ok('PATCH', `/users/${bob.user.id}`, { role: 'admin' });
    await admin.ok('PATCH', `/users/${bob.user.id}`, { disabled: true });
    assert.equal(await statusOf(admin, 'PATCH', `/users/${admin.user.id}`, { role: 'user' }), 409, 'a disabled admin is none');
    await admin.ok('PATCH', `/users/${bob.user.id}`, { disabled: false });
    // Of two who go at once one stays.
    bob.token = (await bob.ok('POST', '/auth/login', { email: bob.email, password: PASSWORD })).access_token;
    const both = await Promise.all([statusOf(admin, 'PATCH', `/users/${bob.user.id}`, { role: 'user' }), statusOf(bob, 'PATCH', `/users/${admin.user.id}`, { role: 'user' })]);
    assert.equal(both.filter((s) => s === 200).length, 1, `${both}`);
    const left = both[0] === 200 ? admin : bob;
    await left.ok('PATCH', `/users/${admin.user.id}`, { role: 'admin' });
    await left.ok('PATCH', `/users/${bob.user.id}`, { role: left === bob ? 'admin' : 'user' });
    if (left === bob) await admin.ok('PATCH', `/users/${bob.user.id}`, { role: 'user' });
  });

  await t.test('a removed account leaves its tapes to the house, one that leaves takes them along', async () => {
    const eve = await Client.register(server, 'eve@example.org'), kept = await eve.ok('POST', '/tapes', { title: 'kept' });
    const device = await eve.ok('POST', '/devices', { name: 'D' });
    await admin.ok('DELETE', `/users/${eve.user.id}`).catch((e) => { throw e; });
    assert.equal(await statusOf(eve, 'GET', '/users/me'), 401);
    assert.equal((await admin.ok('GET', `/tapes/${kept.id}`)).user_id, null);
    assert.equal(await statusOf(admin, 'GET', `/devices/${device.id}`), 404);
    assert.equal(await statusOf(admin, 'DELETE', `/users/${eve.user.id}`), 404);

    const tape = await ada.ok('POST', '/tapes', { title: 'goes' });
    assert.equal(await statusOf(ada, 'DELETE', '/users/me', { current_password: 'wrong' }), 403);
    assert.equal(await statusOf(ada, 'DELETE', '/users/me', { current_password: PASSWORD }), 204);
    assert.equal(await statusOf(ada, 'GET', '/users/me'), 401);
    assert.equal(await statusOf(admin, 'GET', `/tapes/${tape.id}`), 404);
    assert.ok((await admin.ok('GET', '/tapes?trashed=true&all=true&title=goes')).items.some((i) => i.id === tape.id && i.user_id === null));
    assert.ok((await actions(admin, 'action=account_removed')).length === 2);
  });

  await t.test('the list has pages, an order and filters', async () => {
    for (let i = 0; i < 5; i++) await Client.register(server, `p${4 - i}@example.org`);
    const all = [];
    for (let cursor = ''; cursor !== null;) {
      const page = await admin.ok('GET', `/users?sort=-email&q=example.org&limit=2${cursor && `&cursor=${cursor}`}`);
      assert.ok(page.items.length <= 2);
      all.push(...page.items.map((u) => u.email));
      cursor = page.next_cursor;
    }
    assert.deepEqual(all, [...all].sort().reverse());
    assert.equal(new Set(all).size, 7);
    const byAge = (await admin.ok('GET', '/users?q=P&limit=200')).items.filter((u) => /^p\d/.test(u.email)).map((u) => u.email[1]).join('');
    assert.equal(byAge, '43210');
    assert.deepEqual((await admin.ok('GET', '/users?role=admin')).items.map((u) => u.email), ['admin@example.org']);
    assert.deepEqual((await admin.ok('GET', '/users?disabled=true')).items, []);
    assert.deepEqual((await admin.ok('GET', '/users?q=%25')).items, []);
    assert.equal(await statusOf(admin, 'GET', `/users?sort=email&cursor=${(await admin.ok('GET', '/users?limit=1')).next_cursor}`), 400);
  });

  await t.test('the audit of all this is whole', () => assert.match(vcr(server, 'audit', 'verify'), /^whole: /));
});

test('where an account is logged in', async (t) => {
  const server = await Server.start(t);
  const ada = await Client.register(server, 'ada@example.org');
  const logIn = async (agent, client = new Client(server.url)) => {
    const answer = await client.ok('POST', '/auth/login', { email: ada.email, password: ada.password }, { 'User-Agent': agent });
    return Object.assign(client, { token: answer.access_token, refresh: answer.refresh_token });
  };
  const phone = await logIn('Phone'), laptop = await logIn('Laptop');
  const list = await ada.ok('GET', '/users/me/logins');
  assert.deepEqual(list.items.map((l) => [l.user_agent, l.current, l.ip_address]), [['Laptop', false, '127.0.0.1'], ['Phone', false, '127.0.0.1'], ['node', true, '127.0.0.1']]);
  assert.deepEqual((await ada.ok('GET', `/users/me/logins?limit=2&cursor=${list.items[0].id}`)).items.map((l) => l.user_agent), ['Phone', 'node']);

  await t.test('one that is revoked ends at once, with its refresh token', async () => {
    await ada.ok('DELETE', `/users/me/logins/${list.items[1].id}`);
    assert.equal(await statusOf(phone, 'GET', '/users/me'), 401);
    assert.equal(await statusOf(phone, 'POST', '/auth/refresh', { refresh_token: phone.refresh }), 401);
    assert.equal(await statusOf(laptop, 'GET', '/users/me'), 200);
    assert.equal(await statusOf(ada, 'DELETE', `/users/me/logins/${list.items[1].id}`), 404);
    const other = await Client.register(server, 'other@example.org');
    assert.equal(await statusOf(other, 'DELETE', `/users/me/logins/${list.items[0].id}`), 404);
  });

  await t.test('a refresh is seen there', async () => {
    const before = (await ada.ok('GET', '/users/me/logins')).items.find((l) => l.user_agent === 'Laptop');
    laptop.refresh = (await laptop.ok('POST', '/auth/refresh', { refresh_token: laptop.refresh }, { 'User-Agent': 'Laptop, newer' })).refresh_token;
    const after = (await ada.ok('GET', '/users/me/logins')).items.find((l) => l.id === before.id);
    assert.equal(after.user_agent, 'Laptop, newer');
    assert.ok(after.last_seen_at > before.last_seen_at && after.created_at === before.created_at);
  });

  await t.test('a reused refresh token ends its log-in and no other', async () => {
    const tablet = await logIn('Tablet'), used = tablet.refresh;
    await tablet.ok('POST', '/auth/refresh', { refresh_token: used });
    assert.equal(await statusOf(tablet, 'POST', '/auth/refresh', { refresh_token: used }), 401);
    assert.equal(await statusOf(tablet, 'GET', '/users/me'), 401);
    assert.equal(await statusOf(laptop, 'GET', '/users/me'), 200);
    assert.deepEqual(await actions(ada, 'action=refresh_token_reused'), ['refresh_token_reused']);
    assert.ok(!(await ada.ok('GET', '/users/me/logins')).items.some((l) => l.user_agent === 'Tablet'));
  });

  for (const change of [{ password: 'another horse battery' }, { email: 'ada2@example.org' }]) {
    await t.test(`a changed ${Object.keys(change)} ends the others`, async () => {
      const other = await logIn('Other');
      await ada.ok('PATCH', '/users/me', { ...change, current_password: ada.password });
      Object.assign(ada, change);
      assert.equal(await statusOf(other, 'GET', '/users/me'), 401);
      assert.equal(await statusOf(ada, 'GET', '/users/me'), 200);
      assert.equal((await ada.ok('GET', '/users/me/logins')).items.length, 1);
    });
  }

  await t.test('all others at once, and a log-out', async () => {
    const [one, two] = [await logIn('1'), await logIn('2')];
    await one.ok('DELETE', '/users/me/logins');
    assert.deepEqual([await statusOf(two, 'GET', '/users/me'), await statusOf(ada, 'GET', '/users/me'), await statusOf(one, 'GET', '/users/me')], [401, 401, 200]);
    await one.ok('POST', '/auth/logout');
    assert.equal(await statusOf(one, 'GET', '/users/me'), 401);
  });
});

test('API tokens', async (t) => {
  const server = await Server.start(t);
  const admin = await Client.register(server, 'admin@example.org'), ada = await Client.register(server, 'ada@example.org');
  const tape = await ada.ok('POST', '/tapes', { title: 'T' }), session = await ada.ok('POST', '/sessions', { type: 'emulation' });
  const make = async (scopes, whose = ada, more = {}) => {
    const made = await whose.ok('POST', '/users/me/tokens', { name: scopes.join(), scopes, ...more });
    return Object.assign(new Client(server.url), { token: made.token, id: made.id, made });
  };
  const refusal = async (client, ...call) => { const a = await client.call(...call); return a.status === 403 && a.json.type.endsWith('/scope') ? 'scope' : a.status; };

  await t.test('each scope opens what it names', async () => {
    const calls = [
      ['read', 'GET', '/tapes'], ['read', 'GET', `/tapes/${tape.id}`], ['read', 'GET', '/users/me'], ['write', 'PATCH', `/tapes/${tape.id}`, { title: 'U' }], ['write', 'POST', '/devices', { name: 'D' }],
      ['play', 'POST', `/sessions/${session.id}/command`, { command: 'counter_reset' }], ['play', 'GET', `/streams/${session.id}/offer`], ['read play', 'GET', `/sessions/${session.id}`],
      ['', 'GET', '/users/me/tokens'], ['', 'POST', '/users/me/tokens', { name: 'T', scopes: ['read'] }], ['', 'PATCH', '/users/me', { display_name: 'X' }], ['', 'POST', '/auth/logout'],
      ['', 'GET', '/users/me/logins'], ['', 'DELETE', '/users/me', { current_password: ada.password }], ['', 'DELETE', '/users/me/logins'],
    ];
    for (const scope of ['read', 'write', 'play']) {
      const client = await make([scope]);
      for (const [needs, ...call] of calls) {
        const got = await refusal(client, ...call);
        assert.equal(got === 'scope' ? 'scope' : got < 300, needs.split(' ').includes(scope) || 'scope', `${scope}: ${call}: ${got}`);
      }
      assert.equal(await refusal(client, 'GET', '/users'), 'scope');
    }
  });

  await t.test('an admin\'s token is an admin\'s only with that scope', async () => {
    const plain = await make(['read', 'write'], admin), full = await make(['admin'], admin);
    assert.equal(await statusOf(plain, 'GET', '/users'), 403);
    assert.equal(await statusOf(full, 'GET', '/users'), 200);
    assert.equal(await refusal(full, 'GET', '/tapes'), 'scope');
    assert.equal(await statusOf(plain, 'GET', `/sessions/${session.id}`), 404);
  });

  await t.test('it is shown once, known by its beginning, and its use is told', async () => {
    const client = await make(['read']);
    assert.match(client.token, /^vcrp_[\w-]{43}$/);
    assert.ok(client.token.startsWith(client.made.hint) && client.made.hint.length === 9);
    await client.ok('GET', '/tapes');
    const told = await until('its use is noted', async () => { const now = await ada.ok('GET', `/users/me/tokens/${client.id}`); return now.last_used_at && now; });
    assert.equal(told.last_used_ip, '127.0.0.1');
    assert.equal(told.token, undefined);
    const dump = execFileSync('sqlite3', [path.join(server.dir, 'data/vcr.db'), '.dump api_tokens'], { encoding: 'utf8' });
    assert.ok(!dump.includes(client.token.slice(10)) && !server.log.includes(client.token.slice(10)));
  });

  await t.test('it ends with its day, with its removal, and with its account', async () => {
    const brief = await make(['read'], ada, { expires_at: new Date(Date.now() + 1500).toISOString() });
    await until('it has run out', async () => (await brief.call('GET', '/tapes')).status === 401);
    const taken = await make(['read']);
    await ada.ok('DELETE', `/users/me/tokens/${taken.id}`);
    assert.equal(await statusOf(taken, 'GET', '/tapes'), 401);
    const other = await make(['read']);
    await admin.ok('PATCH', `/users/${ada.user.id}`, { disabled: true });
    assert.equal(await statusOf(other, 'GET', '/tapes'), 401);
    await admin.ok('PATCH', `/users/${ada.user.id}`, { disabled: false });
    assert.equal(await statusOf(other, 'GET', '/tapes'), 200);
  });

  await t.test('it is no cookie, and a near miss is none', async () => {
    const client = await make(['read'], admin);
    const answer = await fetch(`${server.url}/api/v1/tapes`, { headers: { Cookie: `vcr_access=${client.token}` } });
    assert.equal(answer.status, 401);
    for (const token of [client.token.slice(0, -1), `${client.token}x`, client.token.toUpperCase(), 'vcrp_', `vcrp_${'A'.repeat(43)}`, `vcrp_${'A'.repeat(5000)}`])
      assert.equal(await statusOf(Object.assign(new Client(server.url), { token }), 'GET', '/tapes'), 401, token.slice(0, 20));
  });
});

for (const registration of ['invite', 'closed']) {
  test(`invitations to a server whose registration is ${registration}`, async (t) => {
    const server = await Server.start(t, { VCR_REGISTRATION: registration });
    const admin = await Client.register(server, 'admin@example.org'), guest = new Client(server.url);
    const join = async (email, invite) => { const a = await guest.call('POST', '/auth/register', { email, password: PASSWORD, ...(invite ? { invite } : {}) }); return [a.status, a.json.user?.role ?? a.json.type.split('/').pop()]; };
    assert.equal((await join('a@example.org'))[0], 403);
    const open = await admin.ok('POST', '/invitations', { role: 'viewer' }), named = await admin.ok('POST', '/invitations', { email: 'Ada@Example.org' });
    assert.deepEqual(await join('b@example.org', named.token), [403, 'no-invitation'], 'another\'s');
    assert.deepEqual(await join('a@example.org', `${open.token}x`), [403, 'no-invitation']);
    assert.deepEqual(await join('admin@example.org', open.token), [409, 'email-taken']);
    // Of many who come with it at once one gets in.
    const all = await Promise.all([...'cdefgh'].map((c) => join(`${c}@example.org`, open.token)));
    assert.deepEqual(all.map(([s]) => s).sort(), [201, 403, 403, 403, 403, 403]);
    assert.equal(all.find(([s]) => s === 201)[1], 'viewer');
    assert.deepEqual(await join('ada@example.org', named.token), [201, 'user']);
    assert.deepEqual(await join('i@example.org', named.token), [403, 'no-invitation'], 'used');
    const list = (await admin.ok('GET', '/invitations')).items;
    assert.deepEqual(list.map((i) => [i.id, i.used_at !== null, i.used_by !== null, i.token]), [[named.id, true, true, undefined], [open.id, true, true, undefined]]);
    const taken = await admin.ok('POST', '/invitations');
    await admin.ok('DELETE', `/invitations/${taken.id}`);
    assert.deepEqual(await join('j@example.org', taken.token), [403, 'no-invitation'], 'taken back');
    assert.match((await admin.call('POST', '/invitations', { expires_in: 1e9 })).json.detail, /must be 60 to 2592000$/);
    const late = await admin.ok('POST', '/invitations');
    execFileSync('sqlite3', [path.join(server.dir, 'data/vcr.db'), '-cmd', '.timeout 5000', `UPDATE invitations SET expires_at = 1 WHERE id = ${late.id}`]);
    assert.deepEqual(await join('k@example.org', late.token), [403, 'no-invitation'], 'run out');
    assert.deepEqual((await actions(admin, 'action=invitation_created')).length, 4);
  });
}

test('a second factor', async (t) => {
  const server = await Server.start(t);
  const person = async (name) => {
    const client = await Client.register(server, `${name}@example.org`);
    const { secret, uri } = await client.ok('POST', '/users/me/totp', { current_password: PASSWORD });
    assert.ok(uri.startsWith(`otpauth://totp/vcr-online:${name}%40example.org?secret=${secret}&`));
    const step = Math.floor(Date.now() / 30000) - 1;
    const { recovery_codes: codes } = await client.ok('POST', '/users/me/totp', { code: code(secret, step) }); // the one before is good, too
    return { client, secret, codes, step, logIn: async (more) => { const a = await client.call('POST', '/auth/login', { email: client.email, password: PASSWORD, ...more }); return a.status === 200 ? 200 : a.json.type.split('/').pop(); } };
  };

  await t.test('its code is asked for, and used up', async () => {
    const { client, secret, step, logIn } = await person('a');
    assert.equal(await logIn(), 'totp-required');
    assert.equal(await logIn({ code: code(secret, step) }), 'wrong-code', 'what confirmed it is used up');
    const good = code(secret, step + 1);
    assert.equal(await logIn({ code: good }), 200);
    assert.equal(await logIn({ code: good }), 'wrong-code', 'a second time');
    assert.equal((await client.call('POST', '/auth/login', { email: client.email, password: 'wrong', code: code(secret, step + 2) })).json.type.split('/').pop(), 'unauthenticated', 'a code is no password');
  });

  await t.test('a recovery code is good once', async () => {
    const { client, codes, logIn } = await person('b');
    assert.equal(codes.length, 10);
    assert.equal(await logIn({ code: codes[3].toLowerCase().replaceAll('-', ' ') }), 200);
    assert.equal(await logIn({ code: codes[3] }), 'wrong-code');
    assert.deepEqual(await client.ok('GET', '/users/me/totp'), { enabled: true, recovery_codes_left: 9 });
    const dump = execFileSync('sqlite3', [path.join(server.dir, 'data/vcr.db'), '.dump'], { encoding: 'utf8' });
    assert.ok(!codes.some((c) => dump.includes(c) || dump.includes(c.replaceAll('-', ''))), 'kept as hashes');
  });

  await t.test('its secret is kept sealed, and opens nothing in another account', async () => {
    const { secret, step, logIn } = await person('c');
    const sql = (text) => execFileSync('sqlite3', [path.join(server.dir, 'data/vcr.db'), '-cmd', '.timeout 5000', text], { encoding: 'utf8' });
    assert.ok(!sql('.dump totp').includes(secret));
    sql("UPDATE totp SET secret = (SELECT secret FROM totp WHERE user_id = 1) WHERE user_id = 3");
    assert.equal(await logIn({ code: code(secret, step + 1) }), 'internal');
  });

  await t.test('without it nothing is asked for again', async () => {
    const { client, codes, logIn } = await person('d');
    assert.equal(await statusOf(client, 'DELETE', '/users/me/totp', { current_password: 'wrong', code: codes[0] }), 403);
    assert.equal(await statusOf(client, 'DELETE', '/users/me/totp', { current_password: PASSWORD, code: codes[0] }), 204);
    assert.equal(await logIn(), 200);
    assert.deepEqual(await client.ok('GET', '/users/me/totp'), { enabled: false, recovery_codes_left: 0 });
  });
});

test('what an account has here', async (t) => {
  const server = await Server.start(t, { VCR_QUOTA_BYTES: '1000000' });
  const admin = await Client.register(server, 'admin@example.org'), ada = await Client.register(server, 'ada@example.org');
  for (let i = 0; i < 205; i++) await ada.ok('POST', '/tapes', { title: `tape ${i}`, tags: ['a'] }); // more than two pages of the document
  const theirs = await admin.ok('POST', '/tapes', { title: 'not hers' }), first = (await ada.ok('GET', '/tapes?sort=created_at&limit=1')).items[0];
  await ada.ok('POST', `/tapes/${first.id}/marks`, { position: 1.5, title: 'The cake' });
  await ada.ok('DELETE', `/tapes/${first.id}`);
  const shown = (await ada.ok('GET', '/tapes?limit=1')).items[0];
  await ada.ok('POST', `/tapes/${shown.id}/shares`, { email: 'admin@example.org', role: 'viewer' });
  await ada.ok('POST', '/devices', { name: 'D' });
  await ada.ok('POST', '/sessions', { type: 'emulation' });
  const { token } = await ada.ok('POST', '/users/me/tokens', { name: 'T', scopes: ['read'] });

  await t.test('is told, also to a token that reads', async () => {
    const usage = { bytes: 0, tapes: 204, tapes_in_bin: 1, devices: 1, sessions: 1, quota_bytes: 1000000 };
    assert.deepEqual(await ada.ok('GET', '/users/me/usage'), usage);
    assert.deepEqual(await Object.assign(new Client(server.url), { token }).ok('GET', '/users/me/usage'), usage);
    execFileSync('sqlite3', [path.join(server.dir, 'data/vcr.db'), '-cmd', '.timeout 5000', `INSERT INTO reels(tape_id, kind, blob_key, index_key, size_bytes, duration_us) VALUES(${first.id}, 'clean_video', 'a', 'b', 4321, 1)`]);
    assert.equal((await ada.ok('GET', '/users/me/usage')).bytes, 4321);
  });

  await t.test('is one document, and holds no secret and nothing of others', async () => {
    const answer = await ada.call('GET', '/users/me/export'), all = answer.json;
    assert.match(answer.headers.get('content-disposition'), /vcr-online\.json/);
    assert.deepEqual([all.user.email, all.tapes.length, all.devices.length, all.sessions.length, all.logins.length, all.tokens.length], ['ada@example.org', 205, 1, 1, 1, 1]);
    assert.equal(new Set(all.tapes.map((x) => x.title)).size, 205);
    assert.deepEqual(all.shares.map((s) => [s.tape_id, s.email]), [[shown.id, 'admin@example.org']]);
    assert.ok(all.history.length >= 205 && !all.tapes.some((x) => x.id === theirs.id));
    assert.deepEqual(all.marks.map((m) => [m.tape_id, m.position, m.title]), [[first.id, 1.5, 'The cake']]);
    assert.ok(all.audit.some((a) => a.action === 'tape_trashed') && all.tapes.find((x) => x.id === first.id).trashed_at);
    for (const secret of [token, ada.token, 'argon2', 'hash', 'not hers']) assert.ok(!answer.text.includes(secret), secret);
    assert.deepEqual(await actions(admin, `action=exported&user_id=${ada.user.id}`), ['exported']);
    assert.equal(await statusOf(Object.assign(new Client(server.url), { token }), 'GET', '/users/me/export'), 403);
  });
});

test('a lost password is set at the server, which runs on', async (t) => {
  const server = await Server.start(t);
  const admin = await Client.register(server, 'admin@example.org'), env = { ...process.env, VCR_DATA_DIR: path.join(server.dir, 'data') };
  const set = (email, password) => spawnSync(path.join(programs, 'vcr'), ['user', 'password', email], { env, input: password, encoding: 'utf8' });
  const { secret } = await admin.ok('POST', '/users/me/totp', { current_password: PASSWORD });
  await admin.ok('POST', '/users/me/totp', { code: code(secret) });
  for (const [email, password, word] of [['nobody@example.org', 'a new password\n', 'no such account'], ['admin@example.org', 'short\n', 'at least'], ['admin@example.org', '', 'at least'], ['x', 'a new password\n', 'no e-mail']]) {
    const refused = set(email, password);
    assert.deepEqual([refused.status, refused.stderr.includes(word)], [1, true], refused.stderr);
  }
  assert.equal(await statusOf(admin, 'GET', '/users/me'), 200);
  const done = set('Admin@Example.org', 'a new password\n');
  assert.equal(done.status, 0, done.stderr);
  assert.ok(!done.stdout.includes('a new password'));
  assert.equal(await statusOf(admin, 'GET', '/users/me'), 401);
  assert.equal(await statusOf(admin, 'POST', '/auth/login', { email: admin.email, password: PASSWORD }), 401);
  admin.token = (await admin.ok('POST', '/auth/login', { email: admin.email, password: 'a new password' })).access_token;
  assert.deepEqual((await actions(admin, 'action=password_changed')), ['password_changed']);
  assert.match(vcr(server, 'audit', 'verify'), /^whole: /);
});
