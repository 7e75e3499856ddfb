import assert from 'node:assert/strict';
import { test } from 'node:test';
import { walkBody } from './body.ts';
import { bodyTold } from './walk-kit.contract.ts';

const FORM = 'application/x-www-form-urlencoded';

test('a form is visited by name and value', () => {
  const { values, names } = bodyTold(FORM, 'q=a+b&q=%27&e');
  assert.deepEqual(values, ['body.q = a b', "body.q[1] = '", 'body = e']);
  assert.deepEqual(names, ['body.q: q', 'body.q[1]: q']);
});

// Attack: the type is wrong, and the server reads by what it sees; curl sends JSON as a form unless told.
test('JSON, XML and forms are read as what they look like and as text, under a wrong type and under none', () => {
  for (const type of ['text/plain', 'image/png', 'application/octet-stream', 'x', undefined, FORM]) {
    assert.ok(bodyTold(type, ' {"a":"\\u006darker"}').values.includes('body.a = marker'), type);
    assert.ok(bodyTold(type, ' {"a":"b"}').values.includes('body =  {"a":"b"}'), type);
    assert.ok(bodyTold(type, '<a b="marker"/>').values.includes('body.a.@b = marker'), type);
    assert.ok(bodyTold(type, 'a=%6d%61rker&b=1').values.includes('body.a = marker'), type);
  }
  assert.ok(bodyTold('application/json', 'a=%6darker').values.includes('body.a = marker'));
  assert.ok(bodyTold('application/json', '<a b="marker"/>').values.includes('body.a.@b = marker'));
  assert.ok(bodyTold('application/xml', '{"a":"\\u006darker"}').values.includes('body.a = marker'));
});

test('plain text, GraphQL and the like are visited whole, whatever brackets they hold', () => {
  const texts = ['hello', '[a link](https://x.example)', '{{greeting}}, world', 'query { meters(id: "1") { id } }'];
  for (const text of texts) {
    for (const type of ['text/plain', 'application/graphql', undefined]) {
      const { values, oddities } = bodyTold(type, text);
      assert.deepEqual(oddities, []);
      assert.equal(values[0], `body = ${text}`);
    }
  }
});

test('lines of JSON are visited each; a line that is none is malformed and visited raw', () => {
  const { values, oddities } = bodyTold('application/x-ndjson', '{"a":"1"}\r\n\n\x1e{"a":"2"}\nbroken{\n{"a":"3"}');
  assert.deepEqual(values, ['body[0].a = 1', 'body[2].a = 2', 'body[3] = broken{', 'body[4].a = 3']);
  assert.deepEqual(oddities, ['malformed at body']);
});

test('XML is visited whole, and its attributes, texts and CDATA one by one with their entities', () => {
  const xml =
    '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY e SYSTEM "file:///x">]><a b="&lt;x" c=\'y\'>&e;<d><![CDATA[<z>]]></d></a>';
  const { values } = bodyTold('image/svg+xml', xml);
  assert.equal(values[0], `body = ${xml}`);
  for (const value of ['body.a.@b = &lt;x', 'body.a.@c = y', 'body.a = &e;', 'body.d = <z>']) {
    assert.ok(values.includes(value), value);
  }
});

