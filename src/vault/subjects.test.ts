import assert from 'node:assert/strict';
import { test } from 'node:test';
import { personId } from '../kernel/brand.ts';
import { createSystemRandom } from '../kernel/random.ts';
import { platform } from '../kernel/tx.ts';
import { type Bus, createMemoryBus, createSqliteStorage, type Storage } from '../storage/index.ts';
import { createTestClock } from '../testing/index.ts';
import { createMasterKey, vaultMigrations } from './index.ts';
import { createSubjectKeys } from './subjects.ts';

const random = createSystemRandom();
const master = createMasterKey(random.bytes(32), random);
const ADA = personId('ada');

/** Two processes on one database that several may share. */
async function pair(here: Bus | undefined, there: Bus | undefined) {
  const clock = createTestClock();
  const database = createSqliteStorage({ file: ':memory:', clock });
  const storage: Storage = { ...database, dialect: 'postgres' };
  await storage.migrate(vaultMigrations);
  const node = (bus: Bus | undefined) => {
    const keys = createSubjectKeys({ storage, bus, master, clock, random });
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
