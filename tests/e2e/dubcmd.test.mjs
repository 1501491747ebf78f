// dubcmd.test.mjs - the command `vcr dub`: every option as a person types it, on small pictures and sounds made here and on real films.
import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, linkSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { clip, programs, tempDir, until } from './lib.mjs';

const vcr = path.join(programs, 'vcr');
const dub = (...args) => {
  const { status, stdout, stderr, signal } = spawnSync(vcr, ['dub', ...args.map(String)], { encoding: 'utf8' });
  return { status, signal, stdout, stderr };
};
const done = (...args) => {
  const r = dub(...args);
  assert.equal(r.status, 0, `vcr dub ${args.join(' ')}: ${r.stderr}`);
  return r;
};
const told = (...args) => JSON.parse(done(...args, '--json').stdout);
const refused = (status, what, ...args) => {
  const r = dub(...args);
  assert.equal(r.status, status, `vcr dub ${args.join(' ')}: ${r.stderr}`);
  assert.match(r.stderr, what);
};

// ---- pictures and sounds ----
// A small screen: lines of both fields, a ramp and some colour, different in every field.
const W = 96, H = 64, CHROMA = (W / 2) * (H / 2), BYTES = W * H + 2 * CHROMA;
const texture = (n, x, y) => 40 + ((x * 2 + y + (2 * n + (y & 1)) * 5) % 150);
const y4m = (file, frames, { order = 't', draw = texture, tail = '', head = '', word = 'FRAME' } = {}) => {
  const parts = [Buffer.from(`YUV4MPEG2 W${W} H${H} F30000:1001 I${order} A8:9 C420jpeg${head}\n`)];
  for (let n = 0; n < frames; n++) {
    const p = Buffer.alloc(BYTES, 110);
    for (let y = 0; y < H; y++) for (let x = 0; x < W; x++) p[y * W + x] = draw(n, x, y);
    for (let i = 0; i < CHROMA; i++) p[W * H + i] = 90 + (i % 70);
    parts.push(Buffer.from(`${word}\n`), p);
  }
  writeFileSync(file, Buffer.concat([...parts, Buffer.from(tail)]));
  return file;
};
const read = (file) => {
  const all = readFileSync(file), end = all.indexOf(10), frames = [];
  for (let at = end + 1; at < all.length; at += BYTES) {
    const next = all.indexOf(10, at) + 1;
    assert.equal(all.subarray(at, at + 5).toString(), 'FRAME');
    at = next;
    frames.push(all.subarray(at, at + BYTES));
  }
  return { header: all.subarray(0, end).toString(), frames };
};
const wav = (file, samples, { rate = 48000, channels = 2, value = (i, c) => Math.round(8000 * Math.sin(i / 17 + c)), promised } = {}) => {
  const b = Buffer.alloc(44 + samples * channels * 2);
  b.write('RIFF'), b.writeUInt32LE(b.length - 8, 4), b.write('WAVEfmt ', 8), b.writeUInt32LE(16, 16), b.writeUInt16LE(1, 20), b.writeUInt16LE(channels, 22);
  b.writeUInt32LE(rate, 24), b.writeUInt32LE(rate * channels * 2, 28), b.writeUInt16LE(channels * 2, 32), b.writeUInt16LE(16, 34);
  b.write('data', 36), b.writeUInt32LE(promised ?? b.length - 44, 40);
  for (let i = 0; i < samples; i++) for (let c = 0; c < channels; c++) b.writeInt16LE(value(i, c), 44 + (i * channels + c) * 2);
  writeFileSync(file, b);
  return file;
};
const same = (a, b, why) => assert.ok(readFileSync(a).equals(readFileSync(b)), why ?? `${a} and ${b} differ`);
const differ = (a, b, why) => assert.ok(!readFileSync(a).equals(readFileSync(b)), why ?? `${a} and ${b} are the same`);
const leftovers = (dir) => readdirSync(dir).filter((f) => f.startsWith('.'));
const probe = (file, entries) => JSON.parse(execFileSync('ffprobe', ['-v', 'error', '-count_frames', '-show_entries', `stream=${entries}`, '-of', 'json', file])).streams;

