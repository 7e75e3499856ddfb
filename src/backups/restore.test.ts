import assert from 'node:assert/strict';
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { generateX25519Identity, identityToRecipient } from 'age-encryption';
import { readVerifier, verifyLog } from '../audit/index.ts';
import { isFault } from '../kernel/errors.ts';
import { createSecret } from '../kernel/secret.ts';
import { platform } from '../kernel/tx.ts';
import { lockFolder, type Place } from '../storage/index.ts';
import { queryPostgres, serverSuite, startPostgres } from '../testing/index.ts';
import {
  ada,
  addNotes,
  addPerson,
  type BackupKit,
  bob,
  type KitOptions,
  MASTER,
  masterFor,
  notesOf,
  openBackupKit,
  openRestored,
  operator,
  peopleOf,
  restoreKit,
} from './backups-kit.contract.ts';

async function kitWithBackup(t: TestContext, options: KitOptions = {}): Promise<BackupKit> {
  const kit = await openBackupKit(options);
  t.after(() => kit.close());
  await addNotes(kit, 'north', 0, 5);
  await addPerson(kit, ada, 'ada@example.org');
  await addPerson(kit, bob, 'bob@example.org');
  await kit.backups.create(operator);
  kit.clock.advance(60_000);
  return kit;
}

const sqliteIn = (folder: string): Place => ({ dialect: 'sqlite', file: join(folder, 'twinkeep.db') });
const fileOf = async ({ backups }: BackupKit): Promise<string> => (await backups.list())[0]?.file ?? assert.fail();
const rejectsWith = (code: string, work: Promise<unknown>) => assert.rejects(work, (error) => isFault(error, code));

/** A folder that holds nothing but what a test has put there. */
const left = (kit: BackupKit, besides: readonly string[] = []): readonly string[] =>
  readdirSync(kit.folder).filter(
    (name) => !['backups', 'audit.head', ...besides].includes(name) && !name.startsWith('twinkeep.db'),
  );

// Attack: whoever was erased comes back with a backup from before, as if nobody had asked for it.
test('a person who was erased stays erased after an older backup is restored', async (t) => {
  const kit = await kitWithBackup(t);
  await kit.storage.write(platform, (tx) => kit.vault.subjects.destroy(tx, ada));
  await kit.backups.refreshKeystore();
  const folder = join(kit.folder, 'restored');
  const { erased } = await restoreKit(kit, { folder });
  assert.equal(erased, 1);
  const { storage, vault } = await openRestored(sqliteIn(folder), kit.clock);
  t.after(() => storage.close());
  assert.deepEqual(
    (await peopleOf(storage)).map(({ id }) => id),
    ['bob'],
  );
  const [row] = await peopleOf(kit.storage);
  await rejectsWith(
    'VAULT_SUBJECT_ERASED',
    storage.read(platform, (tx) => vault.subjects.open(tx, ada, 'trial_person.email', row?.email ?? '')),
  );
});

test('the restored log goes on from the signed one, and verifies with the key that was kept', async (t) => {
  const kit = await kitWithBackup(t);
  const folder = join(kit.folder, 'restored');
  await restoreKit(kit, { folder });
  const { storage } = await openRestored(sqliteIn(folder), kit.clock);
  t.after(() => storage.close());
  const since = readFileSync(join(folder, 'audit.head'), 'utf8');
  const report = await verifyLog(storage, { key: readVerifier(kit.audit.key.verifier), since });
  assert.deepEqual([report.flaws, report.unnumbered], [[], 0]);
});

// Attack: a backup or its keystore was cut, altered or exchanged before it is restored.
test('nothing is written where either file is not as it was made', async (t) => {
  const kit = await kitWithBackup(t);
  const file = await fileOf(kit);
  const folder = join(kit.folder, 'restored');
  for (const name of [file, 'keystore.age']) {
    const path = join(kit.backupFolder, name);
    const whole = readFileSync(path);
    const flipped = (at: number): Buffer => {
      const bytes = Buffer.from(whole);
      bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at);
      return bytes;
    };
    const spoilt = [
      ...Array.from({ length: 12 }, (_, index) => flipped(Math.floor((whole.length * index) / 12))),
      flipped(whole.length - 1),
      whole.subarray(0, whole.length - 1),
      whole.subarray(0, whole.length >> 1),
      Buffer.alloc(0),
      Buffer.concat([whole, Buffer.from('x')]),
      Buffer.concat([whole, whole]),
    ];
    for (const bytes of spoilt) {
      writeFileSync(path, bytes);
      await rejectsWith('BACKUP_UNREADABLE', restoreKit(kit, { folder }));
      assert.deepEqual(left(kit), []);
    }
    writeFileSync(path, whole);
  }
  const [main, keystore] = [join(kit.backupFolder, file), join(kit.backupFolder, 'keystore.age')];
  await rejectsWith('BACKUP_FOREIGN', restoreKit(kit, { folder, file: keystore, keystore: main }));
  assert.deepEqual(left(kit), []);
});

