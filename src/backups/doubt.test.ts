import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { tenantId } from '../kernel/brand.ts';
import { days, hours, minutes } from '../kernel/clock.ts';
import { isFault } from '../kernel/errors.ts';
import { platform } from '../kernel/tx.ts';
import { createMetrics } from '../metrics/index.ts';
import { writeArchive } from './archive.ts';
import { readArchive } from './archive-reader.ts';
import { createBackups } from './backups.ts';
import {
  actionsOf,
  ada,
  addNotes,
  addPerson,
  type BackupKit,
  type KitOptions,
  masterFor,
  openBackupKit,
  operator,
} from './backups-kit.contract.ts';
import { openKeystore } from './keystore.ts';
import { identityOf, recipientsOf } from './keystore-identities.ts';

async function kitFor(t: TestContext, options: KitOptions = {}): Promise<BackupKit> {
  const kit = await openBackupKit(options);
  t.after(() => kit.close());
  await addNotes(kit, 'north', 0, 3);
  return kit;
}

const own = identityOf(masterFor()).identity;
const pathOf = (kit: BackupKit, file: string): string => join(kit.backupFolder, file);
const keystoreOf = (kit: BackupKit): string => pathOf(kit, 'keystore.age');
const rejectsWith = (code: string, work: Promise<unknown>) => assert.rejects(work, (error) => isFault(error, code));
const warningsOf = async (kit: BackupKit): Promise<string> => (await kit.backups.warnings()).join('\n');
const north = tenantId('north');

async function headerOf(file: string) {
  const archive = await readArchive({ file, identities: [own] });
  await archive.close();
  return archive.header;
}

/** Two backups of two days. */
async function two(kit: BackupKit) {
  const older = await kit.backups.create(operator);
  kit.clock.advance(hours(20));
  const newer = await kit.backups.create(operator);
  return { older, newer };
}

test('a count grows with every archive, and the keystore is never below a backup, whatever the clock does', async (t) => {
  const kit = await kitFor(t);
  const counts: number[] = [];
  for (const jump of [days(400), -days(400), hours(1)]) {
    const { file } = await kit.backups.create(operator);
    const [main, keys] = [await headerOf(pathOf(kit, file)), await headerOf(keystoreOf(kit))];
    assert.ok((keys.sequence ?? 0) > (main.sequence ?? 0));
    counts.push(main.sequence ?? assert.fail(), keys.sequence ?? assert.fail());
    kit.clock.advance(jump);
  }
  assert.deepEqual(
    counts,
    [...new Set(counts)].sort((a, b) => a - b),
  );
  assert.equal((await openKeystore(keystoreOf(kit), [own])).sequence, counts.at(-1));

  // A process that has just come up, with the keystore alone to go by.
  const again = createBackups(kit.deps);
  const { sequence } = await again.create(operator);
  assert.ok((sequence ?? 0) > (counts.at(-1) ?? 0));
});

// Attack: one jump of the clock keeps backups and trials from being made until the clock has caught up.
test('a backup and a trial from the future count as due, are told, and are not the newest', async (t) => {
  const metrics = createMetrics({ ofProcess: false });
  const kit = await kitFor(t, { overrides: { metrics } });
  kit.clock.advance(days(300));
  const { file: early } = await kit.backups.create(operator);
  await kit.backups.drill(operator);
  kit.clock.advance(-days(300));
  assert.match(await warningsOf(kit), new RegExp(`from the future: ${early}`));
  assert.match(await metrics.text(), /twinkeep_backup_age_seconds \+Inf/);

  await kit.backups.due();
  const [newest] = await kit.backups.list();
  assert.notEqual(newest?.file, early);
  assert.equal((await kit.backups.verify(operator, 'newest')).file, newest?.file);
  await kit.backups.due(); // once is enough
  assert.equal((await kit.backups.list()).length, 2);
  assert.match(await metrics.text(), /twinkeep_backup_age_seconds 0/);
  await kit.backups.drillDue();
  assert.equal((await kit.backups.list())[0]?.drillResult, 'good');
  kit.clock.advance(days(2));
  await kit.backups.due();
  assert.equal((await kit.backups.list()).length, 3);
});

