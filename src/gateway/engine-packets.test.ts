import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isFault } from '../kernel/errors.ts';
import { readConnects, readOpen } from './engine-packets.ts';
import { readEngineQuery, withSid } from './engine-query.ts';
import { readFirstText, textFrame } from './frames.ts';

const connectsOf = (payload: string, strip = true) => {
  const read = readConnects(payload, strip);
  return read.kind === 'connects' ? read.connects : assert.fail(read.reason);
};

test('a token is read from both forms of the auth payload, and taken out of what is handed on', () => {
  const [plain] = connectsOf('40{"token":"t1","room":7}');
  assert.deepEqual(plain, { namespace: '/', token: 't1', packet: '40{"room":7}' });
  const [wrapped] = connectsOf('40/twin,{"auth":{"token":"Bearer t2","room":7}}');
  assert.deepEqual(wrapped, { namespace: '/twin', token: 't2', packet: '40/twin,{"auth":{"room":7}}' });
  assert.equal(connectsOf('40{"token":"t1"}', false)[0].packet, '40{"token":"t1"}');
  assert.equal(connectsOf('40')[0].token, undefined);
});

test('several namespaces may be asked for at once, and not too many', () => {
  const payload = (count: number) => Array.from({ length: count }, (_, at) => `40/n${at},{"token":"t"}`).join('\x1e');
  assert.equal(connectsOf(payload(16)).length, 16);
  assert.equal(readConnects(payload(17), true).kind, 'bad');
});

// Attack: something else than CONNECT is smuggled in before, behind or inside of it.
test('anything but CONNECT spoils the whole payload', () => {
  for (const payload of [
    '',
    '42["event"]',
    '40{"token":"t"}\x1e42["event"]',
    '42["event"]\x1e40{"token":"t"}',
    '40{"token":"t"}\x1e',
    'bAAAA',
    '45-["event",{"_placeholder":true,"num":0}]',
    '41',
    '1',
    '2probe',
    '5',
    '40["token"]',
    '40{"token":"t"',
    '40{"token":"t"}42["event"]',
    '40/a b,{"token":"t"}',
    '40x',
    ' 40{"token":"t"}',
  ])
    assert.equal(readConnects(payload, true).kind, 'bad', payload);
});

test('no payload whatever makes the reader throw, and what it lets by begins with CONNECT', () => {
  const part = fc.oneof(fc.string(), fc.json(), fc.constantFrom('40', '/', ',', '\x1e', '{"token":"t"}', '42["x"]'));
  fc.assert(
    fc.property(fc.array(part, { maxLength: 8 }), (parts) => {
      const read = readConnects(parts.join(''), true);
      if (read.kind === 'connects') for (const { packet } of read.connects) assert.ok(packet.startsWith('40'));
    }),
  );
});

test('the open packet is read in both versions', () => {
  const packet = '0{"sid":"a_B-1","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000}';
  const open = { sid: 'a_B-1', pingIntervalMs: 25_000, pingTimeoutMs: 20_000 };
  assert.deepEqual(readOpen(packet), open);
  assert.deepEqual(readOpen(`${packet.length}:${packet}2:40`), open);
  for (const bad of ['', '1', '0{}', '0{"sid":"a b"}', '0{"sid":7}', 'x0{"sid":"a"}'])
    assert.equal(readOpen(bad), undefined, bad);
});

const BASE = '/socket.io/?EIO=4&transport=polling';

test('a query is read strictly', () => {
  assert.deepEqual(readEngineQuery(`${BASE}&t=x&sid=abc`), { version: 4, transport: 'polling', sid: 'abc' });
  for (const [query, reason] of [
    ['/socket.io/?EIO=4&transport=polling&j=0', /JSONP/],
    ['/socket.io/?EIO=4&transport=polling&%6a=0', /another way/],
    ['/socket.io/?EIO=4&transport=polling&sid=a&sid=b', /twice/],
    ['/socket.io/?EIO=4&transport=polling&s%69d=a', /another way/],
    ['/socket.io/?EIO=4&transport=polling&sid=%61', /unknown/],
    ['/socket.io/?EIO=2&transport=polling', /EIO/],
    ['/socket.io/?transport=polling', /EIO/],
    ['/socket.io/?EIO=4&transport=flashsocket', /transport/],
    ['/socket.io/', /EIO/],
    ['/socket.io/?EIO=4&transport=polling&%', /not valid/],
  ] as const) {
    assert.throws(
      () => readEngineQuery(query),
      (error) => isFault(error, 'GATEWAY_SOCKET_IO') && reason.test(String(error.facts['reason'])),
      query,
    );
  }
});

test('the name of a session is exchanged, and nothing else of the target', () => {
  assert.equal(withSid(`${BASE}&sid=ours&a=%20`, 'theirs'), `${BASE}&sid=theirs&a=%20`);
  assert.equal(withSid('/s/?EIO=4&transport=websocket&sid=x', undefined, 'polling'), '/s/?EIO=4&transport=polling');
});

const MASK = Buffer.from([1, 2, 3, 4]);

test('a first message of any length is read as it was written, in however many pieces it comes', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 400, unit: 'grapheme' }), fc.boolean(), fc.nat(), (text, masked, cut) => {
      const bytes = Buffer.concat([textFrame(text, masked ? MASK : undefined), Buffer.from('rest')]);
      const whole = readFirstText(bytes, masked, 8_192);
      assert.ok(whole.kind === 'text' && whole.text === text && whole.rest.toString() === 'rest');
      const piece = bytes.subarray(0, cut % (bytes.length - 4));
      assert.equal(readFirstText(piece, masked, 8_192).kind, 'more');
    }),
  );
  const large = textFrame('x'.repeat(70_000), MASK);
  assert.equal(readFirstText(large, true, 100_000).kind, 'text');
});

// Attack: a frame that is split, compressed, binary, unmasked, too long or lies about its length.
test('a first frame that is anything but one plain text is refused by its head', () => {
  const frame = textFrame('{"type":"auth","token":"t"}', MASK);
  const withByte = (at: number, value: number): Buffer => {
    const copy = Buffer.from(frame);
    copy[at] = value;
    return copy;
  };
  for (const bytes of [
    withByte(0, 0x01),
    withByte(0, 0xc1),
    withByte(0, 0x82),
    withByte(0, 0x80),
    withByte(0, 0x88),
    withByte(0, 0x89),
    textFrame('unmasked'),
    Buffer.from([0x81, 0xfe, 0xff, 0xff]),
    Buffer.from([0x81, 0xfe, 0x00, 0x05, 1, 2, 3, 4]),
    Buffer.from([0x81, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
    Buffer.from([0x81, 0x81, 0, 0, 0, 0, 0xff]),
  ])
    assert.equal(readFirstText(bytes, true, 8_192).kind, 'bad', bytes.toString('hex'));
});