// Attack: a file that somebody made for the recipient, whom everybody may know, is put in the place of a backup.
test('a backup of another Twinkeep, of another key or of an older keystore is refused', async (t) => {
  const kit = await kitWithBackup(t);
  const other = await kitWithBackup(t);
  const folder = join(kit.folder, 'restored');
  const foreign = join(other.backupFolder, await fileOf(other));
  await rejectsWith('BACKUP_FOREIGN', restoreKit(kit, { folder, file: foreign }));
  const stranger = { master: createSecret(Buffer.alloc(32, 'another')), identity: undefined };
  await rejectsWith('BACKUP_UNREADABLE', restoreKit(kit, { folder, key: stranger }));

  const older = join(kit.folder, 'older-keystore.age');
  copyFileSync(join(kit.backupFolder, 'keystore.age'), older);
  await kit.backups.create(operator);
  await rejectsWith('BACKUP_FOREIGN', restoreKit(kit, { folder, keystore: older }));
  assert.deepEqual(left(kit, ['older-keystore.age']), []);
});

// Attack: whoever knows the recipient makes a Twinkeep of their own, seals its backup and its master key for it, and
// puts both files where the operator's lie.
test('who holds a named identity opens a backup, with its master key; only who has that key holds it for proven', async (t) => {
  const identity = await generateX25519Identity();
  const kit = await kitWithBackup(t, { config: { recipients: [await identityToRecipient(identity)] } });
  assert.deepEqual(kit.warned, []);
  const folder = join(kit.folder, 'restored');
  const key = { master: undefined, identity: createSecret(identity) };
  assert.equal((await restoreKit(kit, { folder, key })).proven, false);
  assert.equal(readFileSync(join(folder, 'master.key'), 'utf8').trim(), MASTER.toString('base64'));

  const both = { ...key, master: createSecret(MASTER) };
  assert.equal((await restoreKit(kit, { folder: join(kit.folder, 'restored-2'), key: both })).proven, true);
  const other = { ...key, master: createSecret(Buffer.alloc(32, 'the own one')) };
  await rejectsWith('BACKUP_FOREIGN', restoreKit(kit, { folder: join(kit.folder, 'restored-3'), key: other }));

  const elsewhere = await kitWithBackup(t, {
    config: { recipients: [await identityToRecipient(identity)] },
    master: { provider: 'environment' },
  });
  await rejectsWith('BACKUP_UNREADABLE', restoreKit(elsewhere, { folder: join(elsewhere.folder, 'restored'), key }));
});

test('a folder with something in it is refused, and with `replace` moved aside, backups coming along', async (t) => {
  const kit = await kitWithBackup(t);
  const folder = join(kit.folder, 'data');
  mkdirSync(join(folder, 'backups'), { recursive: true });
  writeFileSync(join(folder, 'precious'), 'precious');
  writeFileSync(join(folder, 'backups', 'backup-old.age'), 'old');
  await rejectsWith('BACKUP_TARGET', restoreKit(kit, { folder }));
  assert.deepEqual(
    readdirSync(folder)
      .filter((name) => !name.startsWith('owner.lock'))
      .sort(),
    ['backups', 'precious'],
  );

  const { moved } = await restoreKit(kit, { folder, replace: true });
  const [{ from, to } = assert.fail()] = moved;
  assert.equal(from, folder);
  assert.equal(readFileSync(join(to, 'precious'), 'utf8'), 'precious');
  assert.equal(readFileSync(join(folder, 'backups', 'backup-old.age'), 'utf8'), 'old');
  assert.ok(existsSync(join(folder, 'twinkeep.db')));
  renameSync(folder, `${folder}.tried`);
  renameSync(to, folder);
  assert.equal(readFileSync(join(folder, 'precious'), 'utf8'), 'precious');
});

test('an empty folder is taken, one that a Twinkeep holds is not', async (t) => {
  const kit = await kitWithBackup(t);
  const folder = join(kit.folder, 'data');
  mkdirSync(folder);
  const lock = lockFolder(folder);
  await rejectsWith('STORAGE_LOCKED', restoreKit(kit, { folder, replace: true }));
  lock.release();
  const { moved } = await restoreKit(kit, { folder });
  assert.deepEqual(moved, []);
  assert.ok(existsSync(join(folder, 'master.key')));
  assert.deepEqual(left(kit, ['data']), []);
});

