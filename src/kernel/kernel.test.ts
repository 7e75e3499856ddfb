import assert from 'node:assert/strict';
import { test } from 'node:test';
import { format, inspect } from 'node:util';
import { apiKeyId, epochMs, personId, tenantId } from './brand.ts';
import { createSystemRandom, newUuid } from './random.ts';
import { createSecret } from './secret.ts';

test('an id is 1 to 64 plain characters, the whole of it', () => {
  for (const make of [personId, tenantId, apiKeyId]) {
    for (const good of ['a', 'A-b_9', 'x'.repeat(64)]) assert.equal(make(good), good);
    for (const bad of ['', '-a', '_a', 'a\n', '\na', 'a b', 'a/b', 'a.b', 'a\0', 'é', 'x'.repeat(65)]) {
      assert.throws(() => make(bad), TypeError, JSON.stringify(bad));
    }
  }
});

test('a time is a safe integer', () => {
  assert.equal(epochMs(-1), -1);
  for (const bad of [0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53]) assert.throws(() => epochMs(bad), TypeError);
});

test('a UUID is of version 7, carries its moment and sorts by it', () => {
  const random = createSystemRandom();
  const at = (ms: number) => newUuid({ now: () => epochMs(ms) }, random);
  const ids = [0, 1, 1_795_262_400_000, 1_795_262_400_001, 2 ** 48 - 1].map(at);
  for (const id of ids) assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  assert.deepEqual(ids.toSorted(), ids);
  assert.ok(at(1_795_262_400_000).startsWith('01a1fdfa-4600-7'));
  assert.equal(new Set(Array.from({ length: 10_000 }, () => at(5))).size, 10_000);
});

test('random bytes are never handed out twice, and belong to whoever asked', () => {
  const random = createSystemRandom();
  const drawn = Array.from({ length: 5_000 }, () => random.bytes(16));
  assert.equal(new Set(drawn.map((bytes) => bytes.toString('hex'))).size, 5_000);
  const [first] = drawn;
  first?.fill(0);
  assert.ok(drawn.slice(1).every((bytes) => bytes.some((byte) => byte !== 0)));
  for (const size of [0, 1, 1_024, 1_025, 100_000]) assert.equal(random.bytes(size).length, size);
});

// Attack: a secret is printed by a careless log line.
test('a secret prints nowhere', () => {
  const secret = createSecret('hunter2');
  const printed = [
    String(secret),
    `${secret}`,
    JSON.stringify({ secret }),
    inspect({ secret }, { showHidden: true }),
    format('%s %o %j', secret, secret, secret),
  ];
  for (const text of printed) assert.ok(!text.includes('hunter2') && text.includes('[secret]'), text);
  assert.equal(secret.reveal(), 'hunter2');
});
