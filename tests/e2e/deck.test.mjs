// deck.test.mjs - every key of the deck in every mode, through the API: what works is 200 with the state it produced, what does not is a 409 with its documented type, a
// sentence and the deck; and the same from outside: who watches sees each of it as an event.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import path from 'node:path';
import test from 'node:test';
import { addTape, clip, Client, Server, until } from './lib.mjs';

const PICTURE = 'play pause slow cue review';
const WINDS = 'fast_forward rewind index_search';
const LOADED = `stop ${PICTURE} ${WINDS}`;
const ON = `ejected loading ${LOADED} ejecting`;
// Where each key works, and with what; elsewhere it is refused. What fault does no key can begin: tests/unit/deck has its column.
const KEYS = {
  power: [`off ${ON}`, {}], insert: ['off_empty ejected', () => ({ tape_id: world.film.id })], eject: [`off ${LOADED}`], play: [`off loading ${LOADED}`], pause: [PICTURE],
  stop: [`loading ${LOADED}`], rewind: [LOADED], fast_forward: [LOADED], cue: [PICTURE], review: [PICTURE], slow: [PICTURE, { speed: 0.25 }], frame_advance: [PICTURE],
  frame_back: [PICTURE], release: [''], seek: [LOADED, { position: 1 }], counter_reset: [ON], memory: [ON], repeat: [ON], sleep: [ON, { minutes: 30 }],
  tracking: [ON, { value: 3 }], tape_speed: [ON, { value: 'sp' }], look: [`off ${ON}`, { look: 'clean' }], index_next: [LOADED], index_previous: [LOADED],
};
// What works in a recording as well; and the keys of one, which need the tape alone.
const RECORDING = 'record record_pause';
for (const [key, modes] of Object.entries({
  power: 'record_pause', eject: 'record_pause', play: 'record_pause', pause: RECORDING, stop: RECORDING, counter_reset: RECORDING, memory: RECORDING, repeat: RECORDING, sleep: RECORDING,
  tracking: RECORDING, tape_speed: 'record_pause', look: RECORDING,
})) KEYS[key][0] += ` ${modes}`;
const RECORD_KEYS = { record: [`stop ${PICTURE} ${RECORDING}`, () => ({ input: { session_id: world.source } })], mark_index: [`${PICTURE} record`] };
const NEED_TAPE = new Set(['record', 'mark_index', 'eject', 'play', 'pause', 'stop', 'rewind', 'fast_forward', 'cue', 'review', 'slow', 'frame_advance', 'frame_back', 'release', 'seek', 'index_next',
  'index_previous']);
const world = {};

/** A session and the way into a mode, from wherever it is. */
class Deck {
  constructor(client, mode, film = world.film, long = world.long) { Object.assign(this, { client, mode, film, long }); }

  press(command, args = {}) { return this.client.call('POST', `/sessions/${this.id}/command`, { command, ...args }); }
  async deck() { return (await this.client.ok('GET', `/sessions/${this.id}`)).deck; }
  async ok(command, args) {
    const answer = await this.press(command, args);
    assert.equal(answer.status, 200, `${command} on the way into ${this.mode}: ${answer.text}`);
    return answer.json.deck;
  }

  async fresh(tape) {
    if (this.id) await this.client.ok('DELETE', `/sessions/${this.id}`);
    this.id = (await this.client.ok('POST', '/sessions', { type: 'emulation', tape_id: tape?.id ?? null, settings: { winding: 'real', deck: this.mode.endsWith('ing') ? 'classic' : 'full_load' } })).id;
  }

  reach(mode) { return until(`${this.mode} through ${mode}`, async () => (await this.deck()).mode === mode); }

  /** Loaded, switched on, and not far from where its tape is put. */
  async stopped(tape) {
    let now = this.id && await this.deck();
    if (!now?.tape_in || now.tape_in.tape_id !== tape.id || ['ejecting', 'ejected', 'loading', 'off'].includes(now.mode)) {
      await this.fresh(tape);
    } else if (now.mode !== 'stop') {
      await this.press('stop');
    }
    await this.reach('stop');
  }

