import assert from 'node:assert/strict';
import { test } from 'node:test';
import { days, minutes } from '../kernel/clock.ts';
import { platform } from '../kernel/tx.ts';
import { statement } from '../storage/index.ts';
import type { KeysDeps } from './keys.ts';
import {
  factsOf,
  type KeysKit,
  NORTH,
  OPERATOR,
  openNode,
  place,
  random,
  SOUTH,
  versionOf,
  withKeys,
} from './keys-kit.contract.ts';

const rewrapped = { externalRewrapped: true };
const inside = { externalRewrapped: false };

const selectWrapped = statement({
  reach: 'platform',
  sql: 'select wrapped, destroyed_at from vault_data_key where version = :version',
  params: { version: 'text' },
  returns: { wrapped: 'bytes', destroyed_at: 'int?' },
});

/** A key that has been followed, and what it sealed. */
async function retired({ vault, keys, clock }: KeysKit): Promise<string> {
  const sealed = (await vault.fields(NORTH)).seal(place, 'x');
  clock.advance(minutes(1));
  await keys.rotate({ tenant: NORTH, reason: 'manual' }, OPERATOR);
  clock.advance(minutes(1));
  return sealed;
}

test('the status names the current key, the days that are left and every version', async () => {
  await withKeys(async (kit) => {
    const { keys, clock } = kit;
    const first = await keys.status(NORTH);
    assert.deepEqual([first.days_until_rotation, first.algorithm, first.versions.length], [30, 'AES-256-GCM', 1]);
    assert.match(first.current_version, /^v_20261121_120000_[0-9a-f]{4}$/);
    clock.advance(days(10) + 1);
    const madeAt = clock.now();
    const [done] = await keys.rotate({ tenant: NORTH, reason: 'emergency' }, OPERATOR);
    const { version: imported } = await keys.importLegacy(
      NORTH,
      { algorithm: 'fernet', bytes: random.bytes(32) },
      OPERATOR,
    );
    clock.advance(days(1));
    const { versions, ...status } = await keys.status(NORTH);
    assert.deepEqual(status, {
      tenant: NORTH,
      current_version: done?.new_version,
      days_until_rotation: 29,
      algorithm: 'AES-256-GCM',
    });
    const byVersion = new Map(versions.map(({ version, ...rest }) => [version, rest]));
    assert.equal(byVersion.get(first.current_version)?.state, 'retired');
    assert.equal(byVersion.get(first.current_version)?.retired_at, madeAt);
    assert.equal(byVersion.get(imported)?.state, 'read-only');
    assert.equal(byVersion.get(imported)?.algorithm, 'fernet');
    assert.deepEqual(byVersion.get(done?.new_version ?? ''), {
      state: 'current',
      algorithm: 'AES-256-GCM',
      reason: 'emergency',
      seals: 0,
      external: false,
      created_at: madeAt,
      active_at: madeAt,
      retired_at: null,
      emptied_at: null,
      destroyed_at: null,
    });
    await keys.status(SOUTH);
    assert.deepEqual((await keys.statusOfAll()).map(({ tenant }) => tenant).sort(), [NORTH, SOUTH]);
  });
});

test('a key of another system is taken once, whoever imports it again, and is there after a restart', async () => {
  await withKeys(async ({ keys, vault, storage, clock, masters, entries }) => {
    const [old, newer] = [random.bytes(32), random.bytes(32)];
    const first = await keys.importLegacy(NORTH, { algorithm: 'fernet', bytes: old }, OPERATOR);
    clock.advance(1);
    const second = await keys.importLegacy(NORTH, { algorithm: 'aes-gcm', bytes: newer }, OPERATOR);
    const again = await keys.importLegacy(NORTH, { algorithm: 'fernet', bytes: old }, OPERATOR);
    const asOther = await keys.importLegacy(NORTH, { algorithm: 'aes-gcm', bytes: old }, OPERATOR);
    assert.deepEqual(again, { version: first.version, isNew: false });
    assert.deepEqual([first.isNew, second.isNew, asOther.isNew], [true, true, true]);
    const node = await openNode({ storage, clock, masters });
    for (const { legacyKeys } of [keys, node.keys]) {
      const opened = await legacyKeys(NORTH);
      const bytes = opened.map(({ key }) => ('export' in key ? key.export() : key).toString('hex'));
      assert.deepEqual(
        bytes.slice(-2),
        [newer, old].map((each) => each.toString('hex')),
        'the newest first',
      );
      assert.equal(opened.at(-1)?.version, first.version);
    }
    assert.deepEqual(await keys.legacyKeys(SOUTH), []);
    assert.match((await vault.fields(NORTH)).version, /^v_/, 'and it seals nothing');
    assert.equal(entries.filter(({ action }) => action === 'vault.key_imported').length, 3);
    assert.equal(JSON.stringify(entries).includes(old.toString('base64').slice(0, 8)), false);
  });
});