test('what does nothing', async (t) => {
  const dir = tempDir(), at = (n) => path.join(dir, n);
  for (const order of ['t', 'b', 'p']) {
    await t.test(`--profile none keeps header and pictures: I${order}`, () => {
      const from = y4m(at(`in-${order}.y4m`), 5, { order, head: ' XCOMMENT=kept' });
      done(from, at('out.y4m'), '--profile', 'none');
      same(from, at('out.y4m'));
      differ(from, (done(from, at('tape.y4m')), at('tape.y4m')), 'the tape did nothing');
      assert.equal(read(at('tape.y4m')).header, read(from).header);
      assert.equal(read(at('tape.y4m')).frames.length, 5);
    });
  }
  for (const [w, h, c] of [[16, 16, '420jpeg'], [17, 19, '420jpeg'], [95, 61, '420mpeg2'], [96, 64, '422'], [45, 33, '422'], [720, 486, '420paldv'], [1920, 1080, '420jpeg'], [1919, 1079, '422']]) {
    await t.test(`any size and colour: ${w}x${h} ${c}`, () => {
      const cw = (w + 1) >> 1, ch = c === '422' ? h : (h + 1) >> 1, bytes = w * h + 2 * cw * ch, parts = [Buffer.from(`YUV4MPEG2 W${w} H${h} F24:1 It C${c}\n`)];
      for (let n = 0; n < 3; n++) parts.push(Buffer.from('FRAME\n'), Buffer.from(Uint8Array.from({ length: bytes }, (_, i) => 20 + ((i * 7 + n * 31 + (i >> 8)) % 200))));
      writeFileSync(at('any.y4m'), Buffer.concat(parts));
      done(at('any.y4m'), at('out.y4m'), '--profile', 'none');
      same(at('any.y4m'), at('out.y4m'));
      for (const args of [[], ['--mode', 'review'], ['--speed', 3, '--generation', 1], ['--mode', 'stop', '--frames', 1, '--osd', 'on']]) done(at('any.y4m'), at('out.y4m'), ...args);
      done(at('any.y4m'), at('out.mp4'), '--frames', 2);
      assert.deepEqual(probe(at('out.mp4'), 'width,height'), [{ width: w & ~1, height: h & ~3 }]);
    });
  }
  for (const [rate, channels] of [[48000, 2], [44100, 2], [22050, 1]]) {
    await t.test(`--profile none keeps sound to the sample: ${rate} Hz, ${channels} channels`, () => {
      const from = wav(at('in.wav'), 5000, { rate, channels });
      done(from, at('out.wav'), '--profile', 'none');
      same(from, at('out.wav'));
    });
  }
  await t.test('any generation and place of nothing is nothing', () => {
    done(at('in-t.y4m'), at('out.y4m'), '--profile', 'none', '--generation', 3, '--tape-at', 77.7, '--seed', 9, '--pass', 4);
    same(at('in-t.y4m'), at('out.y4m'));
  });
  await t.test('every stage can be on alone, and off again', () => {
    const values = { 'luma.mtf': 'sp', 'chroma.bandwidth_khz': 400, 'chroma.delay_ns': 300, 'noise.luma_db': 40, 'jitter.line_ns': 200, 'luma.peaking_db': 6, 'dropout.per_minute': 5000 };
    for (const [name, value] of Object.entries(values)) {
      done(at('in-t.y4m'), at('on.y4m'), '--profile', 'none', '--set', `${name}=${value}`);
      differ(at('in-t.y4m'), at('on.y4m'), `${name}=${value} does nothing`);
      done(at('in-t.y4m'), at('off.y4m'), '--profile', 'none', '--set', `${name}=${value}`, `--set=${name}=off`);
      same(at('in-t.y4m'), at('off.y4m'), `${name}: the last does not win`);
    }
  });
});

