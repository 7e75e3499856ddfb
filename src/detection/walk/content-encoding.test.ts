import assert from 'node:assert/strict';
import { test } from 'node:test';
import { brotliCompressSync, constants, deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { walkBody } from './body.ts';
import { bodyTold } from './walk-kit.contract.ts';

const JSON_TYPE = 'application/json';
const plain = Buffer.from('{"a":"marker"}');
const encoded = (encoding: string, body: Uint8Array, type = JSON_TYPE) =>
  bodyTold(type, body, { 'content-encoding': encoding });

// Attack: a compressed attack walks past whoever does not look inside.
test('gzip, deflate of both kinds, br and zstd are looked into, also two in a row', () => {
  const ways: [string, Buffer][] = [
    ['gzip', gzipSync(plain)],
    ['X-GZIP', gzipSync(plain)],
    ['deflate', deflateSync(plain)],
    ['deflate', deflateRawSync(plain)],
    ['br', brotliCompressSync(plain)],
    ['zstd', zstdCompressSync(plain)],
    ['identity', plain],
    ['gzip, br', brotliCompressSync(gzipSync(plain))],
    ['identity, gzip,, gzip', gzipSync(gzipSync(plain))],
  ];
  for (const [encoding, body] of ways) {
    const { values, oddities } = encoded(encoding, body);
    assert.deepEqual([values[0], oddities], ['body.a = marker', []], encoding);
  }
});

test('a coding that is not known, and a third one, are named', () => {
  for (const encoding of ['compress', 'gzip;q=1', 'gzip gzip', 'x-snappy-framed']) {
    assert.deepEqual(encoded(encoding, plain).oddities, ['content-encoding at body'], encoding);
    assert.ok(encoded(encoding, plain).values.includes('body.a = marker'));
  }
  const thrice = gzipSync(gzipSync(gzipSync(plain)));
  assert.ok(encoded('gzip, gzip, gzip', thrice).oddities.includes('content-encoding at body'));
});

test('Snappy and the chunks of S3 are undone', () => {
  // A literal, a copy that overlaps itself, copies with long offsets: what libraries of Prometheus write.
  const literal = Buffer.from('{"a":"marker ab');
  const snappy = Buffer.concat([
    Buffer.from([15 + 8 + 6 + 4 + 2, (15 - 1) << 2]),
    literal,
    Buffer.from([((8 - 4) << 2) | 1, 2, ((6 - 1) << 2) | 2, 2, 0, ((4 - 1) << 2) | 3, 2, 0, 0, 0, (2 - 1) << 2]),
    Buffer.from('"}'),
  ]);
  const { values, oddities } = encoded('snappy', snappy);
  assert.deepEqual([values[0], oddities], [`body.a = marker ${'ab'.repeat(10)}`, []]);
  const chunk = (text: string) => `${text.length.toString(16)};chunk-signature=ab\r\n${text}\r\n`;
  const chunked = `${chunk('{"a":"mar')}${chunk('ker"}')}${chunk('')}x-amz-trailer:v\r\n\r\n`;
  const told = encoded('aws-chunked', Buffer.from(chunked));
  assert.deepEqual([told.values[0], told.oddities], ['body.a = marker', []]);
});

// Attack: a length of gigabytes, a copy from before the beginning, an element that breaks off.
test('Snappy that is none is malformed, and one that grows too large is cut', () => {
  for (const bytes of [
    [4, 1, 9],
    [4, 0, 65, 2, 9, 9],
    [200, 1, 240],
    [5, 252, 255, 255, 255, 255],
    [255, 255],
    [2, 0, 65, 2, 0, 0],
  ])
    assert.deepEqual(encoded('snappy', Buffer.from(bytes), 'text/plain').oddities, ['malformed at body'], bytes.join());
  const bomb = Buffer.from([
    0x80,
    0x80,
    0x80,
    0x80,
    4,
    0,
    65,
    ...Array.from({ length: 300 }, () => [254, 1, 0]).flat(),
  ]);
  assert.deepEqual(encoded('snappy', bomb, 'text/plain').oddities, ['cut at body']);
});

test('chunks that are none are malformed and visited as they are', () => {
  for (const body of ['{"a":"marker"}', 'ffffffff\r\n{"a":"marker"}', '-1\r\n{"a":"marker"}']) {
    const { texts, oddities } = encoded('aws-chunked', Buffer.from(body));
    assert.ok(oddities.includes('malformed at body') && texts.some((text) => text.includes('marker')), body);
  }
});

// Attack: a server that knows no coding takes the body as it was sent, and gzip has a name of a file to write in.
test('of a compressed form or multipart what stands in it uncompressed is visited too', () => {
  const named = (name: string) => {
    const [head, rest] = [gzipSync('a=b').subarray(0, 10), gzipSync('a=b').subarray(10)];
    head[3] = 8; // FNAME
    return Buffer.concat([head, Buffer.from(`${name}\0`), rest]);
  };
  const form = encoded('gzip', named('x&q=%6darker&y='), 'application/x-www-form-urlencoded');
  assert.deepEqual(form.oddities, []);
  assert.ok(form.values.includes('body.q = marker'));
  const part = '\r\n--B\r\nContent-Disposition: form-data; name="q"\r\n\r\nmarker\r\n--B--\r\n';
  assert.ok(encoded('gzip', named(part), 'multipart/form-data; boundary=B').values.includes('body.q = marker'));
});

test('the noise of an honest compressed form is not taken for pairs', () => {
  const form = (nth: number) =>
    Array.from({ length: 150 }, (_, at) => `k${at}=${(at * 7_919 * (nth + 3)) % 99_991}+pump+of+the+hall`).join('&');
  for (let nth = 0; nth < 10; nth++)
    for (const [encoding, compress] of [
      ['gzip', gzipSync],
      ['deflate', deflateSync],
      ['br', brotliCompressSync],
      ['zstd', zstdCompressSync],
    ] as const) {
      const headers = { 'content-type': 'application/x-www-form-urlencoded', 'content-encoding': encoding };
      const odd: string[] = [];
      const oddities = walkBody(headers, compress(Buffer.from(form(nth))), (text, { isBinary }) => {
        if (!isBinary && !/^[\w ]+$/.test(text)) odd.push(text);
      });
      assert.deepEqual([oddities, odd], [[], []], `${encoding} ${nth}`);
    }
});

// Attack: the rest stands in a second stream, which many servers read, or where nobody looks at all.
test('streams one behind another are all read, and what is none behind the first is unread', () => {
  const halves = [Buffer.from('{"a":"mar'), Buffer.from('ker"}')] as const;
  const both = (compress: (bytes: Buffer) => Buffer, between = 0) =>
    Buffer.concat([compress(halves[0]), Buffer.alloc(between), compress(halves[1])]);
  for (const [encoding, body] of [
    ['gzip', both(gzipSync)],
    ['gzip', both(gzipSync, 4)],
    ['gzip', Buffer.concat([gzipSync(plain), Buffer.alloc(512)])],
    ['zstd', both(zstdCompressSync)],
    ['zstd', Buffer.concat([Buffer.from('502a4d1803000000010203', 'hex'), zstdCompressSync(plain)])],
    ['deflate', both(deflateSync)],
    ['br', both(brotliCompressSync)],
  ] as const) {
    const { values, oddities } = encoded(encoding, body);
    assert.deepEqual([values[0], oddities], ['body.a = marker', []], encoding);
  }
  for (const [encoding, compress] of [
    ['gzip', gzipSync],
    ['zstd', zstdCompressSync],
    ['deflate', deflateSync],
    ['br', brotliCompressSync],
  ] as const) {
    const behind = Buffer.concat([compress(plain), Buffer.alloc(2), Buffer.from([0xee, 0xee, 1, 2])]);
    assert.deepEqual(encoded(encoding, behind).oddities, ['unread at body'], encoding);
  }
});

// Attack: a body of thousands of tiny streams, each of which costs as much as a large one.
test('of a hundred streams the last ones are unread, and all together grow no further than one', () => {
  const many = Buffer.concat(Array.from({ length: 100 }, () => zstdCompressSync(Buffer.from('a'))));
  assert.deepEqual(encoded('zstd', many, 'text/plain').oddities, ['unread at body']);
  const large = Buffer.concat(Array.from({ length: 3 }, () => zstdCompressSync(Buffer.alloc(120_000, 'a'))));
  assert.deepEqual(encoded('zstd', large, 'text/plain').oddities, ['cut at body']);
});

test('a coding that is not known and a body that grows too large are no signs of an attack, and a route sets the bound', () => {
  const kindsOf = (encoding: string, body: Uint8Array, most?: number) =>
    walkBody({ 'content-type': 'text/plain', 'content-encoding': encoding }, body, () => {}, most).map(
      ({ code, kind }) => `${code} ${kind}`,
    );
  const large = gzipSync(
    Array.from({ length: 100_000 }, (_, at) => `word ${at} and word. `)
      .join('')
      .slice(0, 1_500_000),
  );
  assert.deepEqual(kindsOf('x-own', plain), ['content-encoding unsupported']);
  assert.deepEqual(kindsOf('gzip', large), ['cut too-large']);
  assert.deepEqual(kindsOf('gzip', large, 2_000_000), []);
  assert.deepEqual(kindsOf('gzip', gzipSync(Buffer.alloc(5_000_000, 'a')), 100_000_000), ['cut too-large']);
});

// Attack: few bytes that grow to megabytes, so that each request costs a thousand times what it cost to send.
test('a body grows a hundredfold at most, and no window is filled that is wider than encoders take unless told', () => {
  const oddities = (encoding: string, body: Uint8Array) => encoded(encoding, body, 'text/plain').oddities;
  assert.deepEqual(oddities('gzip', gzipSync(Buffer.alloc(250_000, 'a'))), []);
  assert.deepEqual(oddities('gzip', gzipSync(Buffer.alloc(900_000, 'a'))), ['cut at body']);
  for (const [window, expected] of [
    [10, []],
    [16, []],
    [17, []],
    [22, []],
    [23, ['cut at body']],
    [24, ['cut at body']],
  ] as const) {
    const params = { [constants.BROTLI_PARAM_LGWIN]: window };
    assert.deepEqual(oddities('br', brotliCompressSync(Buffer.alloc(200_000, 'a'), { params })), expected);
  }
});

test('a body that is not compressed as it says is malformed and visited as it is', () => {
  for (const encoding of ['gzip', 'deflate', 'br', 'zstd', 'gzip, br']) {
    const { values, oddities } = encoded(encoding, plain);
    assert.ok(oddities.includes('malformed at body'), encoding);
    assert.ok(values.includes('body.a = marker'), encoding);
  }
});

// Attack: behind a wrong checksum a text is hidden from us, and not from a server that reads as it goes.
test('a compressed body whose checksum is wrong cannot be looked at, and is refused as such', () => {
  for (const [encoding, body] of [
    ['gzip', gzipSync(plain)],
    ['deflate', deflateSync(plain)],
  ] as const) {
    const wrong = Buffer.from(body);
    wrong[body.length - (encoding === 'gzip' ? 8 : 1)] = (wrong[body.length - (encoding === 'gzip' ? 8 : 1)] ?? 0) ^ 1;
    const headers = { 'content-type': JSON_TYPE, 'content-encoding': encoding };
    const oddities = walkBody(headers, wrong, () => undefined);
    assert.ok(
      oddities.some(({ kind }) => kind === 'unsupported'),
      encoding,
    );
  }
});

test('a compressed body that breaks off is malformed, and visited as far as it goes', () => {
  const long = Buffer.from(`${Array.from({ length: 40_000 }, (_, at) => `marker ${at * 7919}`).join(' ')}`);
  for (const [encoding, body] of [
    ['gzip', gzipSync(long)],
    ['deflate', deflateRawSync(long)],
    ['br', brotliCompressSync(long)],
    ['zstd', zstdCompressSync(long)],
  ] as const) {
    const { texts, oddities } = encoded(encoding, body.subarray(0, body.length - 9), 'text/plain');
    assert.deepEqual(oddities, ['malformed at body'], encoding);
    assert.match(texts[0] ?? '', /^marker 0 marker 7919/, encoding);
  }
});

// Attack: a small body that grows to gigabytes, with or without an attack at its beginning.
test('what grows past one MiB is cut, said to be, and visited as far as it goes', () => {
  const text = Array.from({ length: 40_000 }, (_, at) => `word ${(at * 2_654_435_761) % 1_000_003}`).join(' ');
  const bomb = Buffer.concat([Buffer.from(`marker ${text}`), Buffer.alloc(30_000_000)]);
  for (const [encoding, body] of [
    ['gzip', gzipSync(bomb)],
    ['deflate', deflateSync(bomb)],
    ['br', brotliCompressSync(bomb)],
    ['zstd', zstdCompressSync(bomb)],
  ] as const) {
    const { texts, oddities } = encoded(encoding, body, 'text/plain');
    assert.deepEqual(oddities, ['cut at body'], encoding);
    assert.ok(texts.join('').length <= 2_200_000, encoding);
    assert.match(texts[0] ?? '', /^marker word/, encoding);
  }
});
