import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { epochMs, tenantId } from '../kernel/brand.ts';
import { days, hours, minutes } from '../kernel/clock.ts';
import { isFault } from '../kernel/errors.ts';
import { platform } from '../kernel/tx.ts';
import { createMetrics } from '../metrics/index.ts';
import { ada, addNotes, addPerson, type BackupKit, bob, openBackupKit, operator } from './backups-kit.contract.ts';

type Options = Parameters<typeof openBackupKit>[0];

async function kitFor(t: TestContext, options: Options = {}): Promise<BackupKit> {
  const kit = await openBackupKit(options);
  t.after(() => kit.close());
  await addNotes(kit, 'north', 0, 3);
  return kit;
}

const filesIn = ({ backupFolder }: BackupKit): readonly string[] => readdirSync(backupFolder).sort();

test('a backup is made when it is due, and old ones go by the rule, the newest never', async (t) => {
  const kit = await kitFor(t, { config: { keepDaily: 3, keepWeekly: 1, keepMonthly: 0 } });
  for (let night = 0; night < 8; night++) {
    await kit.backups.due();
    await kit.backups.due(); // not due again
    kit.clock.advance(days(1));
  }
  const states = (await kit.backups.list()).map(({ state, kind }) => `${kind} ${state}`);
  assert.deepEqual(states.slice(0, 3), Array(3).fill('schedule made'));
  assert.equal(states.length, 8);
  const made = (await kit.backups.list()).filter(({ state }) => state === 'made').map(({ file }) => file);
  assert.deepEqual(filesIn(kit), [...made, 'keystore.age'].sort());
  kit.clock.advance(days(400));
  assert.deepEqual((await kit.backups.prune(operator)).length, 0);
});

test('a destroyed key leaves the keystore within the minute, and a new one enters it', async (t) => {
  const kit = await kitFor(t);
  await addPerson(kit, ada, 'ada@example.org');
  await kit.backups.refreshKeystore();
  assert.throws(() => filesIn(kit)); // nothing to open yet
  await kit.backups.create(operator);
  const file = join(kit.backupFolder, 'keystore.age');
  const before = readFileSync(file);
  await kit.backups.refreshKeystore();
  assert.deepEqual(readFileSync(file), before);
  await kit.storage.write(platform, (tx) => kit.vault.subjects.destroy(tx, ada));
  await kit.backups.refreshKeystore();
  const { openKeystore } = await import('./keystore.ts');
  const { identityOf } = await import('./keystore-identities.ts');
  const { masterFor } = await import('./backups-kit.contract.ts');
  const namesOf = async (): Promise<readonly unknown[]> => {
    const { tables } = await openKeystore(file, [identityOf(masterFor()).identity]);
    return tables.find(({ name }) => name === 'vault_named_key')?.rows.map((row) => row['name']) ?? [];
  };
  assert.ok(!(await namesOf()).includes('ada'));
  await addPerson(kit, bob, 'bob@example.org');
  await kit.backups.refreshKeystore();
  assert.ok((await namesOf()).includes('bob'));
});

test('a version of a key is needed by the backups that list it, and by files that nobody has read', async (t) => {
  const kit = await kitFor(t);
  const north = tenantId('north');
  const { version } = await kit.vault.fields(north);
  assert.deepEqual(await kit.backups.retainedBy(north, version), []);
  const { file } = await kit.backups.create(operator);
  assert.deepEqual(await kit.backups.retainedBy(north, version), [file]);
  assert.deepEqual(await kit.backups.retainedBy(north, 'v_20200101_000000_aaaa'), []);

  const stranger = 'backup-20200101T000000Z-0badc0de.age';
  writeFileSync(join(kit.backupFolder, stranger), 'nobody has read it yet');
  assert.deepEqual(await kit.backups.retainedBy(north, 'v_20200101_000000_aaaa'), [stranger]);
  await rm(join(kit.backupFolder, file));
  await assert.rejects(kit.backups.verify(operator, file), (error) => isFault(error, 'BACKUP_UNKNOWN'));
});

test('a file that lies there unknown is taken up when it is verified', async (t) => {
  const kit = await kitFor(t);
  const { file, id } = await kit.backups.create(operator);
  const bytes = readFileSync(join(kit.backupFolder, file));
  const other = await kitFor(t, { folder: await mkdtemp(join(tmpdir(), 'twinkeep-backups-')) });
  await other.backups.create(operator);
  writeFileSync(join(other.backupFolder, file), bytes);
  assert.deepEqual(await other.backups.strangers(), [{ file, copyOf: undefined }]);
  await assert.rejects(other.backups.verify(operator, file), (error) => isFault(error, 'BACKUP_FOREIGN'));
  await assert.rejects(kit.backups.verify(operator, '../twinkeep.db'), (error) => isFault(error, 'BACKUP_UNKNOWN'));
  assert.equal((await kit.backups.verify(operator, id)).file, file);
});

test('a drill of a spoilt backup or keystore is bad, says so, and is not an error', async (t) => {
  const kit = await kitFor(t);
  const { file } = await kit.backups.create(operator);
  const path = join(kit.backupFolder, file);
  const bytes = readFileSync(path);
  bytes.writeUInt8(bytes.readUInt8(bytes.length >> 1) ^ 1, bytes.length >> 1);
  writeFileSync(path, bytes);
  const { result, checks } = await kit.backups.drill(operator);
  assert.equal(result, 'bad');
  assert.deepEqual(
    checks.map(({ what, good }) => [what, good]),
    [
      ['file', false],
      ['restores', false],
    ],
  );
  assert.ok((checks[1]?.found.length ?? 0) > 40); // the whole reason
  assert.ok((await kit.backups.warnings()).some((text) => text.includes(file)));
  kit.clock.advance(days(2));
  await kit.backups.drillDue();
  assert.ok(kit.warned.some((text) => text.includes('does not restore')));
  assert.deepEqual(filesIn(kit), [file, 'keystore.age']);
});