test('the same again', async (t) => {
  const dir = tempDir(), at = (n) => path.join(dir, n);
  const from = y4m(at('in.y4m'), 24), sound = wav(at('in.wav'), 20000);
  const isas = ['scalar', 'sse2', 'ssse3', 'avx2', 'avx512'];
  await t.test('gives the same bytes, whatever the file is and the instructions are', () => {
    for (const end of ['y4m', 'mp4', 'mkv']) {
      done(from, at(`a.${end}`), '--profile', 'rental');
      done(from, at(`b.${end}`), '--profile', 'rental', '--isa', 'scalar');
      same(at(`a.${end}`), at(`b.${end}`));
    }
    done(sound, at('a.wav')), done(sound, at('b.wav'));
    same(at('a.wav'), at('b.wav'));
    for (const isa of isas) {
      const r = dub(from, at('b.y4m'), '--profile', 'rental', '--isa', isa, '--stats', '--json');
      if (r.status !== 0) assert.match(r.stderr, /this processor lacks it/);
      else {
        same(at('a.y4m'), at('b.y4m'), `${isa} draws something else`);
        const stats = JSON.parse(r.stdout);
        assert.equal(stats.isa, isa);
        assert.equal(stats.frames, 24);
        assert.ok(stats.signal_fps > 0);
      }
    }
  });
  await t.test('another seed is another tape; another pass differs, and less', () => {
    const rms = (file) => {
      const a = read(at('a.y4m')).frames, b = read(file).frames;
      let sum = 0;
      for (let n = 0; n < a.length; n++) for (let i = 0; i < W * H; i++) sum += (a[n][i] - b[n][i]) ** 2;
      return Math.sqrt(sum / (a.length * W * H));
    };
    done(from, at('seed.y4m'), '--profile', 'rental', '--seed', 2), done(from, at('pass.y4m'), '--profile', 'rental', '--pass', 2);
    assert.ok(rms(at('seed.y4m')) > 1 && rms(at('pass.y4m')) > 0.5, `${rms(at('seed.y4m'))} ${rms(at('pass.y4m'))}`);
  });
  await t.test('a place on the tape looks the same wherever the playing begins, to the nearest field', () => {
    const all = readFileSync(from), first = all.indexOf(10) + 1;
    writeFileSync(at('rest.y4m'), Buffer.concat([all.subarray(0, first), all.subarray(first + 8 * (BYTES + 6))]));
    const begin = (600 * 1001) / 60000, place = begin + (8 * 1001) / 30000;
    // the film flashes: the limiter of flashes goes by what was shown before, the colour of the track before the first one isn't given
    const steady = ['--set', 'limiter=off', '--set', 'chroma.crosstalk_db=off'];
    done(from, at('whole.y4m'), '--tape-at', begin, ...steady);
    for (const off of [-0.008, 0, 0.008]) {
      done(at('rest.y4m'), at('part.y4m'), '--tape-at', (place + off).toFixed(6), ...steady);
      read(at('part.y4m')).frames.forEach((f, i) => assert.ok(f.equals(read(at('whole.y4m')).frames[i + 8]), `picture ${i}, ${off} s off`));
    }
    done(at('rest.y4m'), at('part.y4m'), '--tape-at', (place + 0.0334).toFixed(6), ...steady);
    assert.ok(!read(at('part.y4m')).frames[0].equals(read(at('whole.y4m')).frames[8]));
  });
});

