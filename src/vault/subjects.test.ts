import assert from 'node:assert/strict';
import { test } from 'node:test';
import { personId } from '../kernel/brand.ts';
import { createSystemRandom } from '../kernel/random.ts';
import { platform } from '../kernel/tx.ts';
import { type Bus, createMemoryBus, createSqliteStorage, type Storage, statement } from '../storage/index.ts';
import { createTestClock, type TestClock } from '../testing/index.ts';
import { createMasterKey, singleMaster, vaultMigrations } from './index.ts';
import { createSubjectKeys, type SubjectKeys } from './subjects.ts';

const random = createSystemRandom();
const masters = singleMaster(createMasterKey(random.bytes(32), random));
const ADA = personId('ada');

/** Two processes on one database that several may share. */
async function pair(here: Bus | undefined, there: Bus | undefined) {
  const clock = createTestClock();
  const database = createSqliteStorage({ file: ':memory:', clock });
  const storage: Storage = { ...database, dialect: 'postgres' };
  await storage.migrate(vaultMigrations);
  const node = (bus: Bus | undefined) => {
    const keys = createSubjectKeys({ storage, bus, masters, clock, random });
    return {
      seal: (text: string) => storage.write(platform, (tx) => keys.seal(tx, ADA, 'note', text)),
      open: (sealed: string) => storage.write(platform, (tx) => keys.open(tx, ADA, 'note', sealed)),
      destroy: () => storage.write(platform, (tx) => keys.destroy(tx, ADA)),
    };
  };
  return { clock, here: node(here), there: node(there), close: storage.close };
}

// Attack: somebody is erased at one node, and another that has their key in memory goes on reading them.
test('a subject key that was destroyed by another process opens nothing from a second later on, without any word', async () => {
  const { clock, here, there, close } = await pair(undefined, createMemoryBus());
  const sealed = await here.seal('a note');
  assert.equal(await there.open(sealed), 'a note');
  assert.equal(await here.destroy(), true);
  await assert.rejects(here.open(sealed), { code: 'VAULT_SUBJECT_ERASED' });
  clock.advance(1_001);
  await assert.rejects(there.open(sealed), { code: 'VAULT_SUBJECT_ERASED' });
  await close();
});

test('over the bus every process forgets a destroyed subject key at once', async () => {
  const bus = createMemoryBus();
  const { here, there, close } = await pair(bus, bus);
  const sealed = await here.seal('a note');
  assert.equal(await there.open(sealed), 'a note');
  await here.destroy();
  await assert.rejects(there.open(sealed), { code: 'VAULT_SUBJECT_ERASED' });
  await close();
});

// Attack: what is written in the same moment as the erasure is sealed under the destroyed key, and readable by nobody.
test('what is sealed right behind a destruction, in one group of writes, is sealed under a new key', async () => {
  const { here, close } = await pair(undefined, undefined);
  const before = await here.seal('before');
  const [, after] = await Promise.all([here.destroy(), here.seal('after')]);
  assert.equal(await here.open(after), 'after');
  await assert.rejects(here.open(before), { code: 'VAULT_UNREADABLE' });
  await close();
});

const selectErased = statement({
  reach: 'platform',
  sql: 'select purpose, name, at from vault_erased',
  returns: { purpose: 'text', name: 'text', at: 'int' },
});

const selectNamed = statement({
  reach: 'platform',
  sql: 'select name, master from vault_named_key order by name',
  returns: { name: 'text', master: 'text?' },
});

async function withSubjects(
  work: (kit: { storage: Storage; clock: TestClock; keys: SubjectKeys }) => Promise<void>,
): Promise<void> {
  const clock = createTestClock();
  const storage = createSqliteStorage({ file: ':memory:', clock });
  try {
    await storage.migrate(vaultMigrations);
    await work({ storage, clock, keys: createSubjectKeys({ storage, masters, clock, random }) });
  } finally {
    await storage.close();
  }
}

// Attack: a backup from before an erasure is restored, and with it the key of somebody who was forgotten.
test('a destroyed key leaves its name and the time, so that a restore can destroy it again', async () => {
  await withSubjects(async ({ storage, clock, keys }) => {
    const seal = () => storage.write(platform, (tx) => keys.seal(tx, ADA, 'note', 'x'));
    const erased = () => storage.read(platform, (tx) => tx.all(selectErased, {}));
    await storage.write(platform, (tx) => keys.destroy(tx, ADA));
    assert.deepEqual(await erased(), [], 'there was nothing to destroy');
    for (let round = 0; round < 2; round++) {
      await seal();
      clock.advance(1_000);
      await storage.write(platform, (tx) => keys.destroy(tx, ADA));
      assert.deepEqual(await erased(), [{ purpose: 'subject', name: ADA, at: clock.now() }]);
    }
    const undone = storage.write(platform, async (tx) => {
      await keys.seal(tx, personId('bob'), 'note', 'x');
      await keys.destroy(tx, personId('bob'));
      throw new Error('undone');
    });
    await assert.rejects(undone, /undone/);
    assert.equal((await erased()).length, 1);
  });
});

test('a pseudonym key that may be known is followed by another within the month', async () => {
  await withSubjects(async ({ storage, clock, keys }) => {
    const pseudonym = () => storage.write(platform, (tx) => keys.pseudonym(tx, 'somebody'));
    const rotate = () => storage.write(platform, (tx) => keys.rotatePseudonyms(tx));
    const given = [await pseudonym()];
    for (let n = 2; n <= 11; n++) {
      assert.equal(await rotate(), `month-2026-11.${n}`);
      given.push(await pseudonym());
      assert.equal(await pseudonym(), given.at(-1));
    }
    assert.equal(new Set(given).size, 11);
    const restarted = createSubjectKeys({ storage, masters, clock, random });
    assert.equal(await storage.write(platform, (tx) => restarted.pseudonym(tx, 'somebody')), given.at(-1));
    clock.advance(10 * 86_400_000);
    assert.equal(await rotate(), 'month-2026-12', 'a month without a key gets its first');
  });
});

test('a key that is stored names the master key that wrapped it', async () => {
  await withSubjects(async ({ storage, keys }) => {
    await storage.write(platform, (tx) => keys.seal(tx, ADA, 'note', 'x'));
    const rows = await storage.read(platform, (tx) => tx.all(selectNamed, {}));
    assert.deepEqual(rows, [{ name: ADA, master: masters.current.id }]);
  });
});
