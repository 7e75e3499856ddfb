import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as immediate } from 'node:timers/promises';
import { tenantId } from '../kernel/brand.ts';
import { days, minutes } from '../kernel/clock.ts';
import { platform, type Tx } from '../kernel/tx.ts';
import type { Storage } from '../storage/index.ts';
import { createKeyring, MOST_SEALS } from './keyring.ts';
import {
  type KeysKit,
  NORTH,
  OPERATOR,
  openNode,
  place,
  readNotes,
  SOUTH,
  textOf,
  versionOf,
  withKeys,
  writeNote,
} from './keys-kit.contract.ts';

const rotate = ({ keys }: KeysKit, tenant = NORTH) => keys.rotate({ tenant, reason: 'manual' }, OPERATOR);

test('a sealer that was kept seals under the new key, and opens what the old one sealed', async () => {
  await withKeys(async (kit) => {
    const fields = await kit.vault.fields(NORTH);
    const before = fields.seal(place, 'x');
    kit.clock.advance(1_000);
    const [done] = await rotate(kit);
    const after = fields.seal(place, 'y');
    assert.deepEqual([versionOf(before), versionOf(after)], [done?.old_version, done?.new_version]);
    assert.equal(fields.version, done?.new_version);
    assert.equal(fields.open(place, before), 'x');
    assert.equal(fields.open(place, after), 'y');
  });
});

test('no read and no write fails while the keys of one process rotate under load', async () => {
  await withKeys(async (kit) => {
    let stop = false;
    const counts = { written: 0, read: 0 };
    const write = async (name: number): Promise<void> => {
      for (let n = 0; !stop; n++, counts.written++) {
        await writeNote(kit, kit.storage, `${name}-${n}`, textOf(`${name}-${n}`));
        await immediate();
      }
    };
    const read = async (): Promise<void> => {
      for (; !stop; await immediate()) counts.read += await readNotes(kit, kit.storage);
    };
    const load = Promise.all([write(1), write(2), write(3), read(), read()]);
    const versions = new Set<string>();
    for (let round = 0; round < 30; round++) {
      kit.clock.advance(minutes(1));
      for (const { new_version } of await rotate(kit)) versions.add(new_version);
      const until = counts.written + 10;
      while (counts.written < until) await immediate();
    }
    stop = true;
    await load;
    assert.equal(versions.size, 30);
    assert.equal(await readNotes(kit, kit.storage, 100_000), counts.written);
    assert.ok(counts.read > counts.written, `${counts.read} read`);
  });
});

test('a key is followed when its time is up, with no day left to go, and not before', async () => {
  await withKeys(async ({ vault, keys, clock, entries }) => {
    const { version } = await vault.fields(NORTH);
    clock.advance(days(30) - 1);
    await keys.rotateDue();
    assert.equal((await vault.fields(NORTH)).version, version);
    assert.equal((await keys.status(NORTH)).days_until_rotation, 1);
    clock.advance(1);
    assert.equal((await keys.status(NORTH)).days_until_rotation, 0);
    await keys.rotateDue();
    assert.notEqual((await vault.fields(NORTH)).version, version);
    assert.equal((await keys.status(NORTH)).days_until_rotation, 30);
    const [entry, ...others] = entries;
    assert.equal(others.length, 0);
    assert.equal(entry?.action, 'vault.key_rotated');
    assert.equal(entry?.facts?.['reason'], 'schedule');
    await keys.rotateDue();
    assert.equal(entries.length, 1, 'once is enough');
  });
});

test('a key is followed when it has sealed as many values as it may', async () => {
  await withKeys(async ({ vault, keys, entries }) => {
    const fields = await vault.fields(NORTH);
    await vault.fields(SOUTH);
    for (let n = 0; n < 999; n++) fields.seal(place, 'x');
    await keys.rotateDue();
    assert.equal(entries.length, 0);
    const [first] = (await keys.status(NORTH)).versions;
    assert.equal(first?.seals, 999);
    fields.seal(place, 'x');
    await keys.rotateDue();
    assert.deepEqual(
      entries.map(({ tenantId, facts }) => [tenantId, facts?.['reason']]),
      [[NORTH, 'seals']],
    );
  });
});

