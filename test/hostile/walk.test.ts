import assert from 'node:assert/strict';
import type { IncomingHttpHeaders } from 'node:http';
import { test } from 'node:test';
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import { walkBody } from '../../src/detection/walk/body.ts';
import { walkHead } from '../../src/detection/walk/head.ts';
import type { Oddity } from '../../src/detection/walk/leaf.ts';

const MARKER = "mark<er>'--$(7*7)";
/** As it may still be written where it was visited raw. */
const SEEN = [MARKER, JSON.stringify(MARKER).slice(1, -1), encodeURIComponent(MARKER), 'mark&lt;er'];
const MOST_TEXTS = 45_000;
const MOST_CHARACTERS = 4_194_304;

interface Seen {
  readonly hasMarker: boolean;
  readonly oddities: readonly Oddity[];
}

/** Walks a request, holds the walk to its bounds, and says whether the marker was seen. */
function seenIn(head: { url: string; headers: IncomingHttpHeaders }, body: Uint8Array): Seen {
  let hasMarker = false;
  let texts = 0;
  let characters = 0;
  const visit: Parameters<typeof walkBody>[2] = (text, cursor) => {
    texts++;
    characters += text.length;
    hasMarker ||= SEEN.some((form) => text.includes(form));
    if (texts % 97 === 0) assert.ok(cursor.at().length <= 257 && cursor.field().length <= 257);
  };
  const oddities = [...walkHead({ method: 'POST', ...head }, visit), ...walkBody(head.headers, body, visit)];
  assert.ok(texts <= MOST_TEXTS, `${texts} texts`);
  assert.ok(characters <= 2 * MOST_CHARACTERS, `${characters} characters`);
  assert.ok(oddities.length <= 14);
  return { hasMarker, oddities };
}

const bodySeen = (headers: IncomingHttpHeaders, body: Uint8Array): Seen => seenIn({ url: '/', headers }, body);

/** Writes a value that holds a text into a body of some type. */
const WRITERS: Record<string, (text: string) => [type: string, body: string]> = {
  json: (text) => ['application/json', JSON.stringify({ a: [1, { b: text }] })],
  'json in json': (text) => ['application/json', JSON.stringify({ a: JSON.stringify({ b: [text] }) })],
  'json name': (text) => ['application/json', JSON.stringify({ a: { [text]: 1 } })],
  'json twice': (text) => ['application/json', `{"a":${JSON.stringify(text)},"a":"harmless"}`],
  'json as text': (text) => ['text/plain', JSON.stringify({ a: text })],
  'json without type': (text) => ['', JSON.stringify({ a: text })],
  'broken json': (text) => ['application/json', `{"a":${JSON.stringify(text)},,`],
  lines: (text) => ['application/x-ndjson', `{"a":1}\n${JSON.stringify({ a: text })}\n{"a":2}`],
  form: (text) => ['application/x-www-form-urlencoded', `a=b&a=${encodeURIComponent(text)}&c=d`],
  'form name': (text) => ['application/x-www-form-urlencoded', `a=b&${encodeURIComponent(text)}=1`],
  text: (text) => ['text/plain', text],
  xml: (text) => ['application/xml', `<a><b c="1"><![CDATA[${text}]]></b></a>`],
  attribute: (text) => ['text/xml', `<a b="${text.replaceAll('<', '&lt;')}"/>`],
  octets: (text) => ['application/octet-stream', `\x89PNG\0\0\x01\x02${text}\0\0\x01`],
  'multipart value': (text) => multipart('name="a"', text),
  'multipart file name': (text) => multipart(`name="a"; filename="${text}"`, 'x'),
  'multipart name': (text) => multipart(`name="${text}"`, 'x'),
  'multipart header': (text) => multipart(`name="a"\r\nX-Own: ${text}`, 'x'),
  'multipart image': (text) =>
    multipart('name="a"; filename="a.png"\r\nContent-Type: image/png', `\x89PNG\0\x01${text}\0`),
  'multipart of another boundary': (text) => ['multipart/form-data; boundary=b', multipart('name="a"', text)[1]],
};

function multipart(disposition: string, content: string): [string, string] {
  const first = '--B\r\nContent-Disposition: form-data; name="z"\r\n\r\nz\r\n';
  const second = `--B\r\nContent-Disposition: form-data; ${disposition}\r\n\r\n${content}\r\n`;
  return ['multipart/form-data; boundary=B', `${first}${second}--B--\r\n`];
}

const CODINGS: Record<string, (bytes: Uint8Array) => Uint8Array> = {
  '': (bytes) => bytes,
  gzip: gzipSync,
  deflate: deflateSync,
  'deflate ': deflateRawSync,
  br: (bytes) => brotliCompressSync(bytes, { params: {} }),
  zstd: zstdCompressSync,
  snappy: snapped,
  'aws-chunked': (bytes) =>
    Buffer.concat([
      Buffer.from(`${bytes.length.toString(16)};chunk-signature=0\r\n`),
      bytes,
      Buffer.from('\r\n0\r\n\r\n'),
    ]),
  'gzip, zstd': (bytes) => zstdCompressSync(gzipSync(bytes)),
  'x-own': (bytes) => bytes,
};

