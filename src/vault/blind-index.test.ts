import assert from 'node:assert/strict';
import { createSecretKey } from 'node:crypto';
import { test } from 'node:test';
import { minutes } from '../kernel/clock.ts';
import { platform } from '../kernel/tx.ts';
import { createBlindIndexer } from './blind-index.ts';
import {
  findNotes,
  NORTH,
  OPERATOR,
  openNode,
  place,
  random,
  SOUTH,
  withKeys,
  writeNote,
} from './keys-kit.contract.ts';

const email = { table: 'person', column: 'email' };

test('an index value is the same for the same value of a column, and says nothing of any other place', async () => {
  await withKeys(async ({ vault, storage, clock, masters }) => {
    const fields = await vault.fields(NORTH);
    const value = fields.index(email, 'ada@example.org');
    assert.match(value, /^bi1\.v_\d{8}_\d{6}_[0-9a-f]{4}\.[A-Za-z0-9_-]{22}$/);
    assert.equal(fields.index(email, 'ada@example.org'), value);
    const again = await openNode({ storage, clock, masters });
    assert.equal((await again.vault.fields(NORTH)).index(email, 'ada@example.org'), value);
    const others = [
      fields.index(email, 'bob@example.org'),
      fields.index({ ...email, column: 'backup' }, 'ada@example.org'),
      fields.index({ ...email, table: 'customer' }, 'ada@example.org'),
      (await vault.fields(SOUTH)).index(email, 'ada@example.org'),
    ];
    const tags = [value, ...others].map((each) => each.slice(each.lastIndexOf('.')));
    assert.equal(new Set(tags).size, 5);
  });
});

test('while values stand under two keys, both are found', async () => {
  await withKeys(async (kit) => {
    const { vault, keys, storage } = kit;
    await writeNote(kit, storage, '1', 'same');
    await keys.rotate({ tenant: NORTH, reason: 'manual' }, OPERATOR);
    await writeNote(kit, storage, '2', 'same');
    await writeNote(kit, storage, '3', 'other');
    const fields = await vault.fields(NORTH);
    const both = fields.indexes(place, 'same');
    assert.equal(both.length, 2);
    assert.equal(both[0], fields.index(place, 'same'), 'the newest first');
    assert.equal(await findNotes(storage, both), 2);
  });
});

test('a version is not looked for once it is emptied or destroyed, except for values that are kept outside', async () => {
  await withKeys(async ({ vault, keys, storage, clock }) => {
    const fields = await vault.fields(NORTH);
    const { version } = fields;
    clock.advance(minutes(1));
    await keys.rotate({ tenant: NORTH, reason: 'manual' }, OPERATOR);
    await keys.importLegacy(NORTH, { algorithm: 'aes-gcm', bytes: random.bytes(32) }, OPERATOR);
    const count = (table: string): number => fields.indexes({ table, column: 'email' }, 'x').length;
    assert.equal(count('person'), 2);
    clock.advance(minutes(1));
    await storage.write(platform, (tx) => vault.dataKeys.markEmptied(tx, NORTH, version));
    assert.deepEqual([count('person'), count('external.users')], [1, 2]);
    await keys.destroy(NORTH, version, { externalRewrapped: false }, OPERATOR);
    assert.deepEqual([count('person'), count('external.users')], [1, 1]);
  });
});

// Attack: columns are named without end, so that the keys derived for them fill the memory.
test('however many columns are named, each has its value and few keys are kept', () => {
  const index = createBlindIndexer();
  const key = { tenantId: NORTH, version: 'v_20261121_120000_a1b2', key: createSecretKey(random.bytes(32)) };
  const values = Array.from({ length: 2_000 }, (_, n) => index(key, { table: 'external.t', column: `c${n}` }, 'x'));
  assert.equal(new Set(values).size, 2_000);
  assert.equal(index(key, { table: 'external.t', column: 'c0' }, 'x'), values[0]);
});