test('modes', async (t) => {
  const dir = tempDir(), at = (n) => path.join(dir, n);
  // each field is one flat grey, 3 apart
  const grey = (field) => 30 + 3 * field;
  const fields = 48, from = y4m(at('in.y4m'), fields / 2, { draw: (n, x, y) => grey(2 * n + (y & 1)) });
  const count = (n, ...args) => {
    const r = told(from, at('o.y4m'), '--profile', 'none', ...args);
    assert.equal(r.frames, n, args.join(' '));
    assert.equal(read(at('o.y4m')).frames.length, n);
    return read(at('o.y4m')).frames;
  };
  // the greys of one field of a picture, each with how many lines have it
  const greys = (frame, parity) => {
    const seen = new Map();
    for (let y = parity; y < H; y += 2) {
      const v = frame[y * W + W / 2];
      seen.set(v, (seen.get(v) ?? 0) + 1);
    }
    return seen;
  };
  const has = (frame, parity, field, what) => assert.ok((greys(frame, parity).get(grey(field)) ?? 0) > 1, `${what}: field ${field} is not seen: ${[...greys(frame, parity)]}`);
  await t.test('as many pictures as the film gives at that speed, and --frames ends them', () => {
    count(24), count(5, '--frames', 5), count(24, '--frames', 500);
    count(120, '--mode', 'slow'), count(48, '--mode', 'slow', '--speed', 0.5), count(48, '--speed', '0.5');
    count(5, '--mode', 'cue'), count(8, '--mode', 'cue', '--speed', 3), count(3, '--speed', 9);
    count(5, '--mode', 'review'), count(3, '--mode', 'review', '--speed', '-7'), count(3, '--mode', 'review', '--speed', 7), count(3, '--speed=-7');
    count(7, '--mode', 'still', '--frames', 7), count(3, '--mode', 'stop', '--frames', 3);
  });
  await t.test('output field k of cue and review begins at source field start + k n', () => {
    for (const n of [3, 5, -3, -5]) {
      const start = n < 0 ? fields - 1 : 0;
      count(Math.max(Math.floor((n < 0 ? Math.floor((fields - 1) / -n) + 1 : Math.ceil(fields / n)) / 2), 1), `--speed=${n}`)
        .forEach((frame, i) => [0, 1].forEach((j) => has(frame, j, start + (2 * i + j) * n, `speed ${n}, field ${2 * i + j}`)));
    }
  });
  await t.test('slow repeats fields, still stays on the first', () => {
    count(48, '--speed', '0.5').forEach((frame, i) => [0, 1].forEach((j) => has(frame, j, Math.floor((2 * i + j) / 2), `slow, field ${2 * i + j}`)));
    count(4, '--mode', 'still', '--frames', 4).forEach((frame) => [0, 1].forEach((j) => has(frame, j, 0, 'still')));
  });
  await t.test('stop is the blue screen', () => {
    for (const frame of count(2, '--mode', 'stop', '--frames', 2)) {
      assert.equal(new Set(frame.subarray(0, W * H)).size, 1);
      assert.ok(frame[W * H] > 180, 'blue');
    }
  });
  await t.test('speeds that a mode does not have are refused, and so is an endless mode without an end', () => {
    refused(2, /--mode still .*--frames/, from, at('x.y4m'), '--mode', 'still');
    refused(2, /--mode stop .*--frames/, from, at('x.y4m'), '--mode', 'stop');
    for (const [mode, speed] of [['play', 2], ['cue', 0.5], ['cue', -3], ['slow', 1], ['slow', 0], ['still', 1]]) refused(2, /play is 1/, from, at('x.y4m'), '--mode', mode, `--speed=${speed}`, '--frames', 2);
    assert.ok(!existsSync(at('x.y4m')));
  });
  await t.test('the display, tracking, wear and generations are seen', () => {
    done(from, at('plain.y4m'));
    for (const args of [['--tracking', 6], ['--wear', 1], ['--generation', 1], ['--generation', 2], ['--tape-speed', 'ep'], ['--standard', 'pal'], ['--profile', 'rental']]) {
      done(from, at('o.y4m'), ...args);
      differ(at('plain.y4m'), at('o.y4m'), args.join(' '));
    }
    done(from, at('o.y4m'), '--tracking', 'auto', '--wear', 0, '--generation', 0, '--osd', 'off', '--tape-speed', 'sp', '--standard', 'ntsc', '--profile', 'family', '--seed', 1);
    same(at('plain.y4m'), at('o.y4m'), 'these are the defaults');
  });
  await t.test('the display is drawn over the tape', () => {
    const large = path.join(dir, 'large.y4m');
    writeFileSync(large, Buffer.concat([Buffer.from('YUV4MPEG2 W720 H480 F30000:1001 It\nFRAME\n'), Buffer.alloc(720 * 480 * 1.5, 100)]));
    for (const [mode, ...more] of [['play'], ['cue'], ['review'], ['slow'], ['still', '--frames', 1], ['stop', '--frames', 1]]) {
      const white = (osd) => (done(large, at('o.y4m'), '--mode', mode, '--profile', 'none', '--osd', osd, ...more), readFileSync(at('o.y4m')).subarray(44, 44 + 720 * 480).filter((v) => v > 200).length);
      assert.ok(white('on') > white('off') + 300, mode);
    }
  });
  await t.test('sound plays in PLAY, lasts as long as it did, and is silent in every other mode', () => {
    const sound = wav(at('in.wav'), 48000), loud = (file) => readFileSync(file).subarray(44).some((b) => b !== 0);
    for (const profile of ['family', 'none']) {
      done(sound, at('o.wav'), '--profile', profile);
      assert.equal(statSync(at('o.wav')).size, statSync(sound).size);
      assert.ok(loud(at('o.wav')));
      for (const [seconds, ...args] of [[0.2, '--mode', 'cue'], [2, '--speed', '0.5'], [0.1, '--speed=-10'], [1.001, '--mode', 'stop', '--frames', 30]]) {
        done(sound, at('o.wav'), '--profile', profile, ...args);
        assert.equal(statSync(at('o.wav')).size, 44 + 4 * Math.round(48000 * seconds), args.join(' '));
        assert.ok(!loud(at('o.wav')));
      }
    }
  });
});

