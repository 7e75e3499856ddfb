import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { sealedItem, sealedItems, textItem, textItems } from './external-items.ts';

// Items are read by hand, for speed: whatever the schema that OpenAPI shows says of one, the hand must say too.
test('the items of a batch are taken and refused as the schema of one item does', () => {
  const odd = ['', 'a\0', '\ud800', null, 1, [], {}];
  const lengths = [200, 201, 65_536, 65_537, 88_000, 88_001].map((length) => 'x'.repeat(length));
  const wide = ['é'.repeat(32_768), 'é'.repeat(32_769), '😀'.repeat(16_384), '😀'.repeat(16_385)];
  const value = fc.oneof(fc.string({ unit: 'binary', maxLength: 4 }), fc.constantFrom(...odd, ...lengths, ...wide));
  const name = fc.oneof({ weight: 6, arbitrary: fc.constant('users') }, { weight: 1, arbitrary: value });
  const names = { table: name, column: name, row: name };
  const extra = fc.oneof(
    { weight: 4, arbitrary: fc.constant({}) },
    { weight: 1, arbitrary: fc.record({ more: value }) },
  );
  const cases = [
    { member: 'text', one: textItem, many: textItems },
    { member: 'sealed', one: sealedItem, many: sealedItems },
  ] as const;
  for (const { member, one, many } of cases) {
    const items = fc.tuple(fc.record({ ...names, [member]: value }), fc.subarray(['table', 'row', member]), extra);
    let taken = 0;
    let refused = 0;
    fc.assert(
      fc.property(items, fc.nat(9), ([item, missing, rest], chance) => {
        const all = Object.entries({ ...item, ...rest });
        const whole = Object.fromEntries(chance > 0 ? all : all.filter(([key]) => !missing.includes(key)));
        const isTaken = many.parse({ items: [whole] })[0]?.kind === 'value';
        assert.equal(isTaken, one.safeParse(whole).success, JSON.stringify(whole).slice(0, 200));
        if (isTaken) taken += 1;
        else refused += 1;
      }),
      { numRuns: 500 },
    );
    assert.ok(taken > 50 && refused > 50, `${taken} taken, ${refused} refused`);
  }
});

test('a flaw names its item and its member, and cuts names that the sender made up', () => {
  const item = { table: 'users', column: 'email', row: '1', text: 'x' };
  const flaws = textItems
    .parse({ items: [item, { ...item, row: 1 }, { ...item, ['y'.repeat(1_000)]: 1 }, { ...item, '\ud800': 1 }] })
    .map((one) => (one.kind === 'flaw' ? one.at : undefined));
  assert.deepEqual(flaws, [undefined, '/items/1/row', `/items/2/${'y'.repeat(64)}`, '/items/3/\ufffd']);
});