test('a keystore that is gone, old or not ours is told and written anew', async (t) => {
  const kit = await kitFor(t);
  await kit.backups.create(operator);
  const old = readFileSync(keystoreOf(kit));
  kit.clock.advance(minutes(1));
  await kit.backups.create(operator);
  const other = await kitFor(t);
  await other.backups.create(operator);
  const foreign = readFileSync(keystoreOf(other));

  for (const [spoil, told] of [
    [() => rmSync(keystoreOf(kit)), /keystore.*is not there/],
    [() => writeFileSync(keystoreOf(kit), foreign), /keystore.*somebody else/],
    [() => writeFileSync(keystoreOf(kit), 'text'), /keystore.*not the one that was written/],
  ] as const) {
    spoil();
    assert.match(await warningsOf(kit), told);
    await kit.backups.refreshKeystore();
    assert.doesNotMatch(await warningsOf(kit), /keystore/);
    assert.match(kit.warned.pop() ?? '', /written anew/);
    assert.equal((await openKeystore(keystoreOf(kit), [own])).origin, kit.audit.key.keyName);
  }
  writeFileSync(keystoreOf(kit), old);
  assert.match(await warningsOf(kit), /keystore.*is an old one/);
  await addPerson(kit, ada, 'ada@example.org');
  await kit.backups.refreshKeystore();
  assert.doesNotMatch(await warningsOf(kit), /keystore/);
});

test('many who write the keystore at once leave one whole file, of the last state, and nothing half', async (t) => {
  const kit = await kitFor(t);
  await kit.backups.create(operator);
  const dead = `${keystoreOf(kit)}.0badc0de.partial`;
  writeFileSync(dead, 'of a process that was killed');
  const others = [1, 2, 3].map((index) => createBackups({ ...kit.deps, holder: `process ${index}` }));
  await addPerson(kit, ada, 'ada@example.org');
  const writing = others.flatMap((one) => [one.refreshKeystore(), one.refreshKeystore()]);
  await kit.storage.write(platform, (tx) => kit.vault.subjects.destroy(tx, ada));
  writing.push(
    kit.backups.refreshKeystore(),
    kit.backups.create(operator).then(() => undefined),
  );
  await Promise.all(writing);
  await kit.backups.refreshKeystore();
  const { tables } = await openKeystore(keystoreOf(kit), [own]);
  const named = tables.find(({ name }) => name === 'vault_named_key')?.rows.map((row) => row['name']);
  assert.ok(!named?.includes('ada'));
  assert.deepEqual(
    readdirSync(kit.backupFolder).filter((name) => name.endsWith('.partial')),
    [],
  );
  assert.deepEqual(kit.errors, []);
});

// Attack: a backup is exchanged for another one, so that nobody notices that it is gone.
test('another backup under its name is not verified as this one; it is remembered, told, recorded and made good', async (t) => {
  const kit = await kitFor(t);
  const { older, newer } = await two(kit);
  await kit.backups.verify(operator, newer.id);
  copyFileSync(pathOf(kit, older.file), pathOf(kit, newer.file));
  await rejectsWith('BACKUP_FOREIGN', kit.backups.verify(operator, newer.id));
  const [row] = await kit.backups.list();
  assert.deepEqual([row?.id, row?.verifiedAt], [newer.id, undefined]);
  assert.match(row?.flaw ?? '', new RegExp(older.id));
  assert.match(await warningsOf(kit), new RegExp(`${newer.file} is not whole`));
  assert.equal((await actionsOf(kit.storage)).filter((action) => action === 'backup.verified').length, 2);

  kit.clock.advance(minutes(2));
  await kit.backups.due();
  const [fresh] = await kit.backups.list();
  assert.deepEqual([fresh?.kind, fresh?.state, fresh?.flaw], ['schedule', 'made', undefined]);
  await kit.backups.due();
  assert.equal((await kit.backups.list()).length, 3);
});

test('a backup whose bytes were altered is spoilt, until it is whole again', async (t) => {
  const kit = await kitFor(t);
  const { file } = await kit.backups.create(operator);
  const whole = readFileSync(pathOf(kit, file));
  writeFileSync(pathOf(kit, file), whole.subarray(0, whole.length - 1));
  await rejectsWith('BACKUP_UNREADABLE', kit.backups.verify(operator, 'newest'));
  assert.notEqual((await kit.backups.list())[0]?.flaw, undefined);
  writeFileSync(pathOf(kit, file), whole);
  assert.equal((await kit.backups.verify(operator, file)).flaw, undefined);
  assert.equal((await kit.backups.list())[0]?.flaw, undefined);
});