// Attack: an encoding that the server knows and the inspection does not.
test('UTF-16 and UTF-32 are read by name, by byte order mark and by how they look', () => {
  const json = '{"a":"märker"}';
  const le = Buffer.from(json, 'utf16le');
  const be = Buffer.from(le).swap16();
  const utf32 = Buffer.from(Uint32Array.from(json, (letter) => letter.codePointAt(0) ?? 0).buffer);
  const ways: [string | undefined, Buffer][] = [
    ['application/json; charset=utf-16le', le],
    ['application/json; charset="UTF-16BE"', be],
    ['application/json; charset=utf-16', le],
    ['application/json; charset=utf-16', be],
    ['application/json', le],
    ['application/json', be],
    ['application/json', Buffer.concat([Buffer.from([0xff, 0xfe]), le])],
    ['application/json; charset=utf-8', Buffer.concat([Buffer.from([0xfe, 0xff]), be])],
    [undefined, le],
    [undefined, be],
    ['application/json; charset=utf-32', utf32],
    ['application/json', Buffer.from(utf32).swap32()],
    ['application/json', Buffer.concat([Buffer.from([0xff, 0xfe, 0, 0]), utf32])],
    ['application/json; charset=iso-8859-1', Buffer.from(json, 'latin1')],
    ['application/json; charset=windows-1252', Buffer.from(json, 'latin1')],
    ['application/json', Buffer.from(json, 'latin1')],
    ['application/json', Buffer.from(`\ufeff${json}`)],
    ['application/json; charset=windows-1252', Buffer.from(json)],
  ];
  for (const [type, bytes] of ways) {
    const { values, oddities } = bodyTold(type, bytes);
    assert.ok(values.includes('body.a = märker'), `${type} ${bytes.toString('hex')}`);
    assert.ok(!oddities.some((oddity) => oddity.startsWith('charset')), type);
  }
});

test('an XML text is read in the encoding that it names inside', () => {
  const xml = Buffer.from('<?xml version="1.0" encoding="shift_jis"?><a>\x83\x5c</a>', 'latin1');
  assert.ok(bodyTold('application/xml', xml).values.includes('body.a = ソ'));
});

test('a charset that is not known is named, and the body read as UTF-8', () => {
  for (const charset of ['utf-7', 'ibm037', 'x-none', 'iso-2022-kr', "utf-8'"]) {
    const { values, oddities } = bodyTold(`application/json; charset=${charset}`, '{"a":"b"}');
    assert.ok(values.includes('body.a = b'), charset);
    assert.deepEqual(oddities, charset === "utf-8'" ? [] : ['charset at body'], charset);
  }
  assert.deepEqual(bodyTold('text/xml', '<?xml version="1.0" encoding="utf-7"?><a/>').oddities, ['charset at body']);
});

test('of binary content the runs of text are seen, also in UTF-16', () => {
  const noise = Buffer.from(Array.from({ length: 2_000 }, (_, at) => (at * 37) % 32));
  const shell = Buffer.from('<?php system(1);');
  for (const type of ['image/png', undefined]) {
    const { texts, oddities } = bodyTold(
      type,
      Buffer.concat([noise, shell, noise, Buffer.from('wide text', 'utf16le')]),
    );
    assert.deepEqual(oddities, []);
    assert.deepEqual(texts, ['<?php system(1);', 'wide text']);
  }
});

test('what is binary is said to be, each run by itself with its lines; UTF-16 and JSON in it are text', () => {
  const noise = Buffer.from(Array.from({ length: 300 }, (_, at) => 128 + (at % 64)));
  const told: string[] = [];
  const walk = (body: Buffer) => {
    told.length = 0;
    walkBody({ 'content-type': 'image/png' }, body, (text, cursor) => told.push(`${cursor.isBinary}: ${text}`));
    return told;
  };
  const run = '<?php\r\n\x0cid();\v//';
  assert.deepEqual(walk(Buffer.concat([noise, Buffer.from(run), noise, Buffer.from('second run'), noise])), [
    `true: ${run}`,
    'true: second run',
  ]);
  assert.ok(walk(Buffer.from('wide text of one script', 'utf16le')).includes('false: wide text of one script'));
  // Attack: signs that JSON may hold make noise of it, and the server parses it all the same.
  assert.ok(walk(Buffer.from(`{"a":"marker","b":"${'\x7f'.repeat(90)}"}`)).includes('false: marker'));
});

