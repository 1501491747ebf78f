// media_lint.mjs - a strict reader of HLS playlists (RFC 8216) and of fragmented MP4: what is out of the rules is thrown.
import assert from 'node:assert/strict';

/* ---- playlists ---- */
/** NAME=value pairs, quoted or not. */
function attributes(text) {
  const out = {};
  let rest = text;
  while (rest) {
    const m = /^([A-Z0-9-]+)=("[^"\r\n]*"|[^",\s]+)(,|$)/.exec(rest);
    assert.ok(m, `attributes: ${rest}`);
    assert.ok(!(m[1] in out), `${m[1]} twice: ${text}`);
    out[m[1]] = m[2].replace(/^"|"$/g, '');
    rest = rest.slice(m[0].length);
    if (m[3] === ',') assert.ok(rest, `a comma at the end: ${text}`);
  }
  return out;
}

function lines(text, what) {
  assert.ok(text.endsWith('\n') && !text.includes('\r'), `${what}: lines end in LF`);
  const list = text.split('\n').slice(0, -1);
  assert.equal(list[0], '#EXTM3U', what);
  for (const l of list) assert.ok(l && !/\s$/.test(l), `${what}: an empty line or a blank at its end: "${l}"`);
  return list.slice(1);
}

/** {videos: [{uri, bandwidth, …}], media: [{TYPE, …}], keys: […]} of a multivariant playlist. */
export function readMultivariant(text) {
  const out = { videos: [], media: [], keys: [] };
  const list = lines(text, 'multivariant');
  const once = new Set();
  for (let i = 0; i < list.length; i++) {
    const [tag, value] = /^#(EXT[A-Z-]+)(?::(.*))?$/.exec(list[i])?.slice(1) ?? assert.fail(`multivariant: ${list[i]}`);
    if (['EXT-X-VERSION', 'EXT-X-INDEPENDENT-SEGMENTS'].includes(tag)) {
      assert.ok(!once.has(tag), tag);
      once.add(tag);
    } else if (tag === 'EXT-X-MEDIA') {
      const a = attributes(value);
      for (const name of ['TYPE', 'GROUP-ID', 'NAME', 'URI']) assert.ok(a[name], `${name}: ${value}`);
      assert.ok(['AUDIO', 'SUBTITLES'].includes(a.TYPE));
      assert.ok(!out.media.some((m) => m.TYPE === a.TYPE && m['GROUP-ID'] === a['GROUP-ID'] && m.NAME === a.NAME), `NAME twice in a group: ${a.NAME}`);
      assert.ok(!(a.DEFAULT === 'YES' && a.AUTOSELECT !== 'YES'));
      out.media.push(a);
    } else if (tag === 'EXT-X-STREAM-INF') {
      const a = attributes(value), uri = list[++i];
      assert.ok(uri && !uri.startsWith('#'), `no address behind ${value}`);
      out.videos.push({ ...a, uri });
    } else if (tag === 'EXT-X-I-FRAME-STREAM-INF') {
      out.keys.push(attributes(value));
    } else {
      assert.fail(`multivariant: ${tag} does not belong there`);
    }
  }
  assert.ok(out.videos.length > 0);
  for (const v of [...out.videos, ...out.keys]) {
    assert.ok(Number(v.BANDWIDTH) > 0 && Number(v['AVERAGE-BANDWIDTH']) <= Number(v.BANDWIDTH) && v.CODECS, JSON.stringify(v));
    for (const [name, type] of [['AUDIO', 'AUDIO'], ['SUBTITLES', 'SUBTITLES']])
      if (v[name]) assert.ok(out.media.some((m) => m.TYPE === type && m['GROUP-ID'] === v[name]), `no group ${v[name]}`);
  }
  for (const group of new Set(out.media.map((m) => m.TYPE + m['GROUP-ID'])))
    assert.ok(out.media.filter((m) => m.TYPE + m['GROUP-ID'] === group && m.DEFAULT === 'YES').length <= 1, `two defaults in ${group}`);
  return out;
}

/** {segments: [{uri, duration, range: [first, last], map: {uri, range}, discontinuity, date}], target, keysOnly} of a whole VOD media playlist. */
export function readMedia(text, what) {
  const out = { segments: [], target: 0, keysOnly: false };
  const list = lines(text, what);
  let map = null, next = {}, ended = false;
  const range = (value) => { const [n, at] = value.split('@').map(Number); assert.ok(n > 0 && at >= 0, value); return [at, at + n - 1]; };
  for (const l of list) {
    assert.ok(!ended, `${what}: something behind the end`);
    if (!l.startsWith('#')) {
      assert.ok(next.duration !== undefined, `${what}: an address without EXTINF`);
      out.segments.push({ uri: l, map, ...next });
      next = {};
      continue;
    }
    const [tag, value] = /^#(EXT[A-Z0-9-]*)(?::(.*))?$/.exec(l)?.slice(1) ?? assert.fail(`${what}: ${l}`);
    if (tag === 'EXT-X-VERSION') assert.ok(Number(value) >= 6, `${what}: EXT-X-MAP wants version 6`);
    else if (tag === 'EXT-X-TARGETDURATION') out.target = Number(value);
    else if (tag === 'EXT-X-MEDIA-SEQUENCE') assert.equal(value, '0');
    else if (tag === 'EXT-X-PLAYLIST-TYPE') assert.equal(value, 'VOD');
    else if (tag === 'EXT-X-INDEPENDENT-SEGMENTS') out.independent = true;
    else if (tag === 'EXT-X-I-FRAMES-ONLY') out.keysOnly = true;
    else if (tag === 'EXT-X-MAP') { const a = attributes(value); map = { uri: a.URI, range: a.BYTERANGE ? range(a.BYTERANGE) : null }; }
    else if (tag === 'EXT-X-PROGRAM-DATE-TIME') { assert.match(value, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/); next.date = Date.parse(value); }
    else if (tag === 'EXT-X-DISCONTINUITY') { assert.ok(out.segments.length, `${what}: a discontinuity before anything`); next.discontinuity = true; }
    else if (tag === 'EXTINF') { assert.match(value, /^\d+\.\d+,$/); next.duration = parseFloat(value); }
    else if (tag === 'EXT-X-BYTERANGE') next.range = range(value);
    else if (tag === 'EXT-X-ENDLIST') ended = true;
    else assert.fail(`${what}: ${tag} does not belong there`);
  }
  assert.ok(ended && Number.isInteger(out.target) && out.target > 0, what);
  for (const s of out.segments) assert.ok(Math.round(s.duration) <= out.target, `${what}: ${s.duration} s with a target of ${out.target} s`);
  return out;
}