// Attack: somebody who knows the recipient, and not the master key, seals a backup of their own for it.
test('a file that nobody with the master key made is not taken up', async (t) => {
  const kit = await kitFor(t);
  const { file } = await kit.backups.create(operator);
  const header = await headerOf(pathOf(kit, file));
  const forged = 'backup-20261121T120000Z-0badc0de.age';
  await writeArchive({
    file: pathOf(kit, forged),
    recipients: await recipientsOf(masterFor(), []),
    header,
    parts: (async function* () {})(),
    trailer: () => ({
      tables: [],
      extras: { id: '0badc0de-0000-4000-8000-000000000000', origin: kit.audit.key.keyName, proof: 'x', keys: {} },
    }),
  });
  await rejectsWith('BACKUP_FOREIGN', kit.backups.verify(operator, forged));
  assert.equal((await kit.backups.list()).length, 1);
  assert.deepEqual(await kit.backups.strangers(), [{ file: forged, copyOf: undefined }]);
});

test('a backup whose file is gone is told, is due, and is not what is restored for trial', async (t) => {
  const kit = await kitFor(t);
  const { older, newer } = await two(kit);
  rmSync(pathOf(kit, newer.file));
  assert.deepEqual(
    (await kit.backups.list()).map(({ file, isThere }) => [file, isThere]),
    [
      [newer.file, false],
      [older.file, true],
    ],
  );
  assert.match(await warningsOf(kit), new RegExp(`not there: ${newer.file}`));
  assert.equal((await kit.backups.drill(operator)).backup.file, older.file);
  const { version } = await kit.vault.fields(north);
  assert.ok((await kit.backups.retainedBy(north, version)).includes(newer.file)); // it may come back
  await kit.backups.due();
  assert.equal((await kit.backups.list()).length, 2);
  kit.clock.advance(hours(4)); // a day after the one that is there
  await kit.backups.due();
  assert.equal((await kit.backups.list()).length, 3);
});

test('a copy under another name is told as one and keeps no key; a name of its own is taken up again', async (t) => {
  const kit = await kitFor(t);
  const { file, id } = await kit.backups.create(operator);
  const copy = 'backup-20200101T000000Z-0badc0de.age';
  copyFileSync(pathOf(kit, file), pathOf(kit, copy));
  assert.deepEqual(await kit.backups.strangers(), [{ file: copy, copyOf: file }]);
  assert.deepEqual(await kit.backups.retainedBy(north, 'v_20200101_000000_aaaa'), []);
  const verified = await kit.backups.verify(operator, copy);
  assert.deepEqual([verified.id, verified.copy], [id, copy]);

  rmSync(pathOf(kit, file)); // now the copy is the backup
  assert.deepEqual((await kit.backups.verify(operator, copy)).file, copy);
  assert.deepEqual(
    (await kit.backups.list()).map((one) => [one.id, one.file, one.isThere]),
    [[id, copy, true]],
  );
});

test('a file that is put back after it was removed is a stranger, and is taken up when it is verified', async (t) => {
  const kit = await kitFor(t, { config: { keepDaily: 1, keepWeekly: 0, keepMonthly: 0 } });
  const { file, id } = await kit.backups.create(operator);
  renameSync(pathOf(kit, file), join(kit.folder, 'kept'));
  kit.clock.advance(days(1));
  await kit.backups.create(operator);
  assert.equal((await kit.backups.list()).find((one) => one.id === id)?.state, 'removed');
  renameSync(join(kit.folder, 'kept'), pathOf(kit, file));
  assert.deepEqual(await kit.backups.strangers(), [{ file, copyOf: undefined }]);
  assert.deepEqual(await kit.backups.retainedBy(north, 'v_20200101_000000_aaaa'), [file]);
  await kit.backups.verify(operator, file);
  assert.equal((await kit.backups.list()).find((one) => one.id === id)?.state, 'made');
  assert.deepEqual(await kit.backups.strangers(), []);
});

// Attack: a process is killed while a copy of the whole database lies in the clear; nobody makes another backup.
test('what a killed process has left is removed at the next start', async (t) => {
  const kit = await kitFor(t);
  const left = join(kit.backupFolder, 'twinkeep-scratch', 'snapshot-dead');
  mkdirSync(left, { recursive: true });
  writeFileSync(join(left, 'copy.db'), 'everybody, in the clear');
  writeFileSync(pathOf(kit, 'backup-20200101T000000Z-0badc0de.age.partial'), 'half');
  await kit.backups.tidy();
  assert.deepEqual(readdirSync(kit.backupFolder), []);
});

test('a start while a backup is being made takes nothing from it', async (t) => {
  const kit = await kitFor(t);
  const making = kit.backups.create(operator);
  await createBackups({ ...kit.deps, holder: 'another' }).tidy();
  assert.equal((await making).state, 'made');
  const both = await Promise.all([kit.backups.tidy(), kit.backups.create(operator)]);
  assert.equal(both[1].state, 'made');
});