// Attack: an envelope names the version of an imported key, to be opened by a key that somebody else knows.
test('an imported key opens no envelope', async () => {
  await withKeys(async ({ keys, vault }) => {
    const { version } = await keys.importLegacy(NORTH, { algorithm: 'aes-gcm', bytes: random.bytes(32) }, OPERATOR);
    const fields = await vault.fields(NORTH);
    const named = fields.seal(place, 'x').replace(fields.version, version);
    assert.throws(() => fields.open(place, named), { code: 'VAULT_KEY_UNKNOWN' });
  });
});

test('a key of another length is not taken, nor more of them than a value can be tried on', async () => {
  await withKeys(async ({ keys }) => {
    for (const size of [0, 16, 31, 33, 64]) {
      const key = { algorithm: 'aes-gcm', bytes: random.bytes(size) } as const;
      await assert.rejects(keys.importLegacy(NORTH, key, OPERATOR), { code: 'VAULT_KEY_INVALID' });
    }
    const add = () => keys.importLegacy(NORTH, { algorithm: 'fernet', bytes: random.bytes(32) }, OPERATOR);
    for (let n = 0; n < 64; n++) await add();
    await assert.rejects(add(), { code: 'VAULT_KEY_INVALID' });
    assert.equal((await keys.legacyKeys(NORTH)).length, 64);
  });
});

test('a retired key that nothing needs is destroyed: its bytes go, its name stays, and that is recorded', async () => {
  await withKeys(async (kit) => {
    const { keys, vault, storage, entries } = kit;
    const sealed = await retired(kit);
    const version = versionOf(sealed);
    const fields = await vault.fields(NORTH);
    await keys.destroy(NORTH, version, inside, OPERATOR);
    assert.throws(() => fields.open(place, sealed), { code: 'VAULT_KEY_UNKNOWN', facts: { version } });
    const row = await storage.read(platform, (tx) => tx.one(selectWrapped, { version }));
    assert.equal(row?.wrapped.length, 0);
    assert.notEqual(row?.destroyed_at, null);
    assert.equal((await keys.status(NORTH)).versions[0]?.state, 'destroyed');
    assert.equal(entries.at(-1)?.action, 'vault.key_destroyed');
    assert.deepEqual(entries.at(-1)?.object, { type: 'vault_key', id: version });
    await assert.rejects(keys.destroy(NORTH, version, inside, OPERATOR), { code: 'VAULT_KEY_MISSING' });
  });
});

test('a key that seals is not destroyed, nor one that does not exist', async () => {
  await withKeys(async ({ keys, vault, entries }) => {
    const { version } = await vault.fields(NORTH);
    const facts = await factsOf('VAULT_KEY_NEEDED', keys.destroy(NORTH, version, rewrapped, OPERATOR));
    assert.deepEqual(facts, { version, current: true });
    for (const [tenant, name] of [
      [NORTH, 'v_20261121_120000_zzzz'],
      [SOUTH, version],
    ] as const) {
      await assert.rejects(keys.destroy(tenant, name, rewrapped, OPERATOR), { code: 'VAULT_KEY_MISSING' });
    }
    assert.equal((await vault.fields(NORTH)).version, version);
    assert.equal(entries.length, 0);
  });
});

test('a retired key is kept for values, backups, tokens and values outside, and all reasons are named at once', async () => {
  let values = 3;
  let backups = ['b-1', 'b-2'];
  const options = {
    keys: { countUnder: async () => values, retainedBy: async () => backups, keepFor: () => minutes(15) },
  };
  await withKeys(async (kit) => {
    const { keys, clock } = kit;
    await keys.markExternal(NORTH);
    const version = versionOf(await retired(kit));
    const destroy = (wish = inside) => keys.destroy(NORTH, version, wish, OPERATOR);
    const facts = await factsOf('VAULT_KEY_NEEDED', destroy());
    const until = '2026-11-21T12:16:00.000Z';
    assert.deepEqual(facts, { version, values: 3, backups: ['b-1', 'b-2'], external: true, until });
    values = 0;
    assert.deepEqual(await factsOf('VAULT_KEY_NEEDED', destroy(rewrapped)), { version, backups, until });
    backups = [];
    clock.advance(minutes(14) - 1);
    assert.deepEqual(await factsOf('VAULT_KEY_NEEDED', destroy(rewrapped)), { version, until });
    clock.advance(1);
    assert.deepEqual(await factsOf('VAULT_KEY_NEEDED', destroy()), { version, external: true });
    await destroy(rewrapped);
  }, options);
});

