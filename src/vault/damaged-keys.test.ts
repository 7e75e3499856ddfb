import assert from 'node:assert/strict';
import { createSecretKey } from 'node:crypto';
import { test } from 'node:test';
import { sealBareGcm } from '../crypto/index.ts';
import { minutes } from '../kernel/clock.ts';
import { isFault } from '../kernel/errors.ts';
import { platform } from '../kernel/tx.ts';
import { type Storage, statement } from '../storage/index.ts';
import { createExternal } from './external.ts';
import { NORTH, OPERATOR, openNode, place, random, withKeys } from './keys-kit.contract.ts';

const replace = statement({
  reach: 'platform',
  sql: 'update vault_data_key set wrapped = :wrapped where version = :version',
  params: { wrapped: 'bytes', version: 'text' },
});

const spoil = (storage: Storage, version: string) =>
  storage.write(platform, (tx) => tx.run(replace, { wrapped: random.bytes(60), version }));

// Attack: one stored key is spoiled, and with it the values under every other key of the tenant.
test('a damaged imported key shuts neither the others nor an import, and is told once', async () => {
  await withKeys(async ({ keys, storage, clock, masters }) => {
    const [good, bad] = [random.bytes(32), random.bytes(32)];
    const read = await keys.importLegacy(NORTH, { algorithm: 'aes-gcm', bytes: good }, OPERATOR);
    const spoilt = await keys.importLegacy(NORTH, { algorithm: 'aes-gcm', bytes: bad }, OPERATOR);
    await spoil(storage, spoilt.version);
    const told: unknown[] = [];
    const node = await openNode({ storage, clock, masters, onError: (error) => told.push(error) });
    const external = createExternal({ ...node, clock });
    const sealed = sealBareGcm(createSecretKey(good), random.bytes(12), Buffer.from('hello'));
    const outside = { table: 't', column: 'c', row: '' };
    assert.equal((await external.open(NORTH, outside, sealed)).text, 'hello');
    assert.deepEqual(
      (await node.keys.legacyKeys(NORTH)).map(({ version }) => version),
      [read.version],
    );
    assert.equal(told.length, 1);
    const [fault] = told;
    assert.ok(isFault(fault, 'VAULT_MASTER_KEY'));
    assert.equal(fault.facts['version'], spoilt.version);
    const again = await node.keys.importLegacy(NORTH, { algorithm: 'aes-gcm', bytes: good }, OPERATOR);
    assert.deepEqual(again, { version: read.version, isNew: false });
    const mended = await node.keys.importLegacy(NORTH, { algorithm: 'aes-gcm', bytes: bad }, OPERATOR);
    assert.equal(mended.isNew, true);
    await node.keys.destroy(NORTH, spoilt.version, { externalRewrapped: true }, OPERATOR);
  });
});

test('a damaged retired key does not keep values from being found', async () => {
  await withKeys(async ({ vault, keys, storage, clock, masters }) => {
    const { version } = await vault.fields(NORTH);
    clock.advance(minutes(1));
    await keys.rotate({ tenant: NORTH, reason: 'manual' }, OPERATOR);
    await spoil(storage, version);
    const told: unknown[] = [];
    const node = await openNode({ storage, clock, masters, onError: (error) => told.push(error) });
    const fields = await node.vault.fields(NORTH);
    for (let n = 0; n < 3; n++) assert.deepEqual(fields.indexes(place, 'x'), [fields.index(place, 'x')]);
    assert.equal(told.length, 1);
    masters.away = 'past grace';
    assert.throws(() => fields.indexes(place, 'x'), { code: 'VAULT_PROVIDER_AWAY' });
  });
});
