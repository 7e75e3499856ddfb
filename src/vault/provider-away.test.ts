import assert from 'node:assert/strict';
import { test } from 'node:test';
import { personId } from '../kernel/brand.ts';
import { platform } from '../kernel/tx.ts';
import type { Storage } from '../storage/index.ts';
import { type KeysKit, NORTH, OPERATOR, openNode, place, random, SOUTH, withKeys } from './keys-kit.contract.ts';

const ADA = personId('ada');
const BOB = personId('bob');
const away = { code: 'VAULT_PROVIDER_AWAY', kind: 'unavailable' };

const rotate = ({ keys }: KeysKit) => keys.rotate({ tenant: NORTH, reason: 'manual' }, OPERATOR);

test('while the provider is away open keys go on, and new ones are refused', async () => {
  await withKeys(async (kit) => {
    const { vault, keys, masters } = kit;
    const fields = await vault.fields(NORTH);
    const sealed = fields.seal(place, 'x');
    masters.away = 'within grace';
    assert.equal((await vault.fields(NORTH)).open(place, sealed), 'x');
    assert.equal(fields.open(place, fields.seal(place, 'y')), 'y');
    assert.equal(fields.indexes(place, 'x').length, 1);
    await assert.rejects(vault.fields(SOUTH), away);
    await assert.rejects(rotate(kit), away);
    const legacy = { algorithm: 'fernet', bytes: random.bytes(32) } as const;
    await assert.rejects(keys.importLegacy(NORTH, legacy, OPERATOR), away);
    masters.away = 'no';
    assert.notEqual((await rotate(kit))[0]?.new_version, undefined);
    await vault.fields(SOUTH);
  });
});

test('past the grace open keys are refused as well, and work again when the provider is back', async () => {
  await withKeys(async ({ vault, keys, masters }) => {
    const fields = await vault.fields(NORTH);
    const sealed = fields.seal(place, 'x');
    await keys.importLegacy(NORTH, { algorithm: 'fernet', bytes: random.bytes(32) }, OPERATOR);
    masters.away = 'past grace';
    assert.throws(() => fields.open(place, sealed), away);
    assert.throws(() => fields.seal(place, 'x'), away);
    assert.throws(() => fields.index(place, 'x'), away);
    assert.throws(() => fields.indexes(place, 'x'), away);
    await assert.rejects(keys.legacyKeys(NORTH), away);
    masters.away = 'no';
    assert.equal(fields.open(place, sealed), 'x');
  });
});

test('keys that were not open when the provider went away open when it is back, without a restart', async () => {
  await withKeys(async ({ vault, storage, clock, masters }) => {
    const sealed = (await vault.fields(NORTH)).seal(place, 'x');
    const node = await openNode({ storage, clock, masters });
    masters.away = 'within grace';
    const fields = await node.vault.fields(NORTH);
    assert.throws(() => fields.open(place, sealed), away);
    assert.throws(() => fields.seal(place, 'x'), away);
    masters.away = 'no';
    assert.equal(fields.open(place, sealed), 'x');
  });
});

// A key that another process made cannot be opened here; the one before it is not destroyed within a minute.
test('a new key that cannot be opened leaves the one before it to seal for half a minute', async () => {
  await withKeys(async (kit) => {
    const { storage, clock, masters } = kit;
    const shared: Storage = { ...storage, dialect: 'postgres' };
    const node = await openNode({ storage: shared, clock, masters });
    const fields = await node.vault.fields(NORTH);
    const { version } = fields;
    const [done] = await rotate(kit);
    masters.away = 'within grace';
    clock.advance(5_000);
    await node.vault.dataKeys.refresh();
    assert.equal(fields.seal(place, 'x').split('.')[1], version);
    clock.advance(30_000);
    assert.throws(() => fields.seal(place, 'x'), away);
    masters.away = 'no';
    assert.equal(fields.seal(place, 'x').split('.')[1], done?.new_version);
  });
});

test('keys of people that are open go on as well, although the database is asked for them every second', async () => {
  await withKeys(async ({ storage, clock, masters }) => {
    const shared: Storage = { ...storage, dialect: 'postgres' };
    const { subjects } = (await openNode({ storage: shared, clock, masters })).vault;
    const seal = (person = ADA) => storage.write(platform, (tx) => subjects.seal(tx, person, 'note', 'x'));
    const open = (sealed: string) => storage.read(platform, (tx) => subjects.open(tx, ADA, 'note', sealed));
    const sealed = await seal();
    masters.away = 'within grace';
    for (let second = 0; second < 5; second++) {
      clock.advance(1_001);
      assert.equal(await open(sealed), 'x');
      await seal();
    }
    await assert.rejects(seal(BOB), away);
    masters.away = 'past grace';
    await assert.rejects(open(sealed), away);
    clock.advance(1_001);
    await assert.rejects(open(sealed), away);
    masters.away = 'no';
    assert.equal(await open(sealed), 'x');
    await storage.write(platform, (tx) => subjects.destroy(tx, ADA));
    await assert.rejects(open(sealed), { code: 'VAULT_SUBJECT_ERASED' });
  });
});
