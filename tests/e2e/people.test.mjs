// people.test.mjs - several people and several VCRs: who holds the remote control, what those who watch are told, and what becomes of a tape that is in more decks than one.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import path from 'node:path';
import test from 'node:test';
import { addTape, clip, Client, root, Server, until } from './lib.mjs';

/** The events of a session, as they come. */
class Events {
  constructor(client, id) { Object.assign(this, { client, id, deck: [], remote: [], over: false }); }

  async open() {
    const response = await fetch(`${this.client.url}/api/v1/sessions/${this.id}/events`, { headers: { Authorization: `Bearer ${this.client.token}` } });
    assert.equal(response.headers.get('content-type'), 'text/event-stream');
    this.read(response.body.pipeThrough(new TextDecoderStream())).finally(() => { this.over = true; });
    return this;
  }

  async read(stream) {
    let text = '';
    for await (const chunk of stream) {
      text += chunk;
      for (let end; (end = text.indexOf('\n\n')) >= 0; text = text.slice(end + 2)) {
        const event = /^event: (\w+)\ndata: (.*)$/m.exec(text.slice(0, end));
        if (event) this[event[1]].push({ at: performance.now(), ...JSON.parse(event[2]) });
      }
    }
  }

  saw(what, is) { return until(what, () => this.deck.find(is)); }
}

const people = async (t) => {
  const server = await Server.start(t);
  const admin = await Client.register(server, 'admin@example.org'), owner = await Client.register(server, 'anna@example.org'), stranger = await Client.register(server, 'eve@example.org');
  return { server, admin, owner, stranger };
};
const press = (client, id, command, args = {}) => client.call('POST', `/sessions/${id}/command`, { command, ...args });
const remote = (client, id, action, peer_id) => client.call('POST', `/sessions/${id}/remote`, { action, peer_id });
const peerOf = async (client, id) => (await client.ok('GET', `/streams/${id}/offer`)).peer_id;
const refused = (answer, slug) => { assert.equal(answer.status, 409, answer.text); assert.ok(answer.json.type.endsWith(slug), answer.text); };

test('one of several people holds the remote control', async (t) => {
  const { admin, owner, stranger } = await people(t);
  await owner.ok('PATCH', '/users/me', { display_name: 'Anna' });
  const { id } = await owner.ok('POST', '/sessions', { type: 'emulation' });
  const events = await new Events(admin, id).open();
  const own = await peerOf(owner, id), other = await peerOf(admin, id);
  refused(await press(admin, id, 'memory'), '/remote-held');
  assert.equal((await press(stranger, id, 'memory')).status, 404);
  assert.equal((await remote(stranger, id, 'release')).status, 404);
  assert.equal((await remote(admin, id, 'request', own)).status, 404, 'by a picture of somebody else');
  refused(await remote(admin, id, 'grant', other), '/remote-held');
  assert.equal((await remote(admin, id, 'request', other)).status, 202);
  let { viewers } = await owner.ok('GET', `/sessions/${id}`);
  assert.deepEqual(viewers.map((v) => [v.peer_id, v.user.name, v.requested, v.holds_remote]).sort(), [[own, 'Anna', false, true], [other, 'admin', true, false]].sort());
  assert.equal((await remote(owner, id, 'grant', other)).status, 200);
  await until('who watches is told', () => events.remote.find((r) => r.peer_id === other));
  refused(await press(owner, id, 'memory'), '/remote-held');
  const answer = await press(admin, id, 'memory');
  assert.equal(answer.json.deck.memory, true);
  assert.equal((await remote(admin, id, 'release')).status, 200);
  refused(await press(admin, id, 'memory'), '/remote-held');
  assert.equal((await press(owner, id, 'memory')).json.deck.memory, false);
  await owner.ok('DELETE', `/sessions/${id}`);
  await until('the end of the events', () => events.over);
});

