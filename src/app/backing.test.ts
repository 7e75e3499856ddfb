import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { tenantId } from '../kernel/brand.ts';
import { days } from '../kernel/clock.ts';
import { createSystemRandom } from '../kernel/random.ts';
import { createSqliteStorage } from '../storage/index.ts';
import { createTestClock } from '../testing/index.ts';
import { configSchema, masterKeyOf } from './config.ts';
import { openKeeping } from './keeping.ts';
import { openMasterKeys } from './master-keys.ts';
import { createTwinkeep } from './twinkeep.ts';

async function opened(t: TestContext) {
  const data = mkdtempSync(join(tmpdir(), 'twinkeep-backing-'));
  const clock = createTestClock();
  const masterKey = Buffer.from(createSystemRandom().bytes(32)).toString('base64');
  const settings = { data, masterKey, logLevel: 'silent', adminPassword: 'correct horse battery staple' };
  const config = configSchema.parse(settings);
  const storage = createSqliteStorage({ file: join(data, 'twinkeep.db'), clock });
  const twinkeep = await createTwinkeep(config, { clock, storage, ownFolder: false });
  t.after(async () => {
    await twinkeep.close();
    rmSync(data, { recursive: true });
  });
  return { config, clock, storage, house: twinkeep.house };
}

test('the ages of backups are read anew by every process, whoever makes the backups', async (t) => {
  const { house } = await opened(t);
  const each = house.jobs.filter(({ name, perProcess }) => name.startsWith('backups.') && perProcess === true);
  assert.deepEqual(
    each.map(({ name }) => name),
    ['backups.look'],
  );
  await each[0]?.run();
});

// Attack: a key is destroyed by a command, no server runs, and the backup of the keys goes on holding it.
test('when a key was destroyed the backup of the keys is made anew at once', async (t) => {
  const { config, clock, storage, house } = await opened(t);
  const onError = (error: unknown) => assert.fail(String(error));
  const random = createSystemRandom();
  const keyring = await openMasterKeys(
    { ...config, masterKey: masterKeyOf(config) },
    { storage, clock, random, ownFolder: false, isAlone: true, onError },
  );
  let refreshed = 0;
  const { keys, rewrap } = openKeeping({
    ...house,
    config,
    storage,
    clock,
    random,
    keyring,
    holder: 'test',
    retainedBy: async () => [],
    keepFor: () => 0,
    refreshKeystore: async () => void refreshed++,
    onError,
  });
  const by = { principal: { kind: 'operator', tenantId: tenantId('platform') } } as const;
  const tenant = tenantId('north');
  const { version } = await house.vault.fields(tenant);
  await keys.rotate({ tenant, reason: 'manual' }, by);
  await rewrap.run();
  await assert.rejects(keys.destroy(tenant, version, { externalRewrapped: true }, by), { code: 'VAULT_KEY_NEEDED' });
  assert.equal(refreshed, 0);
  clock.advance(days(1));
  await keys.destroy(tenant, version, { externalRewrapped: true }, by);
  assert.equal(refreshed, 1);
});
