import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { requestId } from '../kernel/brand.ts';
import { TwinkeepError } from '../kernel/errors.ts';
import {
  cookieOf,
  headerText,
  httpFault,
  idText,
  mediaType,
  parseJson,
  readCookie,
  storableText,
  tellable,
  wholeNumber,
} from './index.ts';
import { problemOf } from './problem.ts';

const ID = requestId('01990000-0000-7000-8000-000000000000');
const options = { path: '/v1/token', maxAgeS: 60, secure: true };

test('a cookie is for the server alone and for its own site', () => {
  assert.equal(
    cookieOf('tk_device', 'a.b-c_~', options),
    'tk_device=a.b-c_~; Path=/v1/token; Max-Age=60; HttpOnly; SameSite=Strict; Secure',
  );
});

// Attack: a value with a line end or a semicolon adds attributes, headers or another answer.
test('a cookie takes no character that could end it', () => {
  for (const bad of ['a;b', 'a\r\nSet-Cookie: x=y', 'a b', 'a,b', '"', 'é', '\0', 'x'.repeat(4_001)]) {
    assert.throws(() => cookieOf('tk_device', bad, options), TypeError);
    assert.throws(() => cookieOf(bad, 'x', options), TypeError);
  }
});

// Attack: a neighbouring site plants a cookie of our name beside ours.
test('of two cookies with one name neither counts', () => {
  assert.equal(readCookie('a=1; tk_device=x; b=2', 'tk_device'), 'x');
  assert.equal(readCookie('tk_device=x; tk_device=y', 'tk_device'), undefined);
  assert.equal(readCookie('xtk_device=1', 'tk_device'), undefined);
  assert.equal(readCookie('tk_devicex=1', 'tk_device'), undefined);
  assert.equal(readCookie('', 'tk_device'), undefined);
  assert.equal(readCookie(undefined, 'tk_device'), undefined);
});

test('facts of a fault stand beside the standard members and never over them', () => {
  const facts = { type: 'x', title: 'x', status: 200, code: 'x', instance: 'x', max_bytes: 5 };
  assert.deepEqual(problemOf(tellable(httpFault('HTTP_BODY_TOO_LARGE', facts)), ID), {
    type: 'urn:twinkeep:error:HTTP_BODY_TOO_LARGE',
    title: 'The body is too large.',
    status: 413,
    code: 'HTTP_BODY_TOO_LARGE',
    instance: `urn:uuid:${ID}`,
    max_bytes: 5,
  });
});

// Attack: an error that nobody foresaw tells how the server is made.
test('what is no fault of the caller says nothing of itself', () => {
  const inner = new TwinkeepError('STORAGE_BROKEN', 'internal', 'select * from person', { sql: 'select' });
  for (const error of [new Error('secret'), inner, 'secret', undefined, null, { code: 'X', kind: 'invalid' }]) {
    const problem = problemOf(tellable(error), ID);
    assert.deepEqual([problem.status, problem.code], [500, 'INTERNAL']);
    assert.ok(!/secret|select/.test(JSON.stringify(problem)));
  }
});

test('any JSON that is not too deep is read as it is', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 8 }), (value) => {
      assert.deepEqual(parseJson(Buffer.from(JSON.stringify(value))), JSON.parse(JSON.stringify(value)));
    }),
  );
  assert.equal(parseJson(Buffer.from('"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\\""')), `${'['.repeat(43)}"`);
  assert.doesNotThrow(() => parseJson(Buffer.from('['.repeat(32) + ']'.repeat(32))));
});

test('a media type is told without its parameters', () => {
  assert.equal(mediaType('Application/JSON ; charset=utf-8'), 'application/json');
  assert.equal(mediaType(undefined), '');
});

test('a header is read as UTF-8 where it is that, and else as its bytes', () => {
  const sent = (text: string) => Buffer.from(text).toString('latin1');
  assert.equal(headerText(sent('Zoë 😀'), 256), 'Zoë 😀');
  assert.equal(headerText('Zo\xeb', 256), 'Zoë');
  assert.equal(headerText(sent('😀😀'), 3), '😀\ufffd');
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (text) => headerText(sent(text), 10_000) === text.toWellFormed()),
  );
});

test('numbers, ids and texts are taken whole or not at all', () => {
  const number = wholeNumber(1, 1_000);
  for (const good of ['1', '999', '1000']) assert.equal(number.parse(good), Number(good));
  for (const bad of ['0', '1001', '01', '1e2', '0x1', '+1', '-1', ' 1', '1\n', '1.0', '', '١', 1]) {
    assert.equal(number.safeParse(bad).success, false, String(bad));
  }
  for (const bad of ['', '-a', '_a', 'a\n', 'a b', 'a/b', 'x'.repeat(65), 'é', '..']) {
    assert.equal(idText.safeParse(bad).success, false, bad);
  }
  assert.equal(idText.safeParse('A-b_9').success, true);
  for (const bad of ['', '\0', 'a\0', '\ud800', '\udc00\ud800', 'xxxx']) {
    assert.equal(storableText(1, 3).safeParse(bad).success, false);
  }
  assert.equal(storableText(1, 3).safeParse('a\n😀'.slice(0, 3)).success, false);
  assert.equal(storableText(1, 4).safeParse('a\n😀').success, true);
});
