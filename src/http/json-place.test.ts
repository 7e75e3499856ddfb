import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { faultInJson } from './json-place.ts';

/** The longest thing that is told by its beginning: a number, a word, an escape. */
const LONGEST = 32;

const isJson = (text: string): boolean => {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
};

test('the place is that of the first thing which cannot stand where it does', () => {
  const places: [string, number][] = [
    ['', 0],
    ['  ', 2],
    ['nope', 0],
    ['truee', 0],
    ['[1 2]', 3],
    ['[1,]', 3],
    ['{,}', 1],
    ['{"a" 1}', 5],
    ['{"a":}', 5],
    ['{"a":1 "b":2}', 7],
    ['{"a":"b', 7],
    ['["\\u12x4"]', 2],
    ['["a\tb"]', 3],
    ['[-]', 1],
    ['[+1]', 1],
    ['[.5]', 1],
    ['[1.]', 1],
    ['[1e]', 1],
    ['1 1', 2],
    ['{"a":{"b":[1,{"c":tru}]}}', 18],
  ];
  for (const [text, place] of places) assert.equal(faultInJson(text), place, text);
});

test('a text that was cut off is faulty at its end, or where the thing that was cut begins', () => {
  fc.assert(
    fc.property(fc.json({ maxDepth: 6 }), fc.nat(), (json, at) => {
      const cut = json.slice(0, at % json.length);
      fc.pre(!isJson(cut));
      const place = faultInJson(cut);
      assert.ok(place <= cut.length && place >= cut.length - LONGEST);
    }),
    { numRuns: 500 },
  );
});

test('a character that is good nowhere is found where it stands', () => {
  fc.assert(
    fc.property(fc.json({ maxDepth: 6 }), fc.nat(), (json, at) => {
      const where = at % json.length;
      const place = faultInJson(`${json.slice(0, where)}\u0001${json.slice(where)}`);
      assert.ok(place <= where && place >= where - LONGEST);
    }),
    { numRuns: 500 },
  );
});

test('a long string does not overflow anything', () => {
  assert.equal(faultInJson(`"${'\\u0041'.repeat(600_000)}`), 3_600_001);
});