test('who watches sees every change, the seconds of a running counter, and the end', async (t) => {
  const { owner, admin } = await people(t);
  const tape = await owner.ok('POST', '/tapes', { title: 'blank', length_minutes: 120 });
  const { id } = await owner.ok('POST', '/sessions', { type: 'emulation', tape_id: tape.id, settings: { deck: 'full_load' } });
  const all = [await new Events(owner, id).open(), await new Events(admin, id).open()];
  await all[0].saw('loaded', (d) => d.mode === 'stop');
  const seqs = [];
  for (const [command, args] of [['memory', { on: true }], ['repeat', { on: true }], ['tracking', { value: 7 }], ['fast_forward']]) {
    seqs.push([command, (await press(owner, id, command, args)).json.deck.command_seq]);
    await all[1].saw(`${command} as an event`, (d) => d.command_seq >= seqs.at(-1)[1]); // or of what came of it meanwhile: a newer state takes an older one's place
  }
  await until('some seconds', () => all.every((e) => e.deck.filter((d) => d.mode === 'fast_forward').length >= 4));
  const many = await Promise.all(Array.from({ length: 200 }, (_, i) => press(owner, id, i % 2 ? 'repeat' : 'memory')));
  assert.ok(many.every((a) => a.status === 200));
  const last = Math.max(...many.map((a) => a.json.deck.command_seq));
  for (const e of all) {
    await e.saw('the newest state', (d) => d.command_seq >= last);
    const seen = e.deck.map((d) => d.command_seq);
    assert.deepEqual(seen, [...seen].sort((a, b) => a - b), 'never an older state after a newer one');
    const wound = e.deck.filter((d) => d.mode === 'fast_forward').map((d) => d.position);
    assert.deepEqual(wound, [...wound].sort((a, b) => a - b));
  }
  await owner.ok('DELETE', `/sessions/${id}`);
  await until('both streams close', () => all.every((e) => e.over));
});

test('a tape in several decks', async (t) => {
  const { owner, admin } = await people(t);
  const tape = await addTape(owner, clip('movie-hello.mpeg'), 'film');
  const begin = async (client, settings = {}) => (await client.ok('POST', '/sessions', { type: 'emulation', tape_id: tape.id, settings: { deck: 'full_load', ...settings } })).id;
  const position = async () => (await owner.ok('GET', `/tapes/${tape.id}`)).position;
  // Another's session leaves the place alone.
  const theirs = await begin(admin, { autoplay: true });
  await until('it plays', async () => (await admin.ok('GET', `/sessions/${theirs}`)).deck.position > 1);
  await admin.ok('DELETE', `/sessions/${theirs}`);
  assert.equal(await position(), 0);
  // Of the owner's, the last eject or end says where it stands.
  const first = await begin(owner), second = await begin(owner);
  for (const [id, to] of [[first, 5], [second, 2]]) {
    await until('loaded', async () => (await owner.ok('GET', `/sessions/${id}`)).deck.mode === 'stop');
    await press(owner, id, 'seek', { position: to });
    await until('there', async () => (await owner.ok('GET', `/sessions/${id}`)).deck.mode === 'pause');
  }
  await owner.ok('DELETE', `/sessions/${first}`);
  await owner.ok('DELETE', `/sessions/${second}`);
  await until('the place of the last', async () => Math.abs((await position()) - 2) < 0.1);
  // Binned, it is put out of all of them.
  const ids = [await begin(owner, { autoplay: true }), await begin(owner), await begin(admin)];
  const events = await Promise.all(ids.map((id, i) => new Events(i < 2 ? owner : admin, id).open()));
  await events[0].saw('it plays', (d) => d.mode === 'play');
  assert.equal((await owner.call('DELETE', `/tapes/${tape.id}`)).status, 204);
  for (const e of events) {
    const out = await e.saw('put out', (d) => d.mode === 'ejected');
    assert.equal(out.tape_in, null);
    assert.equal(out.stop_reason, 'tape_trashed');
    assert.ok(!e.over, 'the session runs on');
  }
  assert.equal((await press(owner, ids[0], 'insert', { tape_id: tape.id })).status, 404);
  const other = await owner.ok('POST', '/tapes', { title: 'other' });
  assert.equal((await press(owner, ids[0], 'insert', { tape_id: other.id })).status, 200);
  await events[0].saw('the other is in', (d) => d.mode === 'play' && d.tape_in?.tape_id === other.id);
  assert.equal((await owner.call('DELETE', `/tapes/${other.id}?purge=true`)).status, 204);
  assert.equal((await events[0].saw('put out, too', (d) => d.mode === 'ejected' && d.stop_reason === 'tape_purged')).tape_in, null);
});