  async playing() {
    await this.stopped(this.film);
    if ((await this.deck()).position > 3) {
      await this.ok('seek', { position: 0.5 });
      await this.reach('pause');
    }
    await this.ok('play');
    await until('a locked picture', async () => { const d = await this.deck(); return d.mode === 'play' && d.servo === 'locked'; });
  }

  async recording() {
    await this.stopped(this.film);
    const from = (await this.ok('record', { input: { session_id: world.source } })).position;
    await until('the tape is recorded on', async () => { const d = await this.deck(); return d.mode === 'record' && d.position > from; });
  }

  async enter() {
    const then = async (command, args) => { await this.ok(command, args); await this.reach(this.mode); };
    switch (this.mode) {
      case 'off': await this.stopped(this.film); return then('power', { on: false });
      case 'off_empty': await this.fresh(); await this.ok('power', { on: false }); return this.reach('off');
      case 'ejected': await this.fresh(); return this.reach('ejected');
      case 'loading': return this.fresh(this.film);
      case 'stop': return this.stopped(this.film);
      case 'ejecting': await this.stopped(this.film); return this.ok('eject');
      case 'play': return this.playing();
      case 'slow': await this.playing(); return then('slow', { speed: 0.1 });
      case 'fast_forward': await this.stopped(this.long); return then('fast_forward');
      case 'rewind': await this.stopped(this.long); return then('rewind');
      case 'index_search': await this.stopped(this.long); return then('index_next');
      case 'record': return this.recording();
      case 'record_pause': await this.recording(); return then('pause');
      default: await this.playing(); return then(this.mode);
    }
  }

  is(deck) { return deck?.mode === this.mode.replace('_empty', ''); }
}

const row = (key) => KEYS[key] ?? RECORD_KEYS[key];
const worksIn = (key, mode) => row(key)[0].split(' ').some((m) => m === mode || (mode === 'off_empty' && m === 'off' && !NEED_TAPE.has(key)));
const refusal = (mode, key) => (['ejected', 'off_empty'].includes(mode) && NEED_TAPE.has(key) ? '/no-tape' : RECORDING.split(' ').includes(mode) ? '/busy-recording' : '/not-in-this-mode');

/** One key in one mode. The mode may pass by itself (a cassette is on its way): then once more. */
async function tryKey(deck, key) {
  const args = row(key)[1], expected = worksIn(key, deck.mode);
  for (let i = 0; i < 4; i++) {
    if (!deck.id || !deck.is(await deck.deck())) await deck.enter();
    const before = await deck.deck();
    const answer = await deck.press(key, typeof args === 'function' ? args() : args);
    if (!deck.is(before) || (answer.status === 409 && !deck.is(answer.json.deck))) continue;
    if (expected && answer.status === 409 && i < 3) continue; // it may have passed in between
    if (!expected && answer.status === 409 && answer.json.deck.command_seq !== before.command_seq && i < 3) continue; // something else happened in between: a mark was written down
    const what = `${key} in ${deck.mode}: ${answer.status} ${answer.text.slice(0, 200)}`;
    if (expected) {
      assert.equal(answer.status, 200, what);
      assert.ok(answer.json.deck.command_seq > before.command_seq || key === 'play' || key === 'stop', what);
    } else {
      assert.equal(answer.status, 409, what);
      assert.ok(answer.json.type.endsWith(refusal(deck.mode, key)), what);
      assert.match(answer.json.detail, /^\S.{10,}\.$/, what);
      assert.equal(answer.json.deck.command_seq, before.command_seq, `${what}: a refused key changes nothing`);
    }
    return;
  }
  assert.fail(`${deck.mode} never lasted long enough for ${key}`);
}

