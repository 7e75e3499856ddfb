import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { personId } from '../kernel/brand.ts';
import { minutes, systemClock } from '../kernel/clock.ts';
import { platform } from '../kernel/tx.ts';
import { createSqliteStorage, openPostgresStorage, type Storage } from '../storage/index.ts';
import { createTestClock, queryPostgres, serverSuite, startPostgres } from '../testing/index.ts';
import { createScrubbing } from './key-scrubbing.ts';
import { NORTH, OPERATOR, openNode } from './keys-kit.contract.ts';
import { vaultMigrations } from './migrations/index.ts';
import { vaultStore } from './store.ts';

interface Disk {
  readonly storage: Storage;
  /** All that the tables of keys have on it. */
  files(): Promise<Buffer>;
}

async function withFile(work: (disk: Disk) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'twinkeep-scrub-'));
  const file = join(folder, 'db');
  const storage = createSqliteStorage({ file, clock: systemClock });
  try {
    await work({
      storage,
      files: async () => Buffer.concat(await Promise.all([file, `${file}-wal`].map((name) => readFile(name)))),
    });
  } finally {
    await storage.close();
    await rm(folder, { recursive: true });
  }
}

/** A key and a person that were destroyed, by their wrapped bytes; some others stay. */
async function destroyed({ storage, files }: Disk): Promise<void> {
  await storage.migrate(vaultMigrations);
  const clock = createTestClock();
  const { vault, keys } = await openNode({ storage, clock });
  const ada = personId('ada');
  await storage.write(platform, async (tx) => {
    for (const who of ['ada', 'bob', 'cy'].map(personId)) await vault.subjects.seal(tx, who, 'note.text', who);
  });
  await vault.fields(NORTH);
  const [key] = await vault.dataKeys.versions(NORTH);
  const person = await storage.read(platform, (tx) => vaultStore.namedKey(tx, 'subject', ada));
  assert.ok(key !== undefined && person !== undefined);
  const [ofKey, ofPerson] = [Buffer.from(key.wrapped), Buffer.from(person.wrapped)];
  await keys.rotate({ tenant: NORTH, reason: 'manual' }, OPERATOR);
  clock.advance(minutes(2));
  await keys.destroy(NORTH, key.version, { externalRewrapped: false }, OPERATOR);
  assert.equal((await files()).includes(ofKey), false);

  await storage.write(platform, (tx) => vault.subjects.destroy(tx, ada));
  const end = performance.now() + 15_000; // off the path of whoever erases a person
  while ((await files()).includes(ofPerson) && performance.now() < end) await pause(100);
  assert.equal((await files()).includes(ofPerson), false);
  const left = await storage.read(platform, (tx) => vaultStore.namedKey(tx, 'subject', personId('bob')));
  assert.ok(left !== undefined && (await vault.fields(NORTH)).version !== key.version);
}

// Attack: whoever has the master key and the disk reads the wrapped bytes of a key that was destroyed.
test('a destroyed key is in no file of SQLite, nor is that of an erased person a moment later', () =>
  withFile(destroyed));

await serverSuite('PostgreSQL', startPostgres, (server) => {
  test('a destroyed key is in no file of PostgreSQL, nor is that of an erased person a moment later', async () => {
    const url = await server.createDatabase();
    const storage = await openPostgresStorage({ url, clock: systemClock });
    const tableFile = async (table: string): Promise<Buffer> => {
      const read = `select encode(pg_read_binary_file(pg_relation_filepath('${table}')), 'hex') as bytes`;
      return Buffer.from(String((await queryPostgres(url, read))[0]?.['bytes']), 'hex');
    };
    const files = async (): Promise<Buffer> => {
      await queryPostgres(url, 'checkpoint');
      return Buffer.concat([await tableFile('vault_data_key'), await tableFile('vault_named_key')]);
    };
    try {
      await destroyed({ storage, files });
    } finally {
      await storage.close();
    }
  });
});

test('a destruction does not wait for a reader for ever, and is tried again once it has gone', async () => {
  let isRead = true;
  let tries = 0;
  const scrub = async (): Promise<boolean> => {
    tries++;
    return !isRead;
  };
  const scrubbing = createScrubbing({ storage: { scrub }, onError: (error) => assert.fail(String(error)) });
  await scrubbing.now();
  assert.equal(tries, 5);
  isRead = false;
  await scrubbing.now();
  assert.equal(tries, 6);
});

test('many erasures in a moment are scrubbed once', async () => {
  let tries = 0;
  const scrub = async (): Promise<boolean> => ++tries > 0;
  const scrubbing = createScrubbing({ storage: { scrub }, onError: (error) => assert.fail(String(error)) });
  for (let n = 0; n < 1_000; n++) scrubbing.soon();
  for (let look = 0; look < 100 && tries === 0; look++) await pause(50);
  await pause(100);
  assert.equal(tries, 1);
});
