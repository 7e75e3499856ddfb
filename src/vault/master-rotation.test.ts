import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { tenantId } from '../kernel/brand.ts';
import { platform } from '../kernel/tx.ts';
import { insertion, type Storage, statement } from '../storage/index.ts';
import { createTestClock } from '../testing/index.ts';
import { masterIdOf, readMasterKeyFile } from './master-key.ts';
import { rotateManyKeys } from './master-load.contract.ts';
import type { RotationStep } from './master-rotation.ts';
import {
  addSubjects,
  assertOpens,
  emptyDatabase,
  LEAD_MS,
  mastersInUse,
  nobody,
  random,
  sealSome,
  secretKey,
  startProcess,
  textOf,
} from './masters-kit.contract.ts';
import { environmentProvider, memoryProvider } from './provider.ts';
import { fileProvider } from './provider-file.ts';
import { masterStore } from './store-masters.ts';
import { transitProvider } from './transit.ts';
import { startTransit } from './transit-stand-in.contract.ts';

let storage: Storage;
let folder: string;
let file: string;
beforeEach(async () => {
  storage = await emptyDatabase();
  folder = mkdtempSync(join(tmpdir(), 'twinkeep-masters-'));
  file = join(folder, 'master.key');
});
afterEach(async () => {
  await storage.close();
  rmSync(folder, { recursive: true });
});

const rows = () => storage.read(platform, masterStore.all);
const fileId = () => masterIdOf(readMasterKeyFile(file).reveal());

test('a rotation wraps every key anew, and all opens before, after, and after the next start', async () => {
  const one = await startProcess({ storage, provider: fileProvider(file, random) });
  const before = one.masters.current.id;
  const sealed = await sealSome(one);
  await addSubjects(one, 1_200, null);
  const status = await one.acts.rotate(nobody);
  assert.deepEqual({ ...status, keys: 0 }, { oldMaster: before, newMaster: one.masters.current.id, keys: 0 });
  assert.ok(status.keys >= 1_202);
  assert.deepEqual([...(await mastersInUse(one))], [status.newMaster]);
  await assertOpens(one, sealed);
  assert.equal(fileId(), status.newMaster);
  assert.deepEqual(readdirSync(folder).sort(), ['master.key', `master.key.previous-${before}`]);
  const [old, next] = await rows();
  assert.deepEqual([old?.id, typeof old?.retired_at, next?.retired_at], [before, 'number', null]);
  const acts = one.entries.map(({ action, outcome, facts }) => [action, outcome, facts?.['to']]);
  const action = 'vault.master_rotated';
  assert.deepEqual(acts, [
    [action, 'intended', status.newMaster],
    [action, 'done', status.newMaster],
  ]);
  const again = await startProcess({ storage, provider: fileProvider(file, random) });
  await assertOpens(again, sealed);
  assert.equal(again.masters.backupIdentities().length, 2, 'backups under the old one still open');
  await sealSome(again);
  assert.notEqual((await again.acts.rotate(nobody)).newMaster, status.newMaster);
  await assertOpens(again, sealed);
});

test('a rotation stopped after any of its steps leaves a start that works, and is finished by it', async () => {
  const stops: readonly [RotationStep, number][] = [
    ['announced', 1],
    ['rewrapping', 1],
    ['rewrapping', 2],
    ['rewrapping', 3],
    ['retired', 1],
    ['settled', 1],
  ];
  for (const [step, time] of stops) {
    const clock = createTestClock();
    const database = await emptyDatabase(':memory:', clock);
    const place = join(folder, `${step}-${time}.key`);
    let times = 0;
    const onStep = (now: RotationStep): void => {
      if (now === step && ++times === time) throw new Error('stopped');
    };
    const one = await startProcess({ storage: database, provider: fileProvider(place, random), clock, onStep });
    const sealed = await sealSome(one);
    await addSubjects(one, 1_700, null);
    await assert.rejects(one.rotator.rotate(nobody), /stopped/);

    clock.advance(60_000);
    const two = await startProcess({ storage: database, provider: fileProvider(place, random), clock });
    await assertOpens(two, sealed);
    await mastersInUse(two);
    await two.rotator.settle();
    assert.deepEqual([...(await mastersInUse(two))], [two.masters.newest.id], `${step} ${time}`);
    assert.equal(masterIdOf(readMasterKeyFile(place).reveal()), two.masters.newest.id);
    assert.equal(existsSync(`${place}.next`), false);
    assert.equal(two.masters.known.filter(({ retired_at }) => retired_at === null).length, 1);
    assert.equal(await two.rotator.settle(), undefined, 'there is nothing more to do');
    await assertOpens(await startProcess({ storage: database, provider: fileProvider(place, random), clock }), sealed);
    await database.close();
  }
});