// Attack: the code points of EBCDIC say `marker` to a parser that heeds what an XML text names inside.
test('a charset that honest clients send is read or unsupported, a foreign one is an attack', () => {
  const kindsOf = (type: string, body: string) =>
    walkBody({ 'content-type': type }, Buffer.from(body, 'latin1'), () => {}).map(
      ({ code, kind }) => `${code} ${kind}`,
    );
  for (const charset of ['utf8mb4', 'cp1252', 'cp437', 'ibm850', 'windows-1251', 'cp866'])
    assert.deepEqual(kindsOf(`application/json; charset=${charset}`, '{"a":"\xe9"}'), [], charset);
  assert.deepEqual(kindsOf('text/plain; charset=x-none', 'a'), ['charset unsupported']);
  assert.deepEqual(kindsOf('text/plain; charset=ibm037', 'a'), ['charset undefined']);
  assert.deepEqual(kindsOf('text/xml', '<?xml version="1.0" encoding="cp037"?><a/>'), ['charset undefined']);
  assert.deepEqual(kindsOf('text/xml', '<?xml version="1.0" encoding="UTF-7"?><a/>'), ['charset undefined']);
});

// Attack: what a parser joins is parted by comments, CDATA and entities.
test('the text of an XML element is visited as parsers join it', () => {
  const doctype = '<!DOCTYPE a [<!ENTITY u "un"><!ENTITY v "&u;ion">]>';
  for (const inside of [
    'a <!-- x -->union<!-- y --> b',
    'a <![CDATA[uni]]><![CDATA[on]]> b',
    'a u<?x y?>nion b',
    'a &#117;&#x6e;ion b',
    'a &u;<!-- x -->io<![CDATA[n]]> b',
    'a &v; b',
  ]) {
    const { values } = bodyTold('application/xml', `${doctype}<a><c>${inside}</c></a>`);
    assert.ok(values.includes('body.c = a union b'), inside);
  }
  assert.ok(bodyTold('text/xml', '<a b="&#x27; or"/>').values.includes("body.a.@b = ' or"));
  assert.ok(bodyTold('text/xml', '<a><![CDATA[&lt;b]]></a>').values.includes('body.a = &lt;b'));
});

// Attack: entities within entities, a billion of them.
test('entities that grow without end are resolved as far as the bound goes', () => {
  const declared = Array.from({ length: 12 }, (_, at) => `<!ENTITY e${at + 1} "${`&e${at};`.repeat(10)}">`).join('');
  const xml = `<!DOCTYPE a [<!ENTITY e0 "laugh">${declared}]><a>${'&e12;'.repeat(2_000)}</a>`;
  const { texts } = bodyTold('application/xml', xml);
  assert.ok(texts.join('').length < 500_000);
});

// Attack: a value is hidden in Base64, where the application decodes it.
test('a whole value in Base64 is visited decoded as well, and a token by its claims', () => {
  const base64 = (text: string) => Buffer.from(text, 'latin1').toString('base64');
  const jsonOf = (value: string) => bodyTold('application/json', JSON.stringify({ a: value })).values;
  assert.deepEqual(jsonOf(base64('marker or 1=1--')).slice(1), ['body.a = marker or 1=1--']);
  assert.deepEqual(jsonOf(base64('{"b":"marker"}')).slice(1), ['body.a = {"b":"marker"}', 'body.a.b = marker']);
  assert.deepEqual(jsonOf(base64('\x80\x02cposix\nsystem\nq\x00')).length, 2);
  const token = `${base64('{"kid":"marker"}')}.${base64('{"sub":"it"}')}.c2ln`.replaceAll('=', '');
  assert.deepEqual(jsonOf(token).slice(1), ['body.a.kid = marker', 'body.a.sub = it']);
  for (const plain of [
    '0b9a2c3e-7d41-4f58-8c6a-1e2f3a4b5c6d',
    'temperatureSensorHall3',
    'x'.repeat(20),
    '1764000000000000',
  ])
    assert.deepEqual(jsonOf(plain), [`body.a = ${plain}`], plain);
});

test('an empty body has nothing', () => {
  assert.deepEqual(bodyTold('application/json', '').texts, []);
});

test('more text than four million characters is cut and said to be', () => {
  const { texts, oddities } = bodyTold('text/plain', Buffer.alloc(4_194_400, 'a'));
  assert.deepEqual(oddities, ['cut at body']);
  assert.equal(texts.join('').length, 4_194_304);
});