test('seals are counted over several vaults, and not lost by a flush that failed', async () => {
  await withKeys(async ({ vault, keys, storage, clock, masters }) => {
    let away = false;
    const write: Storage['write'] = (scope, work) =>
      away ? Promise.reject(new Error('away')) : storage.write(scope, work);
    const node = await openNode({ storage: { ...storage, write }, clock, masters });
    const fields = await node.vault.fields(NORTH);
    fields.seal(place, 'x');
    away = true;
    await assert.rejects(node.keys.flushSeals(), /away/);
    fields.seal(place, 'x');
    away = false;
    await node.keys.flushSeals();
    await node.keys.flushSeals();
    (await vault.fields(NORTH)).seal(place, 'x');
    assert.equal((await keys.status(NORTH)).versions[0]?.seals, 3);
  });
});

test('a key that has sealed 2^31 values seals no more, and still opens', async () => {
  await withKeys(async ({ vault, clock, masters }) => {
    await vault.fields(NORTH);
    const [row] = await vault.dataKeys.versions(NORTH);
    assert.ok(row);
    const ring = createKeyring(NORTH, { masters, clock, onSeal: () => undefined });
    ring.put({ ...row, seals: MOST_SEALS - 1 });
    ring.spend();
    assert.throws(() => ring.spend(), { code: 'VAULT_KEY_SPENT', facts: { version: row.version } });
    assert.equal(ring.of(row.version)?.version, row.version);
  });
});

test('an emergency gives every tenant a new key, and says so for each', async () => {
  await withKeys(async ({ vault, keys, entries }) => {
    const tenants = Array.from({ length: 120 }, (_, n) => tenantId(`tenant-${n}`));
    const before = await Promise.all(tenants.map(async (tenant) => (await vault.fields(tenant)).version));
    const done = await keys.rotate({ reason: 'emergency' }, OPERATOR);
    assert.deepEqual(done.map(({ tenant }) => tenant).sort(), [...tenants].sort());
    const after = await Promise.all(tenants.map(async (tenant) => (await vault.fields(tenant)).version));
    for (const [at, version] of after.entries()) assert.notEqual(version, before[at]);
    assert.equal(entries.filter(({ facts }) => facts?.['reason'] === 'emergency').length, 120);
  });
});

// Attack: a write fails after its key was made, and something is sealed under a key that nobody has.
test('a key of a write that failed is nowhere', async () => {
  await withKeys(async ({ vault, storage }) => {
    const fields = await vault.fields(NORTH);
    const { rotation, announce } = vault.dataKeys;
    const rotateAndFail = async (tx: Tx): Promise<void> => {
      announce(tx, await rotation.follow(tx, NORTH, 'manual', 0));
      throw new Error('undone');
    };
    const { version } = fields;
    await assert.rejects(storage.write(platform, rotateAndFail), /undone/);
    assert.equal(fields.version, version);
    assert.equal((await vault.dataKeys.versions(NORTH)).length, 1);
  });
});

test('a clock that is put back neither stops rotation nor brings an old key back', async () => {
  await withKeys(async (kit) => {
    const { vault, keys, clock } = kit;
    clock.advance(days(3_650));
    const fields = await vault.fields(NORTH);
    const [ahead] = await rotate(kit);
    clock.advance(-days(3_650));
    assert.equal(fields.version, ahead?.new_version);
    await keys.rotateDue();
    const { version } = fields;
    assert.notEqual(version, ahead?.new_version);
    await keys.rotateDue();
    assert.equal(fields.version, version, 'due once');
    assert.equal((await keys.status(NORTH)).current_version, version);
  });
});

test('a tenant that is not used for long is let go, and its sealer learns of keys all the same', async () => {
  await withKeys(
    async (kit) => {
      const fields = await kit.vault.fields(NORTH);
      const sealed = fields.seal(place, 'x');
      for (let n = 0; n < 20; n++) await kit.vault.fields(tenantId(`tenant-${n}`));
      const [done] = await rotate(kit);
      assert.equal(fields.version, done?.new_version);
      assert.equal(await kit.vault.fields(NORTH), fields, 'a tenant has one sealer while somebody holds it');
      assert.equal(fields.open(place, sealed), 'x');
    },
    { maxRings: 3 },
  );
});