/** As Snappy writes what does not come twice: one literal. */
function snapped(bytes: Uint8Array): Uint8Array {
  const { length } = bytes;
  const head = [(length & 0x7f) | 0x80, length >> 7, 61 << 2, (length - 1) & 0xff, (length - 1) >> 8];
  return Buffer.concat([Buffer.from(head), bytes]);
}

const CHARSETS: Record<string, (text: string) => Buffer> = {
  '': (text) => Buffer.from(text),
  '; charset=utf-16le': (text) => Buffer.from(text, 'utf16le'),
  '; charset=utf-16be': (text) => Buffer.from(text, 'utf16le').swap16(),
  '; charset=latin1': (text) => Buffer.from(text, 'latin1'),
  '; charset=utf-7': (text) => Buffer.from(text),
  '; charset="utf-8"; x=y': (text) => Buffer.from(text, 'utf16le'),
};

// Attack: one marker hidden in every way that a body can be written, encoded and compressed.
test('a marker is seen in every type, charset and coding, or there is an oddity', () => {
  let count = 0;
  for (const [writer, write] of Object.entries(WRITERS)) {
    const [type, text] = write(MARKER);
    for (const [charset, encode] of Object.entries(CHARSETS)) {
      if (type.startsWith('multipart') && charset !== '') continue;
      for (const [coding, compress] of Object.entries(CODINGS)) {
        const headers: IncomingHttpHeaders = {
          ...(type === '' ? {} : { 'content-type': type + charset }),
          ...(coding === '' ? {} : { 'content-encoding': coding.trim() }),
        };
        const { hasMarker, oddities } = bodySeen(headers, compress(encode(text)));
        assert.ok(hasMarker || (oddities.length > 0 && coding === 'x-own'), `${writer} ${charset} ${coding}`);
        count++;
      }
    }
  }
  assert.ok(count > 700);
});

const PADDINGS: Record<string, (length: number) => string> = {
  spaces: (length) => ' '.repeat(length),
  letters: (length) => 'a'.repeat(length),
  lines: (length) => '\r\n'.repeat(length / 2),
  brackets: (length) => '['.repeat(length),
  quotes: (length) => '"'.repeat(length),
  percent: (length) => '%2'.repeat(length / 2),
  ampersands: (length) => '&'.repeat(length),
  tags: (length) => '<a>'.repeat(length / 3),
  nothing: (length) => '\0'.repeat(length),
};

// Attack: padding, so that the attack lies behind what is looked at.
test('a marker behind 200 KB of padding is seen', () => {
  for (const [padding, pad] of Object.entries(PADDINGS)) {
    for (const length of [0, 4_095, 8_192, 65_536, 200_000]) {
      for (const [writer, write] of Object.entries(WRITERS)) {
        const [type, text] = write(MARKER);
        const bodies = type.startsWith('multipart') ? [`${pad(length)}\r\n${text}`] : [`${pad(length)}${text}`];
        if (length <= 8_192) bodies.push(write(`${pad(length).replaceAll('"', "'")}${MARKER}`)[1]);
        for (const body of bodies) {
          const { hasMarker } = bodySeen(type === '' ? {} : { 'content-type': type }, Buffer.from(body));
          assert.ok(hasMarker, `${writer} after ${length} of ${padding}`);
        }
      }
    }
  }
});

// Attack: a late index, a late name or a deep place.
test('a marker at any index, name or depth is seen', () => {
  const index = fc.integer({ min: 0, max: 5_000 });
  fc.assert(
    fc.property(index, index, fc.integer({ min: 0, max: 300 }), (before, behind, depth) => {
      const json = 'application/json';
      const list = [...Array<string>(before).fill('x'), MARKER, ...Array<string>(behind).fill('y')];
      const members = list.map((text, at) => `"${text === MARKER ? 'm' : `k${at}`}":${JSON.stringify(text)}`);
      const form = list.map((text) => `a=${encodeURIComponent(text)}`).join('&');
      const deep = `${'{"a":['.repeat(depth)}${JSON.stringify(MARKER)}${']}'.repeat(depth)}`;
      const parts = list
        .slice(-2_000)
        .map((text) => `--B\r\nContent-Disposition: form-data; name="a"\r\n\r\n${text}\r\n`);
      const bodies: [string, string][] = [
        [json, JSON.stringify(list)],
        [json, `{${members.join(',')}}`],
        [json, deep],
        ['application/x-ndjson', list.map((text) => JSON.stringify({ a: text })).join('\n')],
        ['application/x-www-form-urlencoded', form],
      ];
      if (parts.some((part) => part.includes(MARKER))) {
        bodies.push(['multipart/form-data; boundary=B', `${parts.join('')}--B--`]);
      }
      for (const [type, body] of bodies) {
        assert.ok(
          bodySeen({ 'content-type': type }, Buffer.from(body)).hasMarker,
          `${type} ${before} ${behind} ${depth}`,
        );
      }
    }),
    { numRuns: 25 },
  );
});