// What was sealed in the last moment of a key may still be on its way into the database when the values are counted.
test('a key that was retired a moment ago is kept, although nothing is under it yet', async () => {
  await withKeys(async ({ keys, vault, clock }) => {
    const { version } = await vault.fields(NORTH);
    await keys.rotate({ tenant: NORTH, reason: 'manual' }, OPERATOR);
    clock.advance(59_999);
    const facts = await factsOf('VAULT_KEY_NEEDED', keys.destroy(NORTH, version, inside, OPERATOR));
    assert.deepEqual(Object.keys(facts), ['version', 'until']);
  });
});

test('an imported key is destroyed only by whoever says that nothing outside is under it', async () => {
  await withKeys(async ({ keys }) => {
    const legacy = { algorithm: 'fernet', bytes: random.bytes(32) } as const;
    const { version } = await keys.importLegacy(NORTH, legacy, OPERATOR);
    const facts = await factsOf('VAULT_KEY_NEEDED', keys.destroy(NORTH, version, inside, OPERATOR));
    assert.deepEqual(facts, { version, external: true });
    await keys.destroy(NORTH, version, rewrapped, OPERATOR);
    assert.deepEqual(await keys.legacyKeys(NORTH), []);
    const again = await keys.importLegacy(NORTH, legacy, OPERATOR);
    assert.equal(again.isNew, true, 'what was destroyed is not what is there');
  });
});

// Attack: a leaked key is destroyed, and is back after the next start because a setting still names it.
test('an imported key is not destroyed while a setting hands it in', async () => {
  const legacy = { algorithm: 'fernet', bytes: random.bytes(32) } as const;
  let given = [legacy.bytes];
  const settingOf: KeysDeps['settingOf'] = (tenant, { algorithm, bytes }) =>
    tenant === NORTH && algorithm === 'fernet' && given.some((one) => one.equals(bytes)) ? 'encryptionKey' : undefined;
  await withKeys(
    async ({ keys }) => {
      const { version } = await keys.importLegacy(NORTH, legacy, OPERATOR);
      const other = { algorithm: 'aes-gcm', bytes: legacy.bytes } as const;
      const read = await keys.importLegacy(NORTH, other, OPERATOR);
      const facts = await factsOf('VAULT_KEY_NEEDED', keys.destroy(NORTH, version, rewrapped, OPERATOR));
      assert.deepEqual(facts, { version, setting: 'encryptionKey' });
      await keys.destroy(NORTH, read.version, rewrapped, OPERATOR);
      given = [];
      await keys.destroy(NORTH, version, rewrapped, OPERATOR);
    },
    { keys: { settingOf } },
  );
});

test('once values leave, the key and all that follow it are taken to have some outside', async () => {
  await withKeys(async ({ keys, storage, clock, masters }) => {
    const before = await keys.status(NORTH);
    await keys.rotate({ tenant: NORTH, reason: 'manual' }, OPERATOR);
    clock.advance(1_000);
    await keys.markExternal(NORTH);
    await keys.markExternal(NORTH);
    const node = await openNode({ storage, clock, masters }); // another process has not marked anything
    await node.keys.rotate({ tenant: NORTH, reason: 'manual' }, OPERATOR);
    const { versions } = await keys.status(NORTH);
    assert.deepEqual(
      versions.map(({ external }) => external),
      [false, true, true],
    );
    assert.equal(versions[0]?.version, before.current_version);
  });
});

test('a version that was noted as emptied is so for everybody, once', async () => {
  await withKeys(async (kit) => {
    const { keys, vault, storage } = kit;
    const version = versionOf(await retired(kit));
    const note = () => storage.write(platform, (tx) => vault.dataKeys.markEmptied(tx, NORTH, version));
    assert.equal(await note(), true);
    assert.equal(await note(), false);
    assert.equal((await keys.status(NORTH)).versions[0]?.state, 'emptied');
  });
});
