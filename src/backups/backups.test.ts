import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { Place } from '../storage/index.ts';
import { serverSuite, startPostgres } from '../testing/index.ts';
import {
  actionsOf,
  ada,
  addNotes,
  addPerson,
  type BackupKit,
  bob,
  type KitOptions,
  notesOf,
  openBackupKit,
  openRestored,
  operator,
  peopleOf,
  restoreKit,
} from './backups-kit.contract.ts';

async function kitFor(t: TestContext, options: KitOptions = {}): Promise<BackupKit> {
  const kit = await openBackupKit(options);
  t.after(() => kit.close());
  return kit;
}

async function fill(kit: BackupKit): Promise<void> {
  await addNotes(kit, 'north', 0, 20);
  await addNotes(kit, 'south', 0, 5);
  await addPerson(kit, ada, 'ada@example.org');
  await addPerson(kit, bob, 'bob@example.org');
}

function suite(what: string, placeFor: () => Promise<Place | undefined>): void {
  const kitOn = async (t: TestContext, options: KitOptions = {}): Promise<BackupKit> => {
    const place = await placeFor();
    return kitFor(t, place === undefined ? options : { ...options, place });
  };

  test(`${what}: a backup is made, verified and drilled, and each is recorded`, async (t) => {
    const kit = await kitOn(t);
    await fill(kit);
    const made = await kit.backups.create(operator);
    assert.equal(made.state, 'made');
    assert.ok((made.size ?? 0) > 1_000);
    assert.deepEqual(Object.keys(made.keys).sort(), ['north', 'platform', 'south']);
    assert.deepEqual((await readdir(kit.backupFolder)).sort(), [made.file, 'keystore.age']);

    const verified = await kit.backups.verify(operator, 'newest');
    assert.equal(verified.verifiedAt, kit.clock.now());
    const { result, checks } = await kit.backups.drill(operator);
    assert.deepEqual(
      checks.filter(({ good }) => !good),
      [],
    );
    assert.equal(result, 'good');
    for (const wanted of ['rows of trial_note', 'audit log', 'opens trial_note.sealed', 'opens trial_person.email']) {
      assert.ok(
        checks.some(({ what: name }) => name === wanted),
        wanted,
      );
    }
    const [listed] = await kit.backups.list();
    assert.deepEqual([listed?.drillResult, listed?.drilledAt], ['good', kit.clock.now()]);
    const actions = await actionsOf(kit.storage);
    for (const action of ['backup.started', 'backup.made', 'backup.verified', 'backup.drilled']) {
      assert.ok(actions.includes(action), action);
    }
    assert.deepEqual(kit.errors, []);
  });

  test(`${what}: what comes out of a backup is what went in`, async (t) => {
    const kit = await kitOn(t);
    await fill(kit);
    await kit.backups.create(operator);
    const folder = join(kit.folder, 'restored');
    const empty = await placeFor();
    const database: Place = empty ?? { dialect: 'sqlite', file: join(folder, 'twinkeep.db') };
    kit.clock.advance(1_000);
    const restored = await restoreKit(kit, { folder, database });
    assert.deepEqual([restored.proven, restored.erased, restored.destroyedKeys], [true, 0, []]);
    const { storage, vault } = await openRestored(database, kit.clock);
    try {
      assert.deepEqual(await notesOf(storage, vault, 'north'), await notesOf(kit.storage, kit.vault, 'north'));
      assert.deepEqual(await notesOf(storage, vault, 'south'), await notesOf(kit.storage, kit.vault, 'south'));
      assert.deepEqual(await peopleOf(storage), await peopleOf(kit.storage));
      assert.equal((await actionsOf(storage)).at(-1), 'backup.restored');
    } finally {
      await storage.close();
    }
    assert.deepEqual((await readdir(folder)).filter((name) => name !== 'twinkeep.db').sort(), [
      'audit.head',
      'master.key',
    ]);
  });
}

suite('SQLite', async () => undefined);
await serverSuite('backups on PostgreSQL', startPostgres, (postgres) => {
  suite('PostgreSQL', async () => ({ dialect: 'postgres', url: await postgres.createDatabase() }));
});
