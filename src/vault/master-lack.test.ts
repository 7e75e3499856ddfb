import assert from 'node:assert/strict';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { tenantId } from '../kernel/brand.ts';
import { platform } from '../kernel/tx.ts';
import type { Storage } from '../storage/index.ts';
import { createTestClock } from '../testing/index.ts';
import {
  assertOpens,
  emptyDatabase,
  expectFault,
  GRACE_MS,
  LEAD_MS,
  nobody,
  random,
  sealSome,
  secretKey,
  startProcess,
  textOf,
} from './masters-kit.contract.ts';
import { environmentProvider } from './provider.ts';
import { fileProvider } from './provider-file.ts';
import { masterStore } from './store-masters.ts';
import { transitProvider } from './transit.ts';
import { startTransit } from './transit-stand-in.contract.ts';

const away = { code: 'VAULT_PROVIDER_AWAY', kind: 'unavailable' };

let storage: Storage;
let folder: string;
beforeEach(async () => {
  storage = await emptyDatabase();
  folder = mkdtempSync(join(tmpdir(), 'twinkeep-lack-'));
});
afterEach(async () => {
  await storage.close();
  rmSync(folder, { recursive: true });
});

const rows = () => storage.read(platform, masterStore.all);

/** The master key file of a machine, with the key of the first machine in it. */
function fileOf(machine: string): string {
  const file = join(folder, machine, 'master.key');
  mkdirSync(join(folder, machine));
  if (machine !== 'one') copyFileSync(join(folder, 'one', 'master.key'), file);
  return file;
}

// Slip: the file is replaced on one machine, and every other one meets keys that it cannot open.
test('a file on a database of several machines is not replaced, and the way is named', async () => {
  const file = fileOf('one');
  const shared: Storage = { ...storage, dialect: 'postgres' };
  const one = await startProcess({ storage: shared, provider: fileProvider(file, random) });
  await assert.rejects(one.rotator.rotate(nobody), (error: Error & { facts?: { reason?: string } }) => {
    assert.match(error.facts?.reason ?? '', /TWINKEEP_MASTER_KEY, or with vault\.provider/);
    return 'code' in error && error.code === 'VAULT_MASTER_FIXED';
  });
  assert.equal((await rows()).length, 1);
  assert.equal(existsSync(`${file}.next`), false);
  assert.equal(await one.rotator.settle(), undefined);
});

test('a file that is to follow the environment there is refused as well, once', async () => {
  const shared: Storage = { ...storage, dialect: 'postgres' };
  const key = secretKey();
  const sealed = await sealSome(await startProcess({ storage: shared, provider: environmentProvider(textOf(key)) }));
  const file = fileOf('one');
  const one = await startProcess({ storage: shared, provider: fileProvider(file, random), previous: [key] });
  await assert.rejects(one.rotator.settle(), { code: 'VAULT_MASTER_FIXED' });
  assert.equal(await one.rotator.settle(), undefined);
  await assertOpens(one, sealed);
});

test('a machine without the newest master key refuses everything at once, says so once, and heals when it has it', async () => {
  const clock = createTestClock();
  const leading = { storage, clock, leadMs: LEAD_MS };
  const [mine, other] = [fileOf('one'), fileProvider(join(folder, 'one', 'master.key'), random)];
  const one = await startProcess({ ...leading, provider: other });
  const theirs = fileOf('two');
  const two = await startProcess({ ...leading, provider: fileProvider(theirs, random) });
  const sealed = await sealSome(two);
  const stop = new Error('stopped');
  const announcing = await startProcess({
    ...{ ...leading, provider: fileProvider(mine, random) },
    onStep: () => {
      throw stop;
    },
  });
  await assert.rejects(announcing.rotator.rotate(nobody), stop);
  const made = (await rows()).at(-1)?.id ?? '';

  clock.advance(5_000);
  for (let turn = 0; turn < 3; turn++) await two.masters.tend();
  assert.equal(two.masters.state.reachable, false, 'announced is enough');
  assert.ok(two.masters.isLacking);
  for (const act of [
    () => two.masters.assertLent(),
    () => two.masters.current,
    () => two.masters.of(made),
    () => two.masters.of(null),
    () => two.masters.backupIdentities(),
  ]) {
    expectFault('VAULT_PROVIDER_AWAY', act);
  }
  await assert.rejects(assertOpens(two, sealed), away);
  await assert.rejects(two.vault.fields(tenantId('newcomer')), away);
  const [line, ...more] = two.errors;
  assert.deepEqual(more, []);
  assert.ok(line instanceof Error && line.message.includes(made), 'the log prints messages alone');
  assert.match(line.message, /copy master\.key from the machine that made it to master\.key\.next here/);

  await one.masters.tend();
  assert.equal(one.masters.state.reachable, true, 'the machine that has it goes on');
  copyFileSync(`${mine}.next`, `${theirs}.next`);
  await two.masters.tend();
  assert.equal(two.masters.state.reachable, true);
  await assertOpens(two, sealed);
});

test('a machine that lacks the master key neither finishes a rotation nor begins one', async () => {
  const [old, next] = [secretKey(), secretKey()];
  const two = await startProcess({ storage, provider: environmentProvider(textOf(old)) });
  await sealSome(two);
  const one = await startProcess({ storage, provider: environmentProvider(textOf(next)), previous: [old] });
  await one.rotator.settle();
  assert.equal(await two.rotator.settle(), undefined);
  await assert.rejects(two.rotator.rotate(nobody), away);
  assert.equal((await rows()).length, 2);
  const [line] = two.errors;
  assert.ok(line instanceof Error && /TWINKEEP_MASTER_KEY_PREVIOUS/.test(line.message));
});

test('a master key that went to HashiCorp Vault elsewhere is lacked by who is not configured for it', async () => {
  const transit = await startTransit();
  try {
    const token = { reveal: () => transit.token };
    const config = { kind: 'transit', address: transit.address, token, mount: 'transit', key: 'twinkeep' } as const;
    const old = secretKey();
    const two = await startProcess({ storage, provider: environmentProvider(textOf(old)) });
    const one = await startProcess({ storage, provider: transitProvider(config, 500), previous: [old] });
    await one.rotator.settle();
    await two.masters.tend();
    expectFault('VAULT_PROVIDER_AWAY', () => two.masters.assertLent());
    assert.ok(two.errors[0] instanceof Error && /configure vault\.provider here too/.test(two.errors[0].message));

    // An outage in the very moment of a rotation is one, and keys that are open have their grace.
    const three = await startProcess({ storage, provider: transitProvider(config, 500) });
    const sealed = await sealSome(three);
    await one.rotator.rotate(nobody);
    transit.mood = 'other key';
    await three.masters.tend();
    assert.equal(three.masters.isLacking, false);
    assert.equal(three.masters.state.reachable, false);
    await assertOpens(three, { ...sealed }).catch((error) => assert.fail(error));
    three.clock.advance(GRACE_MS + 1);
    expectFault('VAULT_PROVIDER_AWAY', () => three.masters.assertLent());
    transit.mood = 'well';
    await three.masters.tend();
    assert.equal(three.masters.state.reachable, true);
    await assertOpens(three, sealed);
  } finally {
    await transit.stop();
  }
});