test('a database beside the data folder is restored to where it was', async (t) => {
  const kit = await kitWithBackup(t);
  const folder = join(kit.folder, 'data');
  const file = join(kit.folder, 'elsewhere', 'twin.sqlite');
  const database = { dialect: 'sqlite', file } as const;
  await restoreKit(kit, { folder, database });
  const { storage, vault } = await openRestored(database, kit.clock);
  assert.equal((await notesOf(storage, vault, 'north')).length, 10);
  await storage.close();
  assert.deepEqual(readdirSync(folder).sort(), ['audit.head', 'master.key']);
  await rejectsWith('BACKUP_TARGET', restoreKit(kit, { folder: join(kit.folder, 'data-2'), database }));
});

// Attack: a restore that fails at its last step leaves a database that looks whole.
test('a step that fails late leaves nothing, and what a killed restore has left is removed by the next', async (t) => {
  const kit = await kitWithBackup(t);
  const folder = join(kit.folder, 'restored');
  const mend = async (): Promise<void> => {
    throw new Error('a room could not be mended');
  };
  await rejectsWith('BACKUP_RESTORE_FAILED', restoreKit(kit, { folder }, { mend }));
  assert.deepEqual(left(kit), []);
  const dead = `${folder}.restoring-20261121T110000Z`;
  mkdirSync(dead);
  writeFileSync(join(dead, 'master.key'), 'in the clear');
  await restoreKit(kit, { folder });
  assert.equal(existsSync(dead), false);
});

test('backups from before a change of the master key open with the new one', async (t) => {
  const kit = await kitWithBackup(t);
  const fresh = Buffer.alloc(32, 'the master key that came after it');
  const file = join(kit.backupFolder, await fileOf(kit));
  const { createKeystoreKeeper, openKeystore } = await import('./keystore.ts');
  const { createIdentities, identityOf } = await import('./keystore-identities.ts');
  const { openBoth, settleSource } = await import('./restore-source.ts');
  const { verifyArchive } = await import('./archive-reader.ts');
  const identities = createIdentities({ ...kit.deps, master: async () => masterFor(fresh) });
  const keystore = join(kit.backupFolder, 'keystore.age');
  const keeper = createKeystoreKeeper({
    ...kit.deps,
    identities,
    master: async () => masterFor(fresh),
    origin: kit.audit.key.keyName,
    recipients: [],
    migrations: [],
    copy: { read: async () => [], write: async () => undefined },
    file: keystore,
  });
  await keeper.refresh(true);
  const opened = await openKeystore(keystore, [identityOf(masterFor(fresh)).identity]);
  assert.deepEqual(opened.identities.map(({ master }) => master).sort(), [masterFor().id, masterFor(fresh).id].sort());
  const key = { master: createSecret(fresh), identity: undefined };
  const both = await openBoth(file, keystore, key);
  const { trailer } = await verifyArchive(file, both.identities);
  // It opens, and is found to be of somebody who held an earlier master; but this keystore holds none of its keys.
  assert.throws(
    () => settleSource(both, trailer),
    (error) => isFault(error, 'BACKUP_FOREIGN'),
  );
});

await serverSuite('restore on PostgreSQL', startPostgres, (postgres) => {
  test('a database with a row in it is refused and left alone; a late failure empties what was filled', async (t) => {
    const place: Place = { dialect: 'postgres', url: await postgres.createDatabase() };
    const kit = await kitWithBackup(t, { place });
    const folder = join(kit.folder, 'restored');
    await rejectsWith('STORAGE_OCCUPIED', restoreKit(kit, { folder, database: place }));
    assert.equal((await peopleOf(kit.storage)).length, 2);

    const url = await postgres.createDatabase();
    const mend = async (): Promise<void> => {
      throw new Error('a room could not be mended');
    };
    await rejectsWith(
      'BACKUP_RESTORE_FAILED',
      restoreKit(kit, { folder, database: { dialect: 'postgres', url } }, { mend }),
    );
    const tables = await queryPostgres(url, "select tablename from pg_tables where schemaname = 'public'");
    assert.deepEqual(tables, []);
    assert.deepEqual(left(kit), []);
    await restoreKit(kit, { folder, database: { dialect: 'postgres', url } });
  });

  test('a backup of SQLite is refused for PostgreSQL', async (t) => {
    const kit = await kitWithBackup(t);
    const database: Place = { dialect: 'postgres', url: await postgres.createDatabase() };
    await rejectsWith('BACKUP_UNSUPPORTED', restoreKit(kit, { folder: join(kit.folder, 'restored'), database }));
  });
});
