import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { tenantId } from '../kernel/brand.ts';
import { systemClock } from '../kernel/clock.ts';
import { isFault } from '../kernel/errors.ts';
import { inTenant, platform } from '../kernel/tx.ts';
import {
  createSqliteStorage,
  insertion,
  type Migration,
  openPostgresStorage,
  openSnapshot,
  type Place,
  restoreSnapshot,
  type Storage,
  statement,
} from '../storage/index.ts';
import { type PostgresServer, queryPostgres, serverSuite, startPostgres } from '../testing/index.ts';
import { identityOfScalar, recipientOf } from './age.ts';
import { writeArchive } from './archive.ts';
import { readArchive } from './archive-reader.ts';

const identity = identityOfScalar(Buffer.alloc(32, 11));
const recipients = [await recipientOf(identity)];
const north = tenantId('north');

const migrations: readonly Migration[] = [
  {
    name: '202601020000_contract_archive',
    changes: [
      { kind: 'table', name: 'debit', rows: 'platform', columns: { id: 'int', note: 'text' }, key: ['id'] },
      {
        kind: 'table',
        name: 'credit',
        rows: 'tenant',
        columns: { tenant_id: 'text', id: 'int' },
        key: ['tenant_id', 'id'],
      },
      { kind: 'table', name: 'vault_secret', rows: 'platform', columns: { id: 'int', wrapped: 'bytes' }, key: ['id'] },
    ],
  },
];
const debit = insertion({ reach: 'platform', table: 'debit', columns: { id: 'int', note: 'text' } });
const credit = insertion({ reach: 'tenant', table: 'credit', columns: { id: 'int' } });
const secret = insertion({ reach: 'platform', table: 'vault_secret', columns: { id: 'int', wrapped: 'bytes' } });
const debits = statement({ reach: 'platform', sql: 'select id from debit order by id', returns: { id: 'int' } });
const credits = statement({
  reach: 'tenant',
  sql: 'select id from credit where tenant_id = :tenant_id order by id',
  returns: { id: 'int' },
});
const secrets = statement({ reach: 'platform', sql: 'select id from vault_secret', returns: { id: 'int' } });

/** One database to back up, and any number of places to restore it to. */
interface Ground {
  readonly place: Place;
  readonly storage: Storage;
  readonly folder: string;
  newPlace(): Promise<Place>;
  open(place: Place): Promise<Storage>;
  /** What stands at a place: nothing is what it should be after a failure. */
  standsAt(place: Place): Promise<readonly unknown[]>;
}

async function fill(storage: Storage): Promise<void> {
  await storage.migrate(migrations);
  await storage.write(platform, (tx) => tx.insert(secret, [{ id: 1, wrapped: Buffer.from('wrapped') }]));
  for (let id = 0; id < 20; id++) await pay(storage, id);
}

const pay = (storage: Storage, id: number): Promise<unknown> =>
  storage.write(inTenant(north), async (tx) => {
    await tx.insert(debit, [{ id, note: 'paid' }]);
    await tx.insert(credit, [{ id }]);
  });

async function backUp({ place, folder }: Ground, file: string): Promise<void> {
  const snapshot = await openSnapshot({
    of: place,
    migrations,
    without: ['vault_secret'],
    scratch: join(folder, 'scratch'),
  });
  try {
    await writeArchive({
      file,
      recipients,
      header: {
        createdAt: '2026-11-25T10:00:00.000Z',
        dialect: snapshot.dialect,
        version: '0',
        kind: 'main',
        migrations: snapshot.migrations,
      },
      parts: snapshot.parts(),
      trailer: () => ({ tables: snapshot.tables, extras: null }),
    });
  } finally {
    await snapshot.close();
  }
}

async function restoreFrom(file: string, to: Place) {
  const { header, parts, trailer } = await readArchive({ file, identities: [identity] });
  const restored = await restoreSnapshot({ to, migrations, present: header.migrations, parts, clock: systemClock });
  return { restored, trailer: await trailer() };
}

