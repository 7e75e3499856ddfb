import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { createSecret } from '../kernel/secret.ts';
import { openPostgresStorage } from '../storage/index.ts';
import { createTestClock, serverSuite, startPostgres } from '../testing/index.ts';
import { parseMasterKey } from './master-key.ts';
import {
  addSubjects,
  assertOpens,
  LEAD_MS,
  mastersInUse,
  nobody,
  random,
  sealSome,
  secretKey,
  startProcess,
  textOf,
} from './masters-kit.contract.ts';
import { vaultMigrations } from './migrations/index.ts';
import { environmentProvider } from './provider.ts';
import { fileProvider } from './provider-file.ts';
import { transitProvider } from './transit.ts';
import { startTransit } from './transit-stand-in.contract.ts';

await serverSuite('master keys on PostgreSQL', startPostgres, (server) => {
  test('two processes rotate the master key while both make keys, and both open all of it', async () => {
    const transit = await startTransit();
    const url = await server.createDatabase();
    const clock = createTestClock();
    const open = async () => openPostgresStorage({ url, clock });
    const [one, two] = [await open(), await open()];
    await one.migrate(vaultMigrations);
    try {
      const token = { reveal: () => transit.token };
      const provider = transitProvider({
        kind: 'transit',
        address: transit.address,
        token,
        mount: 'transit',
        key: 'k',
      });
      const other = await startProcess({ storage: two, provider, clock, leadMs: LEAD_MS });
      const sealed = await sealSome(other);
      await addSubjects(other, 600, null);
      let [made, isOver] = [0, false];
      const meanwhile = () => other.masters.tend();
      const acting = await startProcess({ storage: one, provider, clock, leadMs: LEAD_MS, meanwhile });
      const writing = (async () => {
        while (!isOver) await addSubjects(other, 2, other.masters.current.id, 10_000 + 2 * made++);
      })();
      const { to } = await acting.rotator.rotate(nobody);
      isOver = true;
      await writing;
      await acting.rotator.settle();
      await other.masters.learn();
      assert.deepEqual([...(await mastersInUse(other))], [to]);
      assert.ok(made > 3, `${made} writes went on`);
      await assertOpens(other, sealed);
      await assertOpens(acting, sealed);
      const third = await startProcess({ storage: two, provider, clock });
      await assertOpens(third, sealed);
    } finally {
      await Promise.all([one.close(), two.close(), transit.stop()]);
    }
  });

  test('machines with a key file each keep their master key, and one that lacks a key of the environment says so', async () => {
    const url = await server.createDatabase();
    const clock = createTestClock();
    const open = () => openPostgresStorage({ url, clock });
    const [one, two] = await Promise.all([open(), open()]);
    const folder = mkdtempSync(join(tmpdir(), 'twinkeep-machines-'));
    await one.migrate(vaultMigrations);
    try {
      const file = join(folder, 'master.key');
      const first = await startProcess({ storage: one, provider: fileProvider(file, random), clock });
      await assert.rejects(first.rotator.rotate(nobody), { code: 'VAULT_MASTER_FIXED', kind: 'conflict' });
      const [old, next] = [createSecret(readFileSync(file, 'utf8')), secretKey()];
      const other = await startProcess({ storage: two, provider: environmentProvider(old), clock });
      const sealed = await sealSome(other);
      const provider = environmentProvider(textOf(next));
      const moved = await startProcess({ storage: one, provider, previous: [parseMasterKey(old)], clock });
      await moved.rotator.settle();
      await other.masters.tend();
      await assert.rejects(assertOpens(other, sealed), { code: 'VAULT_PROVIDER_AWAY', kind: 'unavailable' });
      assert.equal(other.errors.length, 1);
      await assertOpens(moved, sealed);
    } finally {
      await Promise.all([one.close(), two.close()]);
      rmSync(folder, { recursive: true });
    }
  });
});