test('the ages are metrics, and a master key without a second copy is warned about', async (t) => {
  const metrics = createMetrics({ ofProcess: false });
  const kit = await kitFor(t, { overrides: { metrics } });
  assert.match(await metrics.text(), /twinkeep_backup_age_seconds \+Inf/);
  await kit.backups.create(operator);
  assert.match(kit.warned.join(), /no second copy/);
  kit.clock.advance(hours(1));
  await kit.backups.drillDue();
  kit.clock.advance(minutes(30));
  const text = await metrics.text();
  assert.match(text, /twinkeep_backup_age_seconds 5400/);
  assert.match(text, /twinkeep_backup_drill_age_seconds 1800/);
  assert.match(text, /twinkeep_backup_drill_good 1/);
  assert.match(text, /twinkeep_backup_size_bytes \d{4,}/);

  const safe = await kitFor(t, { master: { sharesMadeAt: epochMs(1) } });
  await safe.backups.create(operator);
  assert.deepEqual(safe.warned, []);
});

test('while keys pass to a new master no keystore is written that neither of them opens', async (t) => {
  const kit = await kitFor(t, { master: { id: '0123456789abcdef' } });
  await assert.rejects(kit.backups.create(operator), (error) => isFault(error, 'BACKUP_MASTER_CHANGING'));
  assert.deepEqual(filesIn(kit), []);
  assert.deepEqual(
    (await kit.backups.list()).map(({ state }) => state),
    ['failed'],
  );
});

test('two backups are not made at once', async (t) => {
  const kit = await kitFor(t);
  const both = await Promise.allSettled([kit.backups.create(operator), kit.backups.create(operator)]);
  assert.deepEqual(both.map(({ status }) => status).sort(), ['fulfilled', 'rejected']);
  const refused = both.find((one) => one.status === 'rejected');
  assert.ok(isFault(refused?.reason, 'BACKUP_RUNNING'));
});

test('a disk that is full fails the backup by name and leaves those from before', async (t) => {
  const small = await mkdtemp(join(tmpdir(), 'twinkeep-small-'));
  const run = (command: string, ...args: string[]) => once(spawn(command, args, { stdio: 'ignore' }), 'exit');
  const [code] = await run('mount', '-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', small);
  if (code !== 0) return t.skip('no file system may be mounted here');
  t.after(async () => {
    await run('umount', '-l', small);
    await rm(small, { recursive: true, force: true });
  });
  const kit = await kitFor(t, { overrides: { folder: small } });
  const { file } = await kit.backups.create(operator);
  const [whole, keystore] = [readFileSync(join(small, file)), readFileSync(join(small, 'keystore.age'))];
  writeFileSync(join(small, 'ballast'), Buffer.alloc(2_097_152 - statSync(join(small, file)).size - 131_072));
  await assert.rejects(kit.backups.create(operator), (error) => isFault(error, 'BACKUP_FAILED'));
  const failed = (await kit.backups.list()).find(({ state }) => state === 'failed');
  assert.match(failed?.reason ?? '', /room/);
  assert.deepEqual(readFileSync(join(small, file)), whole);
  assert.deepEqual(readFileSync(join(small, 'keystore.age')), keystore);
  assert.deepEqual(readdirSync(small).sort(), [file, 'ballast', 'keystore.age'].sort());
});

const VICTIM = new URL('./backups-victim.contract.ts', import.meta.url).pathname;

/** Resolves when the first backup of a process of its own is made. */
async function startVictim(folder: string): Promise<ChildProcess> {
  const child = spawn(process.execPath, [VICTIM, folder], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(child, 'exit').then(() => assert.fail('the victim ended by itself'));
  if (child.stdout !== null) await Promise.race([once(child.stdout, 'data'), ended]);
  ended.catch(() => undefined);
  return child;
}

// Attack: the power goes while a backup is being written.
test('a process killed while it makes a backup leaves older ones whole and no half one that is believed', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'twinkeep-backups-'));
  const first = await openBackupKit({ folder });
  await addNotes(first, 'north', 0, 200);
  await first.storage.close();
  for (let round = 0; round < 4; round++) {
    const child = await startVictim(folder);
    await pause(10 + round * 37);
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
  const kit = await openBackupKit({ folder });
  t.after(() => kit.close());
  kit.clock.advance(days(1));
  const { file } = await kit.backups.create(operator); // the lease of the dead has run out
  const all = await kit.backups.list();
  assert.ok(all.every(({ state }) => state !== 'making'));
  const made = all.filter(({ state }) => state === 'made').map((one) => one.file);
  assert.ok(made.includes(file));
  for (const name of made) assert.equal((await kit.backups.verify(operator, name)).file, name);
  const lying = filesIn(kit).filter((name) => name !== 'keystore.age');
  assert.ok(
    lying.every((name) => /^backup-.*\.age$/.test(name)),
    lying.join(),
  );
  for (const one of await kit.backups.strangers()) await kit.backups.verify(operator, one.file); // whole, though its row says less
});