test('a new master is announced before it is used, so that no process meets a key that it cannot open', async () => {
  const clock = createTestClock();
  const provider = memoryProvider(random);
  const waiting = { storage, provider, clock, leadMs: LEAD_MS };
  const other = await startProcess(waiting);
  const before = other.masters.current.id;
  const seen: string[] = [];
  const onStep = (step: RotationStep): void => void seen.push(`${step} ${other.masters.current.id === before}`);
  const one = await startProcess({ ...waiting, onStep, meanwhile: () => other.masters.tend() });
  const { to } = await one.rotator.rotate(nobody);
  assert.equal(seen[0], 'announced true');
  assert.ok(!seen.includes('rewrapping true'), 'nothing is wrapped anew while another process wraps by the old one');
  assert.equal(other.masters.current.id, to);
  await mastersInUse(other);
});

test('keys that are made during a rotation are wrapped by either master, and in the end by the new one', async () => {
  const one = await startProcess({ storage, provider: memoryProvider(random) });
  const old = one.masters.current;
  await addSubjects(one, 1_000, null);
  let at = 0;
  const written: Promise<void>[] = [];
  const late = { ...one, masters: { ...one.masters, current: old } }; // a process that stood still
  const writing = setInterval(() => {
    at += 1;
    const isLate = at % 2 === 0;
    const master = isLate ? null : one.masters.current.id;
    if (at < 20) written.push(addSubjects(isLate ? late : one, 3, master, at * 10_000));
  }, 1);
  const { to } = await one.rotator.rotate(nobody);
  clearInterval(writing);
  await Promise.all(written);
  assert.ok(written.length > 0);
  await addSubjects(late, 5, old.id, 900_000);
  await mastersInUse(one);
  await one.rotator.settle();
  assert.deepEqual([...(await mastersInUse(one))], [to]);
});

test('two rotations at once are one', async () => {
  const one = await startProcess({ storage, provider: memoryProvider(random) });
  await addSubjects(one, 600, null);
  const all = await Promise.allSettled([one.rotator.rotate(nobody), one.rotator.rotate(nobody)]);
  assert.deepEqual(all.map(({ status }) => status).sort(), ['fulfilled', 'rejected']);
  const refused = all.find((each) => each.status === 'rejected');
  assert.equal(refused?.status === 'rejected' && refused.reason.code, 'VAULT_MASTER_ROTATING');
  assert.equal((await rows()).length, 2);
});

test('a new key in the environment follows the one before at the next start', async () => {
  const [old, next] = [secretKey(), secretKey()];
  const one = await startProcess({ storage, provider: environmentProvider(textOf(old)) });
  const sealed = await sealSome(one);
  await assert.rejects(one.rotator.rotate(nobody), { code: 'VAULT_MASTER_FIXED' });
  assert.equal(await one.rotator.settle(), undefined);

  const two = await startProcess({ storage, provider: environmentProvider(textOf(next)), previous: [old] });
  assert.equal(two.masters.current.id, masterIdOf(old.reveal()));
  await assertOpens(two, sealed);
  assert.equal((await two.rotator.settle())?.to, masterIdOf(next.reveal()));
  await assertOpens(two, sealed);
  await assertOpens(await startProcess({ storage, provider: environmentProvider(textOf(next)) }), sealed);

  // Slip: an instance that still has the old setting starts again; it must not turn everything back.
  const fault = { code: 'VAULT_MASTER_KEY' };
  await assert.rejects(startProcess({ storage, provider: environmentProvider(textOf(old)) }), fault);
  const stale = await startProcess({ storage, provider: environmentProvider(textOf(old)), previous: [next] });
  assert.equal(await stale.rotator.settle(), undefined);
  assert.equal(stale.masters.current.id, masterIdOf(next.reveal()));
});