test('every key in every mode', { timeout: 600000 }, async (t) => {
  const server = await Server.start(t);
  const owner = await Client.register(server);
  world.film = await addTape(owner, clip('movie-hello.mpeg'), 'film');
  world.long = await owner.ok('POST', '/tapes', { title: 'long', length_minutes: 600 });
  execFileSync('sqlite3', [path.join(server.dir, 'data/vcr.db'), '-cmd', '.timeout 5000', `UPDATE tapes SET position_us = 18000000000 WHERE id = ${world.long.id}`]);

  await t.test('keys', { concurrency: 5 }, async (k) => Promise.all(`off off_empty ${ON}`.split(' ').map((mode) => {
    return k.test(mode, async () => {
      const deck = new Deck(owner, mode);
      const keys = Object.keys(KEYS);
      const works = (key) => worksIn(key, mode);
      for (const key of [...keys.filter((k) => !works(k)), ...keys.filter(works)]) await tryKey(deck, key);
      await owner.ok('DELETE', `/sessions/${deck.id}`);
    });
  })));

  await t.test('every key in a recording', async (k) => {
    world.source = (await owner.ok('POST', '/sessions', { type: 'emulation' })).id; // its blue picture is one
    for (const mode of `stop ${RECORDING}`.split(' ')) {
      await k.test(`recording: ${mode}`, async () => {
        const blank = await owner.ok('POST', '/tapes', { title: mode, length_minutes: 600 }), deck = new Deck(owner, mode, blank, blank);
        const keys = [...mode === 'stop' ? [] : Object.keys(KEYS), ...Object.keys(RECORD_KEYS)], works = (key) => worksIn(key, mode);
        for (const key of [...keys.filter((one) => !works(one)), ...keys.filter(works)]) await tryKey(deck, key);
        await owner.ok('DELETE', `/sessions/${deck.id}`);
      });
    }
    await owner.ok('DELETE', `/sessions/${world.source}`);
  });

  await t.test('arguments', async () => {
    const deck = new Deck(owner, 'stop');
    await deck.enter();
    for (const [command, args, pointer] of [
      ['seek', { position: -0.001 }, '/position'], ['seek', { position: 1e6 }, '/position'], ['seek', { position: '1' }, '/position'], ['seek', {}, '/position'],
      ['slow', {}, '/speed'], ['slow', { speed: 1.01 }, '/speed'], ['slow', { speed: -2 }, '/speed'], ['tracking', { value: 11 }, '/value'], ['tracking', { value: 1.5 }, '/value'],
      ['tracking', {}, '/value'], ['tape_speed', { value: 'slp' }, '/value'], ['sleep', { minutes: -1 }, '/minutes'], ['sleep', { minutes: 1.5 }, '/minutes'], ['sleep', {}, '/minutes'],
      ['index_next', { count: 0 }, '/count'], ['index_previous', { count: 1001 }, '/count'], ['cue', { hold: 1 }, '/hold'], ['memory', { on: 'yes' }, '/on'],
      ['insert', {}, '/tape_id'], ['insert', { tape_id: 0 }, '/tape_id'], ['look', {}, '/look'], ['look', { look: 'betamax' }, '/look'], ['play', { speed: 1 }, '/speed'], ['jump', {}, '/command'],
    ]) {
      const answer = await deck.press(command, args);
      assert.equal(answer.status, 422, `${command} ${JSON.stringify(args)}: ${answer.text}`);
      assert.ok(answer.json.errors.some((e) => e.pointer === pointer), answer.text);
    }
    assert.equal((await deck.press('insert', { tape_id: world.long.id })).status, 409, 'two tapes in one deck');
    assert.equal((await deck.press('insert', { tape_id: 999999 })).status, 404);
    await deck.ok('memory', { on: true });
    assert.equal((await deck.ok('memory')).memory, false, 'without an argument it toggles');
    assert.equal((await deck.ok('tracking', { value: -4 })).tracking, -4);
    assert.equal((await deck.ok('tracking', { value: 'auto' })).tracking, 'auto');
    assert.equal((await deck.ok('tape_speed', { value: 'ep' })).tape_speed, 'ep');
  });
});
