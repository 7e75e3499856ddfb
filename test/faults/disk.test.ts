import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm, stat, statfs, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import { readVerifier, verifyLog } from '../../src/audit/index.ts';
import { assertBlocked, assertOthersServed, attackFrom, detecting, untilStored } from './attack-while-away.ts';
import { readBooks, reconcile } from './books.ts';
import { assertUnavailable, call, makeKey, signIn } from './call.ts';
import { listReadings } from './check-promises.ts';
import { type Place, sqlitePlace } from './places.ts';
import { startVictim, type Victim } from './start-victim.ts';
import { attachStrace } from './strace.ts';

const run = promisify(execFile);
const RECOVERY_MS = 5_000;
const BATCH = 50;
const BLOCKED = ['203.0.113.9', '203.0.113.10', '203.0.113.11'];
const MAX_BATCHES = 2_000;

/** A server on a disk that is about to fail, and the batches that it has taken, a meter each. */
interface Subject {
  readonly place: Place;
  victim: Victim;
  token: string;
  readonly key: string;
  readonly kept: Set<string>;
  readonly refused: Set<string>;
  readonly codes: Set<string>;
}

async function subjectOn(t: TestContext, place: Place): Promise<Subject> {
  t.after(place.remove);
  const victim = await startVictim({ ...place.setting, env: { ...place.setting.env, ...detecting(place) } });
  const token = await signIn(victim.address);
  const key = await makeKey(victim.address, token);
  const subject = {
    place,
    victim,
    token,
    key,
    kept: new Set<string>(),
    refused: new Set<string>(),
    codes: new Set<string>(),
  };
  t.after(() => subject.victim.kill('SIGKILL'));
  return subject;
}

/** Posts a batch to a meter of its own. @returns whether it was taken */
async function post(subject: Subject): Promise<boolean> {
  const meter = `m${subject.kept.size + subject.refused.size}`;
  const body = Array.from({ length: BATCH }, (_, index) => ({
    meter_id: meter,
    timestamp: new Date(Date.UTC(2020, 0, 1) + index * 1_000).toISOString(),
    energy_consumption: index,
    location: 'Gwangyang',
  }));
  subject.refused.add(meter);
  const answer = await call(subject.victim.address, 'POST', '/v1/readings', { key: subject.key, body });
  if (answer.status === 201) {
    subject.refused.delete(meter);
    subject.kept.add(meter);
    return true;
  }
  assertUnavailable(answer);
  subject.codes.add(answer.json.code);
  return false;
}

async function postUntilRefused(subject: Subject): Promise<void> {
  for (let batch = 0; batch < MAX_BATCHES; batch++) if (!(await post(subject))) return;
  assert.fail('nothing was ever refused');
}

/** Eight at once, several times: none may be half there, and the process must live. */
async function postWhileBroken(subject: Subject): Promise<void> {
  for (let turn = 0; turn < 4; turn++) await Promise.all(Array.from({ length: 8 }, () => post(subject)));
  assert.ok(subject.victim.alive(), subject.victim.log());
  assert.equal((await call(subject.victim.address, 'GET', '/health')).status, 200);
  const signedIn = await call(subject.victim.address, 'GET', '/v1/me', { token: subject.token });
  assert.equal(signedIn.status, 200);
}

/** What was taken is there whole, what was refused is not there at all; reads go on. */
async function assertExact(subject: Subject): Promise<void> {
  const found = await listReadings({ address: subject.victim.address, key: subject.key });
  assert.deepEqual([...found.keys()].sort(), [...subject.kept].sort());
  for (const [meter, readings] of found) assert.equal(readings.size, BATCH, meter);
}

async function untilTaken(subject: Subject): Promise<number> {
  const start = performance.now();
  while (!(await post(subject))) {
    assert.ok(performance.now() - start < RECOVERY_MS, `no write after the disk's return: ${subject.victim.log()}`);
    await pause(50);
  }
  return Math.round(performance.now() - start);
}

async function assertWhole({ place, victim, token, kept }: Subject): Promise<void> {
  const books = await readBooks(place);
  assert.deepEqual(reconcile(books), []);
  assert.equal(books.readings.size, kept.size);
  const { verifier } = (await call(victim.address, 'GET', '/v1/audit/checkpoint', { token })).json;
  await victim.kill('SIGTERM');
  const storage = await place.open();
  const report = await verifyLog(storage, { key: readVerifier(verifier) }).finally(storage.close);
  assert.deepEqual([report.flaws, report.unnumbered], [[], 0]);
}

const TMPFS_BYTES = 67_108_864;
const LEFT_BYTES = 524_288;