test('the log of a session, run again on a deck alone, gives what was seen', async (t) => {
  const { owner, admin, stranger } = await people(t);
  const tape = await addTape(owner, clip('movie-hello.mpeg'), 'film');
  const { id } = await owner.ok('POST', '/sessions', { type: 'emulation', tape_id: tape.id, settings: { deck: 'full_load', auto_rewind: true } });
  const events = await new Events(owner, id).open();
  await events.saw('loaded', (d) => d.mode === 'stop');
  const own = await peerOf(owner, id);
  const keys = [['play'], ['memory', { on: true }], ['cue', { hold: true }], ['release'], ['pause'], ['frame_advance'], ['frame_back'], ['slow', { speed: 0.5 }], ['tracking', { value: -3 }],
    ['insert', { tape_id: tape.id }], ['seek', { position: 6 }], ['play'], ['fast_forward'], ['stop'], ['index_previous'], ['repeat'], ['repeat'], ['power', { on: false }], ['play'], ['look', { look: 'clean' }]];
  for (const [command, args] of keys) {
    const answer = await press(owner, id, command, args);
    await events.saw(`${command} (${answer.status})`, (d) => d.command_seq >= answer.json.deck.command_seq && ((d.servo === 'locked' && d.pending === null) || d.mode !== 'play'));
  }
  await events.saw('the end, and the rewind that follows it', (d) => d.mode === 'stop' && d.position === 0 && d.command_seq > 30);
  assert.equal((await press(owner, id, 'eject')).status, 200);
  await events.saw('out', (d) => d.mode === 'ejected');
  assert.ok(own);
  const { text, headers } = await owner.call('GET', `/sessions/${id}/log`);
  assert.equal(headers.get('content-type'), 'text/plain; charset=utf-8');
  assert.equal((await admin.call('GET', `/sessions/${id}/log`)).status, 200);
  assert.equal((await stranger.call('GET', `/sessions/${id}/log`)).status, 404);
  const states = new Map();
  for (const line of execFileSync(path.join(path.resolve(process.env.VCR_BUILD ?? path.join(root, 'build-asan')), 'tests/unit/deck/deck_replay'), { input: text, encoding: 'utf8' }).trim().split('\n')) {
    const state = JSON.parse(line);
    states.set(state.command_seq, [...states.get(state.command_seq) ?? [], state]);
  }
  const compared = ({ mode, power, memory, repeat, tracking, pending, stop_reason }) => ({ mode, power, memory, repeat, tracking: tracking === 'auto' ? -32768 : tracking, pending: pending ?? '', stop_reason: stop_reason ?? '' });
  assert.ok(events.deck.length > 30 && new Set(events.deck.map((d) => d.mode)).size >= 8, 'there is something to compare');
  for (const seen of events.deck) {
    const [state] = states.get(seen.command_seq) ?? assert.fail(`the replay never was at ${JSON.stringify(seen)}`);
    assert.deepEqual(compared(seen), compared(state), `command_seq ${seen.command_seq}`);
    if (state.speed === 0) assert.ok(Math.abs(seen.position - state.position) < 0.001, `${seen.position} and ${state.position} at ${seen.command_seq}`);
    else assert.ok((seen.position - state.position) * Math.sign(state.speed) > -0.001, `${seen.position} and ${state.position} at ${seen.command_seq}`);
  }
});
