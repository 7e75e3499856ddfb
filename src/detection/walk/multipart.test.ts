import assert from 'node:assert/strict';
import { test } from 'node:test';
import { walkBody } from './body.ts';
import { bodyTold } from './walk-kit.contract.ts';

const TYPE = 'multipart/form-data; boundary=XX';
const part = (head: string, content: string): string => `--XX\r\n${head}\r\n\r\n${content}\r\n`;
const field = (name: string, content: string): string =>
  part(`Content-Disposition: form-data; name="${name}"`, content);

test('names, file names, headers and contents of parts are visited', () => {
  const file = part(
    `Content-Disposition: form-data; name="f"; filename="a.txt"; filename*=UTF-8''%C3%A9.php\r\nX-Own: y`,
    'content',
  );
  const { values, names, oddities } = bodyTold(TYPE, `${file}${field('f', '{"j":"v"}')}${field('é', 'w')}--XX--\r\n`);
  assert.deepEqual(oddities, []);
  assert.deepEqual(names, ['body.f: f', 'body.f[1]: f', 'body.f[1].j: j', 'body["é"]: é']);
  for (const value of [
    'body.f.x-own = y',
    'body.f.filename = a.txt',
    'body.f.filename = é.php',
    'body.f = content',
    'body.f[1] = {"j":"v"}',
    'body.f[1].j = v',
    'body["é"] = w',
  ]) {
    assert.ok(values.includes(value), value);
  }
});

test('contents are read by their own type and charset', () => {
  const body = part(
    'Content-Disposition: form-data; name="a"\r\nContent-Type: application/json; charset=utf-16le',
    Buffer.from('{"b":"marker"}', 'utf16le').toString('latin1'),
  );
  assert.ok(bodyTold(TYPE, Buffer.from(`${body}--XX--`, 'latin1')).values.includes('body.a.b = marker'));
});

test('what stands before the first part and behind the last is visited', () => {
  const { values } = bodyTold(TYPE, `before\r\n${field('a', 'b')}--XX--\r\nbehind`);
  assert.deepEqual(values.slice(0, 1), ['body = before']);
  assert.ok(values.includes('body = behind'));
});

// Attack: parts that one parser finds and another does not.
test('a multipart that is not what it should be is malformed, and visited raw and as far as it has parts', () => {
  const whole = `${field('a', 'marker')}--XX--`;
  const ways: [string, string][] = [
    ['multipart/form-data', whole],
    ['multipart/form-data; boundary=', whole],
    ['multipart/form-data; boundary=YY', whole],
    ['multipart/form-data; boundary=XX; boundary=YY', whole],
    [TYPE, field('a', 'marker')],
    [TYPE, whole.replace('marker\r\n', 'marker\n')],
    [TYPE, whole.replace('--XX\r\n', '--XX\n')],
    [TYPE, `${part('Content-Type: text/plain', 'marker')}--XX--`],
  ];
  for (const [type, body] of ways) {
    const { values, oddities } = bodyTold(type, body);
    assert.deepEqual(oddities, ['malformed at body'], type);
    assert.ok(values.includes(`body = ${body}`), type);
    assert.ok(
      values.some((value) => /^body\.(?:a|part) = marker\s*$/.test(value)),
      body,
    );
  }
  const none = bodyTold(TYPE, 'marker');
  assert.deepEqual([none.values, none.oddities], [['body = marker'], ['malformed at body']]);
});

test('a multipart whose lines all end in LF alone is read as it is', () => {
  const { values, oddities } = bodyTold(
    TYPE,
    `${field('a', 'marker')}${field('b', 'c')}--XX--`.replaceAll('\r\n', '\n'),
  );
  assert.deepEqual(oddities, []);
  assert.ok(values.includes('body.a = marker') && values.includes('body.b = c'));
});

test('a delimiter inside a line is content', () => {
  const { values, oddities } = bodyTold(TYPE, `${field('a', 'x --XX y\r\n--XXmore')}--XX--`);
  assert.deepEqual(oddities, []);
  assert.ok(values.includes('body.a = x --XX y\r\n--XXmore'));
});