test('lists', async (t) => {
  const names = (...args) => JSON.parse(done(...args, '--json').stdout);
  await t.test('settings: exactly the keys of the contract, every value within its range', () => {
    for (const args of [[], ['--profile', 'none'], ['--profile', 'rental', '--standard', 'pal', '--tape-speed', 'ep']]) {
      const { settings, ...rest } = names('--list-settings', ...args);
      assert.deepEqual(rest, {});
      assert.ok(settings.length > 20);
      for (const s of settings) {
        assert.deepEqual(Object.keys(s), ['name', 'unit', 'min', 'max', 'default', 'value', 'source', 'estimated']);
        assert.ok(typeof s.source === 'string' && s.source && typeof s.estimated === 'boolean' && s.max > s.min, s.name);
        assert.ok(s.value === null || (s.value >= s.min && s.value <= s.max), `${s.name} ${s.value}`);
        if (args.includes('none')) assert.equal(s.value, null, s.name);
      }
    }
    const value = (name, ...args) => names('--list-settings', ...args).settings.find((s) => s.name === name).value;
    assert.equal(value('luma.mtf', '--set', 'luma.mtf=2.25', '--set', 'luma.mtf=2.5'), 2.5);
    assert.ok(value('luma.mtf', '--tape-speed', 'ep') < value('luma.mtf'));
    assert.equal(value('luma.mtf', '--set', 'luma.mtf=off'), null);
    assert.match(done('--list-settings').stdout, /noise\.luma_db .*dB/);
  });
  await t.test('profiles: at least the nine and none, each of which plays', () => {
    const dir = tempDir(), from = y4m(path.join(dir, 'in.y4m'), 2);
    const { profiles } = names('--list-profiles');
    for (const p of ['reference', 'good', 'family', 'tired', 'rental', 'ep-thin', 'svhs', 'betamax', 'video8', 'none']) {
      assert.ok(profiles.some((x) => x.name === p), p);
      for (const standard of ['ntsc', 'pal']) done(from, path.join(dir, 'o.y4m'), '--profile', p, '--standard', standard);
    }
    assert.deepEqual(done('--list-profiles').stdout.trim().split('\n'), profiles.map((p) => p.name));
  });
  await t.test('a profile of one\'s own is a file', () => {
    const dir = tempDir(), own = path.join(dir, 'mine.ini'), from = y4m(path.join(dir, 'in.y4m'), 2);
    writeFileSync(own, '[common]\nluma.mtf = 2.5\n[pal]\nluma.mtf = 2.75\n');
    const value = (...args) => names('--list-settings', '--profile', own, ...args).settings.find((s) => s.name === 'luma.mtf').value;
    assert.deepEqual([value(), value('--standard', 'pal')], [2.5, 2.75]);
    done(from, path.join(dir, 'a.y4m'), '--profile', own), done(from, path.join(dir, 'b.y4m'), '--profile', 'none', '--set', 'luma.mtf=2.5');
    same(path.join(dir, 'a.y4m'), path.join(dir, 'b.y4m'));
    writeFileSync(own, '[common]\nluma.mtf = 99\n');
    refused(2, /luma\.mtf.*0\.5/, from, path.join(dir, 'c.y4m'), '--profile', own);
    refused(2, /No such file/, from, path.join(dir, 'c.y4m'), '--profile', path.join(dir, 'none.ini'));
  });
});

test('mistakes', async (t) => {
  const dir = tempDir(), at = (n) => path.join(dir, n);
  const from = y4m(at('in.y4m'), 4);
  const rows = [
    [2, /luma\.mtf.*0\.5/, '--set', 'luma.mtf=99'], [2, /noise\.luma_db/, '--set', 'noise.luma_db=loud'], [2, /no\.such/, '--set', 'no.such=1'], [2, /NAME=VALUE/, '--set', 'luma.mtf'],
    [2, /nothere/, '--profile', 'nothere'], [2, /ntsc or pal/, '--standard', 'secam'], [2, /sp, lp or ep/, '--tape-speed', 'xp'], [2, /-10 to 10/, '--tracking', '11'],
    [2, /0 to 5/, '--generation', '6'], [2, /0 to 1/, '--wear', '1.5'], [2, /on or off/, '--osd', 'maybe'], [2, /scalar/, '--isa', 'mmx'], [2, /--frames/, '--frames', '0'],
    [2, /--seed/, '--seed', '-1'], [2, /--speed/, '--speed', '1e3'], [2, /--tape-at/, '--tape-at', '-1'], [2, /play, still/, '--mode', 'rewind'], [2, /no such option/, '--loud'],
    [2, /value is missing/, '--seed'], [2, /takes no value/, '--json=yes'], [2, /one IN and one OUT/, at('third.y4m')], [1, /no sound/, '--audio-out', at('s.wav')],
    [2, /--audio-out/, '--audio-out', at('s.mp3')],
  ];
  for (const [status, what, ...args] of rows) {
    await t.test(`${args.join(' ').replaceAll(dir, '')}: ${what}`, () => {
      refused(status, what, from, at('o.y4m'), ...args);
      assert.deepEqual(readdirSync(dir), ['in.y4m']);
    });
  }
  await t.test('without names, or with names that do not do', () => {
    refused(2, /missing/), refused(2, /OUT is missing/, from), refused(2, /\.mp4, \.mkv/, from, at('o.avi')), refused(1, /No such file/, at('nope.y4m'), at('o.y4m'));
    refused(1, /No such file/, from, at('no/where.y4m')), refused(1, /regular/, dir, at('o.y4m')), refused(1, /holds no sound/, from, at('o.wav'));
    mkdirSync(at('d.y4m')), refused(1, /regular/, from, at('d.y4m'));
    assert.match(done('--help').stdout, /usage: vcr dub IN OUT/);
    const r = dub(from, at('o.y4m'), '--wear', 3, '--json');
    assert.match(JSON.parse(r.stdout).error, /--wear/);
  });
});