test('a marker anywhere in a head is seen', () => {
  const encoded = encodeURIComponent(MARKER);
  const heads: [string, IncomingHttpHeaders][] = [
    [`/a/${encoded}/b`, {}],
    [`/a;m=${encoded}/b`, {}],
    [`/?${encoded}`, {}],
    [`/?${encoded}=1`, {}],
    [`/?a=1&a=2&a=${encoded}`, {}],
    [`/?a=1;b=${encoded}`, {}],
    [`/?${'a=1&'.repeat(3_000)}b=${encoded}`, {}],
    ['/', { 'user-agent': MARKER }],
    ['/', { 'x-late': MARKER }],
    ['/', { 'set-cookie': ['a', MARKER] }],
    ['/', { cookie: `a=1; b=${MARKER}` }],
    ['/', { cookie: `${'a=1; '.repeat(3_000)}${MARKER}=1` }],
    ['/', { authorization: `Basic ${Buffer.from(`a:${MARKER}`).toString('base64')}` }],
    ['/', { authorization: `Digest username="${MARKER}"` }],
    ['/', { 'x-api-key': MARKER }],
  ];
  for (const [url, headers] of heads) {
    assert.ok(seenIn({ url, headers }, Buffer.alloc(0)).hasMarker, url + JSON.stringify(headers).slice(0, 100));
  }
});

test('whatever bytes come under whatever type, nothing fails and the bounds hold', () => {
  const types = Object.values(WRITERS).map((write) => write('')[0]);
  const pieces = fc.constantFrom(
    '{',
    '"',
    '\\u',
    '[',
    '--B',
    '\r\n\r\n',
    '<',
    '<![CDATA[',
    '=',
    '&',
    '%',
    ';',
    '\0',
    '/*',
    'é',
    "'",
  );
  const body = fc.oneof(
    fc.uint8Array({ maxLength: 2_000 }),
    fc.array(pieces, { maxLength: 300 }).map((made) => Buffer.from(made.join(''))),
    fc.string({ unit: 'binary', maxLength: 500 }).map((made) => Buffer.from(made, 'utf16le')),
  );
  const head = fc.record({
    url: fc.string({ unit: 'binary', maxLength: 200 }),
    type: fc.oneof(fc.constantFrom(...types), fc.string()),
    encoding: fc.constantFrom(
      undefined,
      'gzip',
      'deflate',
      'br',
      'zstd',
      'snappy',
      'aws-chunked',
      'gzip, br',
      ',',
      'x',
    ),
    header: fc.string({ unit: 'binary', maxLength: 200 }),
  });
  fc.assert(
    fc.property(head, body, ({ url, type, encoding, header }, bytes) => {
      const named = { cookie: header, authorization: header, 'x-own': header, 'content-type': type };
      seenIn({ url, headers: encoding === undefined ? named : { ...named, 'content-encoding': encoding } }, bytes);
    }),
    { numRuns: 5_000 },
  );
});

const SHAPES: Record<string, string> = {
  'application/json':
    '["",|["a",|[|{"a":|["\\u0041|"\\"|"\\x",|/*a*/|/*a|"[\\"a\\",\\"a\\"]",| |1,|1|-|.|a|{"a":1e1}|{"__proto__":[|\0|é|"a',
  'application/x-www-form-urlencoded': '&|a=%27&|%ff|%|+|;b=1|%27|=|a[0]=|{"a":|%C0|;',
  'application/xml':
    '<!ENTITY a "&a;">&a;|<!ENTITY a "|&#65;<!---->|<a b="&lt;"/>|&a;<![CDATA[a]]>|<?a?>|<a>|<|a="b" |<a a|<a b="|a|<!--|<![CDATA[|<a =|&e;|<a \'|<?',
  'multipart/form-data; boundary=a':
    '--a|--a\r\n|--a\r\n\r\n|--a\r\na:b\r\n|; filename="a"|a=|a|\n |--a\ncontent-disposition: x; name=a; filename="\\|\r\n--a--',
  'application/x-ndjson': '"a"\n|a\n|{"a":|\n|\x1e',
  'application/octet-stream': '\0|a\0|\xff\xfe|aaaaaaaa\0\x01|--a\r\ncontent-',
};

// Attack: a small body that keeps the inspection, and with it everybody else, busy.
test('128 KiB of any hostile shape take a bounded time', () => {
  for (const [type, shapes] of Object.entries(SHAPES)) {
    for (const shape of shapes.split('|')) {
      const body = Buffer.from(shape.repeat(Math.ceil(131_072 / shape.length)), 'latin1');
      const times = [1, 2, 3].map(() => {
        const begin = process.hrtime.bigint();
        bodySeen({ 'content-type': type, 'x-own': shape.repeat(4_000) }, body);
        return Number(process.hrtime.bigint() - begin) / 1e6;
      });
      // It is 10 ms at most where nothing else runs; what grows with the square would take seconds.
      assert.ok(Math.min(...times) < 250, `${type} ${JSON.stringify(shape)}: ${times.join(', ')} ms`);
    }
  }
});