test('a transfer encoding is undone and the content visited both ways; one that is not known is named', () => {
  const encoded = (encoding: string, content: string) =>
    bodyTold(
      TYPE,
      `${part(`Content-Disposition: form-data; name="a"\r\nContent-Transfer-Encoding: ${encoding}`, content)}--XX--`,
    );
  assert.ok(encoded('base64', Buffer.from('marker').toString('base64')).values.includes('body.a = marker'));
  assert.ok(encoded('quoted-printable', 'mar=\r\nk=65r').values.includes('body.a = marker'));
  assert.deepEqual(encoded('x-uuencode', 'marker').oddities, ['unread at body.a']);
  assert.ok(encoded('x-uuencode', 'marker').values.includes('body.a = marker'));
});

// Attack: parts within parts within parts.
test('a multipart within a multipart is walked, a third is too deep and visited raw', () => {
  const mixed = (boundary: string, inner: string) =>
    `--${boundary}\r\nContent-Disposition: form-data; name="n"\r\n${inner}\r\n--${boundary}--\r\n`;
  const nested = (boundary: string, inner: string) =>
    `Content-Type: multipart/mixed; boundary=${boundary}\r\n\r\n${inner}`;
  const two = bodyTold(TYPE, mixed('XX', nested('B', mixed('B', '\r\nmarker'))));
  assert.deepEqual(two.oddities, []);
  assert.ok(two.values.includes('body.n.n = marker'));
  const three = bodyTold(TYPE, mixed('XX', nested('B', mixed('B', nested('C', mixed('C', '\r\nmarker'))))));
  assert.deepEqual(three.oddities, ['too-deep at body.n.n']);
  assert.ok(three.texts.some((text) => text.includes('marker')));
});

test('of ten thousand parts and more the rest is visited several in one', () => {
  const { texts, oddities } = bodyTold(TYPE, `${field('a', 'x').repeat(4_000)}${field('b', 'marker')}--XX--`);
  assert.deepEqual(oddities, ['too-many at body.a[3327]']);
  assert.match(texts.at(-1) ?? '', /marker/);
});

// Attack: a field is said to be binary, so that nobody reads it but the server, to which it is a text.
test('a part is a file where every server takes it for one, and a text else, whatever its type and noise', () => {
  const attack = `1'\x0cunion\x0cselect\x01\x01\x01\x01\x01\x01`;
  const told = (disposition: string) => {
    const seen: string[] = [];
    const body = `${part(`Content-Disposition: ${disposition}\r\nContent-Type: application/octet-stream`, attack)}--XX--`;
    walkBody({ 'content-type': TYPE }, Buffer.from(body, 'latin1'), (text, { isBinary }) => {
      if (text === attack) seen.push(isBinary ? 'binary' : 'text');
    });
    return seen.includes('text');
  };
  for (const disposition of [
    'form-data; name="q"',
    'form-data; name="q"; filename=""',
    'form-data; name="q"; filename=',
    "form-data; name=q; filename*=UTF-8''x",
    'form-data; name="q; filename=x"',
    'form-data; name="q\\"; filename="x"',
    'form-data; name="q"; filename="x\r\nContent-Disposition: form-data; name="q"',
    'form-data; name="q"\r\n filename="x"',
    'form-data; name="q"\r\nX: form-data; filename="x"',
    'form-data; name=q; filename=x; size=3', // multiparty knows names in quotes alone
    'form-data; name="q"; filename="x"; filename=""',
    `form-data; name="q"; filename="x.md"; filename*=UTF-8''`,
    `form-data; name="q"; filename="x.md"; filename*=UTF-8''x.json`,
    'form-data; name="q"; filename="x.md\\\\"',
    'form-data; name="q"; filename="x.md"\rContent-Disposition: form-data; name="q"',
    'form-data; name="q"; filename="x.md"\u2028X: y',
    'form-data; name="q"; filename="x.md"\nX: y',
  ])
    assert.equal(told(disposition), true, disposition);
  for (const disposition of [
    'form-data; name="q"; filename="x.png"',
    'form-data; name="q"; filename="x"; size=3',
    `form-data; name=q; filename="x.md"; filename*=utf-8''x.md`, // as .NET writes it
    `form-data; name=q; filename="=?utf-8?B?eC5tZA==?="; filename*=utf-8''x.md`,
  ])
    assert.equal(told(disposition), false, disposition);
});

