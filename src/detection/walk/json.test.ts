import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { bodyTold } from './walk-kit.contract.ts';

const JSON_TYPE = 'application/json';
const jsonTold = (body: string) => bodyTold(JSON_TYPE, body);

test('names and texts of JSON are visited with their places', () => {
  const { values, names, fields, oddities } = jsonTold('{"items":[{"name":"x"},2,{"Name":"y"}],"n":null}');
  assert.deepEqual(values, ['body.items[0].name = x', 'body.items[2].Name = y']);
  assert.deepEqual(names, ['body.items: items', 'body.items[0].name: name', 'body.items[2].Name: Name', 'body.n: n']);
  assert.ok(fields.includes('body.items.name'));
  assert.deepEqual(oddities, []);
});

// Attack: of two members of one name a server takes the other one than the inspection.
test('members of the same name are visited each', () => {
  assert.deepEqual(jsonTold('{"a":"1","a":"2"}').values, ['body.a = 1', 'body.a = 2']);
});

test('escapes are undone as JSON has them', () => {
  assert.deepEqual(jsonTold(String.raw`["\u0041\"\\\/\b\f\n\r\t\ud83d\ude00"]`).texts, ['A"\\/\b\f\n\r\t😀']);
});

test('what lenient parsers take is taken: comments, last commas, bare and single-quoted names, NaN', () => {
  const { values, names, oddities } = jsonTold(`// one\n{a: NaN, 'b': 'x', /* two */ "c": [-Infinity, .5, "y",],}`);
  assert.deepEqual(oddities, []);
  assert.deepEqual(values, ['body =  one', 'body.b = x', 'body.b =  two ', 'body.c[2] = y']);
  assert.deepEqual(names, ['body.a: a', 'body.b: b', 'body.c: c']);
});

test('broken JSON is malformed and visited raw', () => {
  const broken = [
    '{',
    '{"a"',
    '{"a" "b"}',
    '{"a":}',
    '["x"',
    '["x" "y"]',
    '[1}',
    '"x',
    '{"a":1}}',
    '{}{}',
    '[,]',
    'x',
    '["\\q"]',
  ];
  for (const body of broken) {
    const { texts, oddities } = jsonTold(body);
    assert.deepEqual(oddities, ['malformed at body'], body);
    assert.ok(texts.includes(body), body);
  }
});

// Attack: a prototype is polluted, or a check trips over the name.
test('names of the prototype are names like others', () => {
  const { names } = jsonTold('{"__proto__":{"constructor":{"toString":"x"}}}');
  assert.deepEqual(names.length, 3);
});

test('JSON inside a text is visited inside once', () => {
  const inner = JSON.stringify({ b: JSON.stringify({ c: 'deep' }) });
  const { values } = jsonTold(JSON.stringify({ a: inner }));
  assert.deepEqual(values, [`body.a = ${inner}`, 'body.a.b = {"c":"deep"}']);
  assert.deepEqual(jsonTold('{"a":"[not json"}').oddities, []);
});

// Attack: nesting deeper than a walk follows.
test('nesting beyond 64 is noted and walked, and very deep nesting visited raw', () => {
  const nested = (depth: number) => `${'[{"a":'.repeat(depth)}"marker"${'}]'.repeat(depth)}`;
  assert.deepEqual(jsonTold(nested(32)).oddities, []);
  const deep = jsonTold(nested(300));
  assert.match(deep.oddities.join(), /^too-deep at body/);
  assert.ok(deep.texts.includes('marker'));
  const deeper = jsonTold(nested(20_000));
  assert.ok(deeper.texts.some((text) => text.includes('marker')));
});

// Attack: the attack stands at an index that nobody reaches.
test('late texts are visited in windows of their field, parted as rules begin', () => {
  const { texts, values, oddities } = jsonTold(
    JSON.stringify([...Array.from({ length: 15_000 }, () => 'x'), '../marker', 'marker']),
  );
  assert.ok(texts.length < 10_020);
  assert.deepEqual(oddities, ['too-many at body[10000]']);
  assert.ok(values.includes('body[15000] = ../marker'));
  assert.match(values.at(-1) ?? '', /^body\[\d{5}\] = x , x .* , x , marker$/);
  const odd = jsonTold(JSON.stringify([...Array.from({ length: 15_000 }, (_, at) => `'${at}`), '../marker', 'marker']));
  assert.ok(odd.texts.length < 12_020);
  assert.match(odd.values.at(-1) ?? '', / , '14999 ,\.\.\/marker , marker$/);
});

// Attack: what stands late hides in the window of a field that a route does not look at.
test('late texts of different fields are not mixed, and of very many fields in one place of its own', () => {
  const many = Array.from({ length: 12_000 }, (_, at) => `"f${at}":"${at}"`);
  const { texts, fields, oddities } = jsonTold(
    `{"a":[${'"x",'.repeat(10_000)}"y"],"pass":"secret",${many.join()},"z":"marker"}`,
  );
  assert.deepEqual(oddities.length, 1);
  const at = (text: RegExp) => fields[texts.findIndex((one) => text.test(one))];
  assert.equal(at(/^secret$/), 'body.pass');
  assert.equal(at(/ , marker$/), 'body[…]');
  assert.ok(texts.length < 10_200);
});

test('ten thousand readings of one form are walked to the end: their names are visited once', () => {
  const readings = Array.from({ length: 9_000 }, (_, at) => ({ meter: `M${at}`, kwh: 1.5, power_factor: 0.9 }));
  const { names, texts, oddities } = jsonTold(JSON.stringify({ readings }));
  assert.deepEqual(oddities, []);
  assert.ok(names.length < 100);
  assert.ok(texts.includes('M8999'));
});

const everyText = (value: unknown): readonly string[] => {
  if (typeof value === 'string') return [value];
  if (Array.isArray(value)) return value.flatMap(everyText);
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, member]) => [name, ...everyText(member)]);
};

test('every text of whatever JSON value is visited, with nothing to complain of', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 8 }), fc.constantFrom(0, 2), (value, indent) => {
      const { texts, oddities } = jsonTold(JSON.stringify(value, null, indent));
      assert.deepEqual(oddities, []);
      const visited = new Set(texts);
      for (const text of everyText(JSON.parse(JSON.stringify(value))))
        assert.ok(text === '' || visited.has(text), text);
    }),
    { numRuns: 500 },
  );
});

test('what is not JSON to V8 and no leniency of ours is malformed', () => {
  const isJson = (text: string): boolean => {
    try {
      JSON.parse(text);
      return true;
    } catch {
      return false;
    }
  };
  const token = fc.constantFrom('{', '}', '[', ']', ',', ':', '"a"', '1', 'true', ' ', '"');
  fc.assert(
    fc.property(fc.array(token, { minLength: 1, maxLength: 8 }), (tokens) => {
      const text = tokens.join('');
      const { oddities } = jsonTold(text);
      if (isJson(text)) assert.deepEqual(oddities, [], text);
      // `{1:1}` and a comma before the end are what we take beyond JSON.
      else if (!/,\s*[\]}]|[{,]\s*(?:1|true)/.test(text)) assert.deepEqual(oddities, ['malformed at body'], text);
    }),
    { numRuns: 3_000 },
  );
});
