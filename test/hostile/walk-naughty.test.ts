import assert from 'node:assert/strict';
import type { IncomingHttpHeaders } from 'node:http';
import { walkBody } from '../../src/detection/walk/body.ts';
import { walkHead } from '../../src/detection/walk/head.ts';
import { vectorTest } from '../vectors/vectors.ts';
import { NAUGHTY, stringsIn } from './naughty.ts';

/** A byte order mark at the beginning is none of the text. */
const withoutMark = (text: string): string => text.replace(/^\ufeff/, '');

const textsOfHead = (url: string, headers: IncomingHttpHeaders = {}): ReadonlySet<string> => {
  const texts = new Set<string>();
  const oddities = walkHead({ method: 'GET', url, headers }, (text, cursor) => {
    assert.ok(cursor.at().length <= 257);
    texts.add(text);
  });
  assert.deepEqual(oddities, []);
  return texts;
};

const textsOfBody = (type: string, body: string | Uint8Array): ReadonlySet<string> => {
  const texts = new Set<string>();
  const bytes = typeof body === 'string' ? Buffer.from(body) : body;
  const oddities = walkBody({ 'content-type': type }, bytes, (text, cursor) => {
    assert.ok(cursor.at().length <= 257);
    texts.add(text);
  });
  assert.deepEqual(oddities, []);
  return texts;
};

vectorTest('every naughty string is visited as it is from every place of a request', NAUGHTY, (file) => {
  for (const naughty of stringsIn(file)) {
    if (withoutMark(naughty) === '') continue;
    const encoded = encodeURIComponent(naughty.toWellFormed());
    const decoded = naughty.toWellFormed();
    const what = JSON.stringify(naughty);
    const form = 'application/x-www-form-urlencoded';
    assert.ok(textsOfHead(`/${encoded}`).has(decoded), what);
    assert.ok(textsOfHead(`/?a=${encoded}`).has(decoded), what);
    assert.ok(textsOfHead(`/?${encoded}=a`).has(decoded), what);
    assert.ok(textsOfHead('/', { cookie: `a=${encoded}` }).has(decoded), what);
    assert.ok(textsOfHead('/', { 'x-own': naughty }).has(naughty), what);
    assert.ok(textsOfBody(form, `a=${encoded}&b=c`).has(decoded), what);
    assert.ok(textsOfBody('application/json', JSON.stringify({ a: [naughty] })).has(naughty), what);
    assert.ok(textsOfBody('application/json', JSON.stringify({ [naughty]: 1 })).has(naughty), what);
    assert.ok(textsOfBody('text/plain', decoded).has(withoutMark(decoded)), what);
    const wide = Buffer.from(JSON.stringify({ a: decoded }), 'utf16le');
    assert.ok(textsOfBody('application/json; charset=utf-16le', wide).has(decoded), what);
    const part = `--B\r\nContent-Disposition: form-data; name="a"\r\n\r\n${decoded}\r\n--B--\r\n`;
    assert.ok(textsOfBody('multipart/form-data; boundary=B', part).has(withoutMark(decoded)), what);
  }
});