/** Every date of a list is its first one and what plays between them; says how many there are. Cuts lie between pictures and between frames of sound: to one of those. */
export function checkDates(list, what, toleranceMs = 34) {
  let at = 0, first = null, count = 0;
  for (const s of list.segments) {
    if (s.date !== undefined) {
      first ??= s.date - at * 1000;
      assert.ok(Math.abs(s.date - first - at * 1000) < toleranceMs, `${what}: ${new Date(s.date).toISOString()} stands ${at} s behind ${new Date(first).toISOString()}`);
      count++;
    }
    at += s.duration;
  }
  return count;
}

/* ---- fragmented MP4 ---- */
export function* boxes(bytes, start = 0, end = bytes.length) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = start; at < end;) {
    let size = view.getUint32(at), head = 8;
    if (size === 1) { size = Number(view.getBigUint64(at + 8)); head = 16; }
    assert.ok(size >= head && at + size <= end, `a box of ${size} bytes at ${at} of ${end}`);
    yield { type: String.fromCharCode(...bytes.subarray(at + 4, at + 8)), at, body: at + head, end: at + size };
    at += size;
  }
}

export function find(bytes, path, start = 0, end = bytes.length) {
  for (const box of boxes(bytes, start, end)) {
    if (box.type !== path[0]) continue;
    return path.length === 1 ? box : find(bytes, path.slice(1), box.body, box.end);
  }
  return null;
}

/** Ticks a second of an init segment's one track. */
export function timescale(init) {
  const mdhd = find(init, ['moov', 'trak', 'mdia', 'mdhd']);
  const view = new DataView(init.buffer, init.byteOffset);
  return view.getUint32(mdhd.body + (init[mdhd.body] === 1 ? 20 : 12));
}

/** [{start, duration, samples, sync}] of the fragments in bytes, in ticks; the sizes in trun must fill mdat. */
export function fragments(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), out = [];
  const list = [...boxes(bytes)].filter((b) => b.type === 'moof' || b.type === 'mdat');
  for (let i = 0; i < list.length; i += 2) {
    const [moof, mdat] = [list[i], list[i + 1]];
    assert.deepEqual([moof?.type, mdat?.type], ['moof', 'mdat']);
    const traf = find(bytes, ['traf'], moof.body, moof.end), tfdt = find(bytes, ['tfdt'], traf.body, traf.end), tfhd = find(bytes, ['tfhd'], traf.body, traf.end);
    const start = bytes[tfdt.body] === 1 ? Number(view.getBigUint64(tfdt.body + 4)) : view.getUint32(tfdt.body + 4);
    const has = view.getUint32(tfhd.body) & 0xffffff;
    let at = tfhd.body + 8 + (has & 1 ? 8 : 0) + (has & 2 ? 4 : 0);
    const base = { duration: has & 8 ? view.getUint32((at += 4) - 4) : 0, size: has & 16 ? view.getUint32((at += 4) - 4) : 0, flags: has & 32 ? view.getUint32(at) : 0 };
    let duration = 0, samples = 0, size = 0, sync = null;
    for (const trun of boxes(bytes, traf.body, traf.end)) {
      if (trun.type !== 'trun') continue;
      const flags = view.getUint32(trun.body) & 0xffffff, count = view.getUint32(trun.body + 4);
      let p = trun.body + 8 + (flags & 1 ? 4 : 0);
      const first = flags & 4 ? view.getUint32((p += 4) - 4) : null;
      for (let n = 0; n < count; n++) {
        duration += flags & 0x100 ? view.getUint32((p += 4) - 4) : base.duration;
        size += flags & 0x200 ? view.getUint32((p += 4) - 4) : base.size;
        const own = flags & 0x400 ? view.getUint32((p += 4) - 4) : n === 0 && first !== null ? first : base.flags;
        if (flags & 0x800) p += 4;
        sync ??= (own & 0x10000) === 0;
      }
      samples += count;
    }
    assert.equal(size, mdat.end - mdat.body, 'the samples fill mdat');
    out.push({ start, duration, samples, sync });
  }
  return out;
}