// Attack: formidable takes a part without a type for a field, whatever file it names.
test('what has a file name but no plain type is a field; of a large binary one each run of text is', () => {
  const told = (types: string, content: string) => {
    const seen: string[] = [];
    const body = `${part(`Content-Disposition: form-data; name="q"; filename="x.md"${types}`, content)}--XX--`;
    walkBody({ 'content-type': TYPE }, Buffer.from(body, 'latin1'), (text, { isBinary, isDocument }) => {
      if (text.includes('1=1')) seen.push(isBinary ? 'binary' : isDocument ? 'document' : 'text');
    });
    return [...new Set(seen)].sort().join();
  };
  const attack = "1' or 1=1 union select";
  const noise = '\x89\x01'.repeat(600);
  for (const types of ['', '\r\nContent-Type:', '\r\nContent-Type: a/b\r\nContent-Type:', '\r\nContent-Type : a/b'])
    assert.equal(told(types, attack), 'text', types);
  assert.equal(told('\r\nContent-Type: text/markdown', attack), 'document');
  assert.equal(told('', noise + attack), 'binary,text');
  assert.equal(told('\r\nContent-Type: image/png', noise + attack), 'binary');
});

// Attack: a field is called like one that is not looked at, and by a second name like the one that the server reads.
test('a name that two servers read in two ways is a place that no pattern names', () => {
  const fieldsOf = (head: string) => bodyTold(TYPE, `${part(head, 'v')}--XX--`).fields;
  const form = 'Content-Disposition: form-data';
  for (const head of [
    `${form}; name="signature"; name="q"`,
    `${form}; name="signature"; name*=UTF-8''q`,
    `${form}; name="signature"; name*0=q`,
    `${form}; name="signature"; x-name="q"`,
    `${form}; name="signature"; x="; name=q"`,
    `${form}; name="signature\\"; name="q"`,
    `${form}; name="signature"\r\n${form}; name="q"`,
    `${form}; name="signature"\r\n ; name="q"`,
    `${form}; name="signature"\n\n${form}; name="q"`,
    `${form}; name=" signature"`,
  ])
    assert.ok(!fieldsOf(head).includes('body.signature'), head);
  for (const head of [`${form}; name="signature"`, `${form};name=signature`, `${form}; name="signature"; filename="f"`])
    assert.ok(fieldsOf(head).includes('body.signature'), head);
});

// Attack: a server that knows one line end alone finds another head, and behind it another content.
test('a head that ends at two places is not taken as read', () => {
  const form = 'Content-Disposition: form-data; name';
  for (const head of [`${form}="a"\n\n${form}="q"`, `${form}="a"\r\n\n${form}="q"`])
    assert.deepEqual(bodyTold(TYPE, `${part(head, 'v')}--XX--`).oddities, ['unread at body["a ?"]'], head);
});

// Attack: Python leaves out the signs that Node reads or ends at.
test('Base64 that is read in two ways is not taken as read', () => {
  const read = Buffer.from("1' or 1=1").toString('base64');
  for (const [content, isRead] of [
    [read, true],
    [`${read.slice(0, 8)}\r\n${read.slice(8)}\r\n`, true],
    [`-${read}_`, false],
    [`=${read}`, false],
    [`YQ==\r\n${read}`, false],
  ] as const) {
    const head = 'Content-Disposition: form-data; name="q"\r\nContent-Transfer-Encoding: base64';
    assert.deepEqual(bodyTold(TYPE, `${part(head, content)}--XX--`).oddities, isRead ? [] : ['unread at body.q']);
  }
});