test('bad input', async (t) => {
  const dir = tempDir(), at = (n) => path.join(dir, n);
  const whole = readFileSync(y4m(at('in.y4m'), 4));
  await t.test('a y4m that ends early: its whole pictures and a warning', () => {
    for (const less of [1, BYTES - 1, BYTES + 2]) {
      writeFileSync(at('cut.y4m'), whole.subarray(0, whole.length - less));
      const r = done(at('cut.y4m'), at('o.y4m'), '--profile', 'none');
      assert.match(r.stderr, /warning: IN ends/);
      assert.ok(readFileSync(at('o.y4m')).equals(whole.subarray(0, whole.length - BYTES - 6)));
      assert.match(told(at('cut.y4m'), at('o.y4m')).warning, /IN ends/);
    }
    assert.equal(told(at('in.y4m'), at('o.y4m')).warning, null);
  });
  await t.test('a WAV that ends early: what is there and a warning', () => {
    wav(at('cut.wav'), 1000, { promised: 44000 });
    const r = done(at('cut.wav'), at('o.wav'), '--profile', 'none');
    assert.match(r.stderr, /warning: IN ends/);
    assert.equal(statSync(at('o.wav')).size, 4044);
  });
  const size = (s) => whole.toString('latin1').replace(`W${W} H${H}`, s);
  const rows = {
    'empty': '', 'junk': 'x'.repeat(5000), 'only a header': 'YUV4MPEG2 W96 H64 F25:1\n', 'no newline': `YUV4MPEG2 ${'X'.repeat(5000)}`, 'too small': size('W8 H8'), 'too large': size('W9999 H9999'),
    'another colour': whole.toString('latin1').replace('C420jpeg', 'C444p10'), 'no rate': whole.toString('latin1').replace('F30000:1001', 'F0:0'),
    'junk between': Buffer.concat([whole.subarray(0, whole.indexOf(10) + 7 + BYTES), Buffer.from('junk'), whole.subarray(whole.indexOf(10) + 7 + BYTES)]),
    'RIFF of something else': 'RIFF\x10\0\0\0WAVEjunkjunkjunk', 'a playlist': '#EXTM3U\n/etc/passwd\n', 'a list of files': "ffconcat version 1.0\nfile '/etc/passwd'\n",
  };
  for (const [name, bytes] of Object.entries(rows)) {
    await t.test(`${name}: refused with a sentence, nothing left`, () => {
      writeFileSync(at('bad.y4m'), bytes, 'latin1');
      for (const out of ['bad-o.y4m', 'bad-o.mp4', 'bad-o.wav']) {
        refused(1, /vcr dub: [^]*\S/, at('bad.y4m'), at(out));
        assert.ok(!existsSync(at(out)) && leftovers(dir).length === 0);
      }
    });
  }
  await t.test('a film that was cut short: as much as there is, or a refusal', () => {
    for (const name of ['movie-hello.mp4', 'movie-hello.mpeg', 'movie-hello.avi']) {
      const all = readFileSync(clip(name));
      writeFileSync(at(name), all.subarray(0, Math.floor(all.length * 0.6)));
      const r = dub(at(name), at('o.wav'), '--profile', 'none'), p = dub(at(name), at('o.y4m'), '--profile', 'none', '--mode', 'cue', '--speed', 9);
      for (const [one, file] of [[r, 'o.wav'], [p, 'o.y4m']]) {
        if (one.status === 0) assert.ok(statSync(at(file)).size > 1e4);
        else assert.deepEqual([one.status, existsSync(at(file))], [1, false]);
      }
      assert.deepEqual(leftovers(dir), []);
    }
  });
});

