// junk.mjs - bytes that nobody should have to read: half HTTP, STUN that is nearly right, DTLS in splinters.
import { createHmac } from 'node:crypto';
import dgram from 'node:dgram';

const bytes = (random, n) => Buffer.from(Array.from({ length: n }, () => random(256)));

const STARTS = ['', 'GET / HTTP/1.1\r\n', 'POST /api/v1/auth/login HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n', '\x16\x03\x01', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  'GET /api/v1/server HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(30), 'POST /api/v1/auth/login HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nfffffffff\r\n'];

export const badHttp = (random) => Buffer.concat([Buffer.from(STARTS[random(STARTS.length)], 'latin1'), bytes(random, random(600))]);

const crc32 = (p) => {
  let crc = ~0;
  for (const byte of p) {
    crc ^= byte;
    for (let k = 0; k < 8; k++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc >>> 0;
};

const attribute = (type, value) => {
  const head = Buffer.alloc(4);
  head.writeUInt16BE(type);
  head.writeUInt16BE(value.length, 2);
  return Buffer.concat([head, value, Buffer.alloc(-value.length & 3)]);
};

/** A Binding request of ICE; with the offer's password it is a right one. */
export function stunRequest(user, password, random) {
  const head = Buffer.concat([Buffer.from([0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42]), bytes(random, 12)]);
  let body = Buffer.concat([attribute(0x0006, Buffer.from(user)), attribute(0x0024, bytes(random, 4)), attribute(0x802a, bytes(random, 8)), attribute(0x0025, Buffer.alloc(0))]);
  head.writeUInt16BE(body.length + 24, 2);
  body = Buffer.concat([body, attribute(0x0008, createHmac('sha1', password).update(head).update(body).digest())]);
  head.writeUInt16BE(body.length + 8, 2);
  const crc = Buffer.alloc(4);
  crc.writeUInt32BE((crc32(Buffer.concat([head, body])) ^ 0x5354554e) >>> 0);
  return Buffer.concat([head, body, attribute(0x8028, crc)]);
}

/** Handshake records of DTLS that announce much, come in pieces, overlap, or hold nothing that was ever a ClientHello. */
export function badDtls(random) {
  return Array.from({ length: 20 }, (_, i) => {
    const body = bytes(random, random(600));
    const whole = random(3) ? random(70000) : 0xffffff, at = random(2) ? random(whole + 1) : 0;
    const handshake = Buffer.from([1 + random(3), whole >> 16, whole >> 8, whole, 0, random(2), at >> 16, at >> 8, at, 0, body.length >> 8, body.length]);
    const len = (handshake.length + body.length + (random(5) ? 0 : random(100))) & 0xffff;
    return Buffer.concat([Buffer.from([20 + random(5), 254, random(3) ? 253 : 255, 0, 0, 0, 0, 0, 0, 0, i, len >> 8, len]), handshake, body]);
  });
}

/** STUN, DTLS, RTP and RTCP by their first bytes, strangers' STUN with a whole message round it, and nothing at all. */
export function badDatagram(random) {
  const starts = [[0, 1, 0, 8, 0x21, 0x12, 0xa4, 0x42], [22, 254, 253, 0, 0], [128, 96], [129, 201, 0, 7], [0x41], []];
  if (random(8) === 0) return stunRequest('abcd:efgh', 'no such password of anyone', random);
  if (random(8) === 0) return badDtls(random)[0];
  return Buffer.from([...starts[random(starts.length)], ...bytes(random, random(200))]);
}

/** Sends datagrams from one new port, and keeps it for a while. */
export async function udp(port, datagrams, keepMs = 0) {
  const socket = dgram.createSocket('udp4');
  for (const d of datagrams) await new Promise((done) => socket.send(d, port, '127.0.0.1', done));
  await new Promise((done) => setTimeout(done, keepMs));
  socket.close();
}