function archiveTests(name: string, ground: (t: TestContext) => Promise<Ground>): void {
  test(`${name}: a backup made while writes go on restores to the counts and digests it names`, async (t) => {
    const made = await ground(t);
    const file = join(made.folder, 'a.age');
    let ended = false;
    const writing = (async () => {
      for (let id = 100; !ended; id++) await pay(made.storage, id);
    })();
    await backUp(made, file);
    ended = true;
    await writing;
    const to = await made.newPlace();
    const { restored, trailer } = await restoreFrom(file, to);
    assert.deepEqual(restored.tables, trailer.tables);
    assert.deepEqual(restored.digests, trailer.parts);
    const storage = await made.open(to);
    const paid = await storage.read(platform, (tx) => tx.all(debits, {}));
    assert.ok(paid.length >= 20);
    assert.deepEqual(await storage.read(inTenant(north), (tx) => tx.all(credits, {})), paid);
    assert.deepEqual(await storage.read(platform, (tx) => tx.all(secrets, {})), []);
  });

  // Attack: a backup is altered or cut where it lies, and restored in good faith.
  test(`${name}: a backup that was flipped or cut anywhere leaves nothing at the target`, async (t) => {
    const made = await ground(t);
    const [file, bad] = [join(made.folder, 'a.age'), join(made.folder, 'bad.age')];
    await backUp(made, file);
    const good = await readFile(file);
    const to = await made.newPlace();
    const step = Math.ceil(good.length / 12);
    for (let at = 5; at < good.length; at += step) {
      const altered = Buffer.from(good);
      altered.writeUInt8(altered.readUInt8(at) ^ 1, at);
      for (const bytes of [altered, good.subarray(0, at)]) {
        await writeFile(bad, bytes);
        await assert.rejects(restoreFrom(bad, to), (error) => isFault(error, 'BACKUP_UNREADABLE'));
        assert.deepEqual(await made.standsAt(to), []);
      }
    }
    await restoreFrom(file, to);
    assert.notDeepEqual(await made.standsAt(to), []);
  });
}

async function sqliteGround(t: TestContext): Promise<Ground> {
  const folder = await mkdtemp(join(tmpdir(), 'twinkeep-archive-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const fileOf = (place: Place): string => (place.dialect === 'sqlite' ? place.file : '');
  const open = async (place: Place): Promise<Storage> => {
    const storage = createSqliteStorage({ file: fileOf(place), clock: systemClock });
    t.after(() => storage.close());
    return storage;
  };
  const place: Place = { dialect: 'sqlite', file: join(folder, 'shop.db') };
  const storage = await open(place);
  await fill(storage);
  return {
    place,
    storage,
    folder,
    newPlace: async () => ({ dialect: 'sqlite', file: join(folder, 'target.db') }),
    open,
    standsAt: async () => (await readdir(folder)).filter((name) => name.startsWith('target')),
  };
}

const postgresGround =
  (server: PostgresServer) =>
  async (t: TestContext): Promise<Ground> => {
    const folder = await mkdtemp(join(tmpdir(), 'twinkeep-archive-'));
    t.after(() => rm(folder, { recursive: true, force: true }));
    const urlOf = (place: Place): string => (place.dialect === 'postgres' ? place.url : '');
    const newPlace = async (): Promise<Place> => ({ dialect: 'postgres', url: await server.createDatabase() });
    const open = async (place: Place): Promise<Storage> => {
      const storage = await openPostgresStorage({ url: urlOf(place), clock: systemClock });
      t.after(() => storage.close());
      return storage;
    };
    const place = await newPlace();
    const storage = await open(place);
    await fill(storage);
    const standing = "select tablename from pg_tables where schemaname = 'public'";
    return { place, storage, folder, newPlace, open, standsAt: (at) => queryPostgres(urlOf(at), standing) };
  };

archiveTests('SQLite', sqliteGround);

await serverSuite('archives of PostgreSQL', startPostgres, (server) =>
  archiveTests('PostgreSQL', postgresGround(server)),
);