test('a start without the old key is refused while keys are under it, and says how many', async () => {
  const [old, next] = [secretKey(), secretKey()];
  const stop = (step: RotationStep): void => {
    if (step === 'rewrapping') throw new Error('stopped');
  };
  const one = await startProcess({ storage, provider: environmentProvider(textOf(old)) });
  await addSubjects(one, 700, null);
  const options = { storage, provider: environmentProvider(textOf(next)), previous: [old], onStep: stop };
  const two = await startProcess(options);
  await assert.rejects(two.rotator.settle(), /stopped/);
  const alone = startProcess({ storage, provider: environmentProvider(textOf(next)) });
  await assert.rejects(alone, (error: Error & { facts?: { reason?: string } }) => {
    assert.match(error.facts?.reason ?? '', /700 keys are still under the earlier key/);
    return true;
  });
});

test('the master key moves from its file to Transit, and back to a file that shares gave', async () => {
  const transit = await startTransit();
  try {
    const token = { reveal: () => transit.token };
    const provider = () =>
      transitProvider({ kind: 'transit', address: transit.address, token, mount: 'transit', key: 'twinkeep' });
    const inFile = await startProcess({ storage, provider: fileProvider(file, random) });
    const sealed = await sealSome(inFile);
    const previous = fileProvider(file, random).held();
    const moved = await startProcess({ storage, provider: provider(), previous });
    await moved.rotator.settle();
    assert.equal(moved.masters.newest.provider, 'transit');
    await assertOpens(moved, sealed);
    const rotated = await startProcess({ storage, provider: provider() });
    transit.rotate();
    await rotated.acts.rotate(nobody);
    assert.match(Buffer.from(rotated.masters.newest.wrapped ?? '').toString(), /^vault:v2:/);
    await assertOpens(await startProcess({ storage, provider: provider() }), sealed);

    const bytes = rotated.masters.bytes();
    const back = await startProcess({ storage, provider: environmentProvider(textOf(bytes)) });
    await assertOpens(back, sealed);
    assert.equal(await back.rotator.settle(), undefined, 'it is the same key, wherever it lies');
  } finally {
    await transit.stop();
  }
});

const insertData = insertion({
  reach: 'platform',
  table: 'vault_data_key',
  columns: { tenant: 'text', version: 'text', wrapped: 'bytes', created_at: 'int' },
});
const readData = statement({
  reach: 'platform',
  sql: 'select wrapped, master from vault_data_key where version = :version',
  params: { version: 'text' },
  returns: { wrapped: 'bytes', master: 'text?' },
});

test('a destroyed key stays destroyed, and a damaged one does not keep the others under the old master', async () => {
  const one = await startProcess({ storage, provider: memoryProvider(random) });
  const sealed = await sealSome(one);
  const [created_at, tenant] = [one.clock.now(), tenantId('south')];
  const damaged = random.bytes(60);
  const keys = [
    { tenant, version: 'v_20200101_000000_0001', wrapped: Buffer.alloc(0), created_at },
    { tenant, version: 'v_20200101_000000_0002', wrapped: damaged, created_at },
  ];
  await storage.write(platform, (tx) => tx.insert(insertData, keys));
  const { unreadable } = await one.rotator.rotate(nobody);
  assert.equal(unreadable, 1);
  const read = (version: string) => storage.read(platform, (tx) => tx.one(readData, { version }));
  assert.deepEqual(await read('v_20200101_000000_0001'), { wrapped: Buffer.alloc(0), master: null });
  assert.deepEqual(await read('v_20200101_000000_0002'), { wrapped: damaged, master: null });
  await assertOpens(one, sealed);
});

// `npm run soak` does it with ten times as many.
test('10,000 subject keys are wrapped anew in seconds, and others are answered meanwhile', async (t) => {
  await rotateManyKeys(t, 10_000);
});