/** A small file system of its own. @returns why not, where it may not be mounted */
async function mountSmall(t: TestContext): Promise<{ readonly folder: string } | string> {
  const folder = await mkdtemp(join(tmpdir(), 'twinkeep-small-'));
  try {
    await run('mount', ['-t', 'tmpfs', '-o', `size=${TMPFS_BYTES}`, 'tmpfs', folder]);
  } catch (error) {
    await rm(folder, { recursive: true });
    return `no file system may be mounted here: ${error instanceof Error ? error.message : error}`;
  }
  t.after(async () => {
    await run('umount', ['-l', folder]);
    await rm(folder, { recursive: true });
  });
  return { folder };
}

test('a full disk refuses writes, keeps nothing half, reads on, and takes writes again when there is room', async (t) => {
  const mounted = await mountSmall(t);
  if (typeof mounted === 'string') return t.skip(mounted); // the next test needs no right to mount
  const { folder } = mounted;
  const subject = await subjectOn(t, await sqlitePlace(folder));
  for (let batch = 0; batch < 10; batch++) assert.ok(await post(subject));

  const { bavail, bsize } = await statfs(folder);
  await writeFile(join(folder, 'ballast'), Buffer.alloc(bavail * bsize - LEFT_BYTES));
  await postUntilRefused(subject);
  await postWhileBroken(subject);
  assert.ok(subject.codes.has('STORAGE_FULL'), [...subject.codes].join());
  await assertExact(subject);

  await rm(join(folder, 'ballast'));
  t.diagnostic(`${subject.kept.size} batches taken, ${subject.refused.size} refused as ${[...subject.codes].join()}`);
  t.diagnostic(`writes again ${await untilTaken(subject)} ms after there was room`);
  await assertExact(subject);
  await assertWhole(subject);
});

test('a file that may not grow refuses writes in the same way', async (t) => {
  const place = await sqlitePlace();
  const subject = await subjectOn(t, place);
  for (let batch = 0; batch < 10; batch++) assert.ok(await post(subject));

  const { size } = await stat(join(place.setting.data, 'twinkeep.db-wal'));
  const limit = (bytes: string) => run('prlimit', ['--pid', String(subject.victim.pid), `--fsize=${bytes}:`]);
  try {
    await limit(String(size + 65_536));
  } catch (error) {
    return t.skip(`prlimit can't be had here: ${error instanceof Error ? error.message : error}`);
  }
  await postUntilRefused(subject);
  await postWhileBroken(subject);
  await assertExact(subject);
  // Attack: the disk is filled first, so that no block can be stored.
  await attackFrom(subject.victim, BLOCKED);

  await limit('unlimited');
  t.diagnostic(`${subject.kept.size} batches taken, ${subject.refused.size} refused as ${[...subject.codes].join()}`);
  t.diagnostic(`writes again ${await untilTaken(subject)} ms after it might grow`);
  await assertExact(subject);
  t.diagnostic(`blocks are stored ${await untilStored(place, BLOCKED)} ms after that`);
  await subject.victim.kill('SIGKILL');
  subject.victim = await startVictim({ ...place.setting, env: detecting(place) });
  await assertBlocked(subject.victim, BLOCKED);
  await assertOthersServed(subject.victim);
  await assertWhole(subject);
});

// After a failed sync the system may have dropped what it could not write, and says so only once.
test('a disk that fails to sync: nothing more is acknowledged, /ready says so, and a restart finds all that was', async (t) => {
  const place = await sqlitePlace();
  const subject = await subjectOn(t, place);
  for (let batch = 0; batch < 10; batch++) assert.ok(await post(subject));
  const failing = await attachStrace(subject.victim.pid, ['-e', 'trace=fdatasync', '-e', 'inject=fdatasync:error=EIO']);
  if (typeof failing === 'string') return t.skip(failing);
  assert.equal(await post(subject), false);
  await postWhileBroken(subject);
  await failing.stop();
  assert.equal(await post(subject), false); // the disk is back, but nobody knows what is on it

  const ready = await call(subject.victim.address, 'GET', '/ready');
  assert.deepEqual([ready.status, ready.json.checks.database], [503, 'failing']);

  await subject.victim.kill('SIGKILL');
  subject.victim = await startVictim(place.setting);
  const found = await listReadings({ address: subject.victim.address, key: subject.key });
  for (const meter of subject.kept) assert.equal(found.get(meter)?.size, BATCH, `${meter} was acknowledged`);
  for (const [meter, readings] of found) {
    assert.equal(readings.size, BATCH, `${meter} is half there`);
    subject.kept.add(meter); // refused, because nobody knew; it turns out to be there, whole and with its entry
  }
  await untilTaken(subject);
  await assertWhole(subject);
});