test('outputs', async (t) => {
  const dir = tempDir(), at = (n) => path.join(dir, n);
  const from = y4m(at('in.y4m'), 300), before = readFileSync(from);
  await t.test('are never their own input, whatever it is called', () => {
    linkSync(from, at('hard.y4m')), symlinkSync('in.y4m', at('soft.y4m')), mkdirSync(at('d'));
    for (const [i, o] of [['in.y4m', 'in.y4m'], ['in.y4m', 'hard.y4m'], ['in.y4m', 'soft.y4m'], ['soft.y4m', 'in.y4m'], ['in.y4m', 'd/../in.y4m']]) refused(1, /same file as IN/, at(i), at(o));
    refused(1, /same file as IN|regular/, from, at('o.mkv'), '--audio-out', (symlinkSync('in.y4m', at('s.wav')), at('s.wav')));
    assert.ok(readFileSync(from).equals(before));
  });
  await t.test('replace what was there, through a link too, and only once they are whole', () => {
    writeFileSync(at('old.y4m'), 'old'), symlinkSync('old.y4m', at('link.y4m'));
    refused(1, /no sound/, from, at('old.y4m'), '--audio-out', at('x.wav'));
    assert.equal(readFileSync(at('old.y4m'), 'utf8'), 'old');
    done(from, at('link.y4m'), '--profile', 'none');
    same(from, at('old.y4m'));
  });
  // still pictures without end, so that it is at work for as long as we like
  const endless = (name, ...args) => spawn(vcr, ['dub', from, at(name), '--mode', 'still', '--frames', '100000000', ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  const working = (name) => until('it writes', () => readdirSync(dir).some((f) => f.startsWith(`.${name}`) && statSync(at(f)).size > 1e6));
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    await t.test(`${signal} leaves nothing behind`, async () => {
      writeFileSync(at('stopped.y4m'), 'old');
      const child = endless('stopped.y4m'), over = new Promise((r) => child.on('exit', (code, by) => r(by)));
      await working('stopped.y4m');
      child.kill(signal);
      assert.equal(await over, signal);
      assert.equal(readFileSync(at('stopped.y4m'), 'utf8'), 'old');
      assert.deepEqual(leftovers(dir), []);
    });
  }
  await t.test('the part that reads is sealed, and ends with the one that started it', async () => {
    const child = endless('sealed.y4m'), over = new Promise((r) => child.on('exit', r));
    await working('sealed.y4m');
    const worker = Number(readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8'));
    assert.match(readFileSync(`/proc/${worker}/status`, 'utf8'), /Seccomp:\t2/);
    child.kill('SIGKILL');
    await over;
    await until('the worker ends', () => !existsSync(`/proc/${worker}`));
  });
  await t.test('a full disk is told, and nothing is left', (t2) => {
    const r = spawnSync('unshare', ['-rm', 'sh', '-c', `mount -t tmpfs -o size=2m none ${at('d')} && { ${vcr} dub ${from} ${at('d/o.y4m')}; echo status $?; ls -A ${at('d')}; }`], { encoding: 'utf8' });
    if (!/status/.test(r.stdout)) return t2.skip('no small disk can be mounted here (unshare -rm)');
    assert.match(r.stderr, /No space left/);
    assert.equal(r.stdout, 'status 1\n');
  });
  await t.test('on a terminal there is a bar, for programs lines of JSON', () => {
    const r = spawnSync('script', ['-qec', `${vcr} dub ${from} ${at('o.y4m')} --frames 40`, '/dev/null'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
    assert.match(r.stdout, /\[#+\] 100 %/);
    const j = done(from, at('o.y4m'), '--frames', 40, '--json');
    const last = j.stderr.trim().split('\n').map((l) => JSON.parse(l)).at(-1);
    assert.deepEqual(last, { progress: 1, frames: 40 });
    assert.equal(done(from, at('o.y4m'), '--frames', 40).stderr, '');
  });
});

test('films', async (t) => {
  const dir = tempDir(), at = (n) => path.join(dir, n);
  const ffmpeg = (...args) => execFileSync('ffmpeg', ['-v', 'error', '-y', ...args]);
  ffmpeg('-f', 'lavfi', '-i', 'testsrc2=s=160x120:r=25:d=4', '-f', 'lavfi', '-i', 'sine=f=440:r=48000:d=4', '-ac', '2', '-c:v', 'libx264', '-g', '25', '-bf', '2', '-pix_fmt', 'yuv420p', '-c:a', 'pcm_s16le', at('film.mkv'));
  ffmpeg('-i', at('film.mkv'), '-f', 'rawvideo', at('film.raw'));
  const raw = readFileSync(at('film.raw')), bytes = 160 * 120 * 1.5;
  const pictures = (file) => {
    const all = readFileSync(file), out = [];
    for (let a = all.indexOf(10) + 7; a < all.length; a += bytes + 6) out.push(all.subarray(a, a + bytes));
    return out;
  };
  const number = (p) => Array.from({ length: 100 }, (_, i) => i).find((i) => raw.subarray(i * bytes, (i + 1) * bytes).equals(p));
  await t.test('pictures and sound come out as they went in', () => {
    const r = told(at('film.mkv'), at('o.y4m'), '--profile', 'none', '--audio-out', at('o.wav'));
    assert.deepEqual([r.frames, r.width, r.height, r.standard, r.warning], [100, 160, 120, 'pal', null]);
    assert.deepEqual(pictures(at('o.y4m')).map(number), Array.from({ length: 100 }, (_, i) => i));
    ffmpeg('-i', at('film.mkv'), '-f', 's16le', at('film.pcm'));
    assert.ok(readFileSync(at('o.wav')).subarray(44).equals(readFileSync(at('film.pcm'))));
    done(at('film.mkv'), at('alone.wav'), '--profile', 'none');
    same(at('alone.wav'), at('o.wav'));
  });
  await t.test('in every direction as the same pictures from a y4m do', () => {
    ffmpeg('-i', at('film.mkv'), '-pix_fmt', 'yuv420p', at('film.y4m'));
    for (const speed of [-1, -3, -7, 3, 9, 0.3]) {
      done(at('film.mkv'), at('a.y4m'), `--speed=${speed}`), done(at('film.y4m'), at('b.y4m'), `--speed=${speed}`);
      const [a, b] = [pictures(at('a.y4m')), pictures(at('b.y4m'))];
      assert.equal(a.length, b.length);
      a.forEach((p, i) => assert.ok(p.equals(b[i]), `speed ${speed}, picture ${i}`));
    }
  });
  await t.test('MP4 and Matroska hold both, carry no dates, and are the same again', () => {
    for (const end of ['mp4', 'mkv']) {
      done(at('film.mkv'), at(`a.${end}`)), done(at('film.mkv'), at(`b.${end}`));
      same(at(`a.${end}`), at(`b.${end}`));
      const [v, a] = probe(at(`a.${end}`), 'codec_name,width,height,r_frame_rate,nb_read_frames,channels,sample_rate');
      assert.deepEqual([v.codec_name, v.width, v.height, v.r_frame_rate, v.nb_read_frames], ['h264', 160, 120, '25/1', '100']);
      assert.deepEqual([a.codec_name, a.channels, a.sample_rate], ['aac', 2, '48000']);
      assert.doesNotMatch(execFileSync('ffprobe', ['-v', 'error', '-show_format', at(`a.${end}`)], { encoding: 'utf8' }), /creation_time/);
    }
  });
  for (const name of ['movie-hello.mp4', 'movie-hello.mpeg', 'movie-hello.avi']) {
    await t.test(`${name}, as people have them`, () => {
      const r = told(clip(name), at('o.mp4'), '--frames', 20, '--stats');
      assert.deepEqual([r.frames, r.warning], [20, null]);
      assert.equal(probe(at('o.mp4'), 'nb_read_frames')[0].nb_read_frames, '20');
    });
  }
  for (const [order, flag] of [['tff', 'tt'], ['bff', 'bb']]) {
    await t.test(`what is made of fields stays so: ${order}`, () => {
      ffmpeg('-f', 'lavfi', '-i', 'testsrc2=s=720x480:r=60000/1001:d=0.5', '-vf', `tinterlace=interleave_${order === 'tff' ? 'top' : 'bottom'},setfield=${order}`, '-c:v', 'mpeg2video', '-flags', '+ildct+ilme', '-b:v', '8M', '-top', order === 'tff' ? '1' : '0', at('i.mpg'));
      done(at('i.mpg'), at('o.mkv')), done(at('i.mpg'), at('o.y4m'), '--profile', 'none');
      const [v] = probe(at('o.mkv'), 'field_order,r_frame_rate');
      assert.deepEqual(v, { field_order: flag, r_frame_rate: '30000/1001' });
      assert.match(readFileSync(at('o.y4m')).subarray(0, 80).toString(), new RegExp(`W720 H480 F30000:1001 I${order[0]} `));
    });
  }
  await t.test('sound alone, of another rate and kind', () => {
    ffmpeg('-f', 'lavfi', '-i', 'sine=f=440:r=44100:d=1', '-c:a', 'flac', at('s.flac'));
    ffmpeg('-i', at('s.flac'), at('s.wav'));
    ffmpeg('-i', at('s.flac'), '-ar', '48000', '-ac', '2', '-f', 's16le', at('s.pcm'));
    for (const name of ['s.flac', 's.wav']) {
      assert.equal(told(at(name), at('o.wav'), '--profile', 'none', '--set', 'audio.hiss_db=100').samples, 48000);
      const ours = readFileSync(at('o.wav')).subarray(44), theirs = readFileSync(at('s.pcm'));
      assert.equal(ours.length, theirs.length);
      for (let i = 4000; i < ours.length - 4000; i += 2) assert.ok(Math.abs(ours.readInt16LE(i) - theirs.readInt16LE(i)) < 40, `${name}, byte ${i}`);
    }
    refused(1, /no picture/, at('s.flac'), at('o.mp4'));
  });
});
