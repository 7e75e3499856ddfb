import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { systemClock } from '../kernel/clock.ts';
import { inTenant } from '../kernel/tx.ts';
import { type PostgresServer, queryPostgres, serverSuite, startPostgres } from '../testing/index.ts';
import { createPostgresStorage } from './postgres.ts';
import { unmarkRestoring } from './postgres-restoring.ts';
import { snapshotPostgres } from './postgres-snapshot.ts';
import { restorePostgres } from './postgres-snapshot-restore.ts';
import { createThrowaway, wipePostgres } from './postgres-throwaway.ts';
import type { SnapshotPart } from './snapshot.ts';
import {
  assertPaired,
  collect,
  countsOf,
  credits,
  fill,
  MARK,
  migrations,
  partsFrom,
  pay,
  shopTables,
  tenantOf,
  WITHOUT,
  writeOn,
} from './snapshot-kit.contract.ts';
import type { Storage } from './storage.ts';
import { expectFault, tables } from './storage-kit.contract.ts';

function open(t: TestContext, url: string): Storage {
  const storage = createPostgresStorage({ url, clock: systemClock });
  t.after(() => storage.close());
  return storage;
}

async function openShop(t: TestContext, url: string): Promise<Storage> {
  const storage = open(t, url);
  await storage.migrate(migrations);
  await fill(storage);
  return storage;
}

const snapshotOf = (url: string) => snapshotPostgres({ url, migrations, without: WITHOUT });

async function collectOnce(url: string) {
  const snapshot = await snapshotOf(url);
  const collected = await collect(snapshot).finally(snapshot.close);
  return { ...collected, snapshot };
}

async function restore(url: string, parts: AsyncIterable<SnapshotPart>, present: readonly string[]) {
  const made = await restorePostgres({ url, migrations, present, parts, clock: systemClock });
  await unmarkRestoring(url);
  return made;
}

const tablesAt = async (url: string): Promise<readonly unknown[]> =>
  (await queryPostgres(url, "select tablename from pg_tables where schemaname = 'public'")).map(
    (row) => row['tablename'],
  );

/** Keys, indexes and row-level security, as the database itself words them. */
const schemaOf = (url: string): Promise<readonly unknown[]> =>
  queryPostgres(
    url,
    `select indexdef as text from pg_indexes where schemaname = 'public' union all
       select conrelid::regclass || conname || pg_get_constraintdef(oid) from pg_constraint
         where connamespace = 'public'::regnamespace union all
       select relname || relrowsecurity || relforcerowsecurity from pg_class
         where relnamespace = 'public'::regnamespace and relkind = 'r'
       order by text`,
  );

await serverSuite('PostgreSQL snapshots', startPostgres, (server) => {
  wholeTests(server);
  ownerTests(server);
  refusalTests(server);
});

function wholeTests(server: PostgresServer): void {
  test('a snapshot of PostgreSQL is of one moment, though writes go on, and is restored as it was', async (t) => {
    const url = await server.createDatabase();
    const storage = await openShop(t, url);
    const end = writeOn(storage, 100);
    for (let round = 0; round < 3; round++) {
      const { parts, digests, snapshot } = await collectOnce(url);
      const target = await server.createDatabase();
      const made = await restore(target, partsFrom(parts), snapshot.migrations);
      assert.deepEqual(made, { migrations: snapshot.migrations, tables: snapshot.tables, digests });
      const pairs = await assertPaired(open(t, target));
      assert.deepEqual(countsOf(snapshot), { credit: pairs, debit: pairs });
      assert.deepEqual((await collectOnce(target)).digests, digests);
      assert.deepEqual(await schemaOf(target), await schemaOf(url));
    }
    assert.ok((await end()) > 5, 'nothing was written meanwhile');
  });

  // Attack: a wrapped key that was destroyed since is taken out of an old backup of the values.
  test('nothing of a table that is left out is in any part', async (t) => {
    const url = await server.createDatabase();
    await openShop(t, url);
    const { parts } = await collectOnce(url);
    assert.equal(parts.has('table/vault_secret'), false);
    for (const bytes of parts.values()) assert.equal(bytes.includes(MARK), false);
    const everything = await snapshotPostgres({ url, migrations, without: [] });
    const all = await collect(everything).finally(everything.close);
    assert.ok(all.parts.get('table/vault_secret')?.includes(MARK));
  });

  test('a database of an earlier version is restored as one, and migrates on from there', async (t) => {
    const url = await server.createDatabase();
    const early = open(t, url);
    await early.migrate([tables]);
    const { parts, snapshot } = await collectOnce(url);
    const target = await server.createDatabase();
    const made = await restore(target, partsFrom(parts), snapshot.migrations);
    assert.equal(made.migrations.includes(shopTables.name), false);
    assert.deepEqual(await open(t, target).migrate(migrations), [shopTables.name]);
  });

  test('a server that stops in the middle of a snapshot is told to whoever reads it', async (t) => {
    const url = await server.createDatabase();
    await openShop(t, url);
    const snapshot = await snapshotOf(url);
    t.after(snapshot.close);
    const reading = (async () => {
      for await (const { content } of snapshot.parts()) {
        for await (const _ of content);
        await server.restart();
      }
    })();
    await expectFault('STORAGE_UNAVAILABLE', reading);
  });

  test('a database beside it is made and dropped, with whoever is in it', async (t) => {
    const url = await server.createDatabase();
    for (let round = 0; round < 2; round++) {
      const made = await createThrowaway(url, 'twinkeep_drill_1');
      await open(t, made.url).probe();
    }
    const made = await createThrowaway(url, 'twinkeep_drill_1');
    await made.drop();
    await expectFault('STORAGE_UNAVAILABLE', open(t, made.url).probe());
  });
}

function ownerTests(server: PostgresServer): void {
  async function ownedDatabase(t: TestContext, name: string): Promise<string> {
    await open(t, await server.createDatabase()).migrate([]); // and with it the roles of the server
    await queryPostgres(server.url, `create role ${name} login createrole password 'x'`);
    await queryPostgres(server.url, `grant twinkeep_app, twinkeep_lookup to ${name}`);
    await queryPostgres(server.url, `create database ${name} owner ${name}`);
    return server.url.replace('postgres@', `${name}:x@`).replace(/\/postgres$/, `/${name}`);
  }

  test('an owner without superuser rights reads the rows of all tenants, and restores them', async (t) => {
    const url = await ownedDatabase(t, 'shop');
    await openShop(t, url);
    for (let round = 0; round < 2; round++) {
      const { parts, snapshot } = await collectOnce(url);
      assert.deepEqual(countsOf(snapshot), { credit: 30, debit: 30 });
      const target = await ownedDatabase(t, `target_${round}`);
      await restore(target, partsFrom(parts), snapshot.migrations);
      assert.equal(await assertPaired(open(t, target)), 30);
      assert.deepEqual(await queryPostgres(target, 'select id from credit'), []); // it is forced again
    }
    await expectFault('STORAGE_SCOPE', createThrowaway(url, 'twinkeep_drill_2'));
  });

  // Attack: what lets the backup see all tenants lets a request see them.
  test('the restricted role sees no more than before once a snapshot was made, whatever it sets', async (t) => {
    const url = await ownedDatabase(t, 'bound');
    const storage = await openShop(t, url);
    await (await snapshotOf(url)).close();
    const asRole = (sql: string) => queryPostgres(url, `begin; set local role twinkeep_app; ${sql}`);
    assert.deepEqual(await asRole("select set_config('twinkeep.whole', 'on', true); select id from credit"), []);
    assert.deepEqual(await queryPostgres(url, 'select id from credit'), []); // the owner too, who has not said so
    const own = await storage.read(inTenant(tenantOf(1)), (tx) => tx.all(credits, {}));
    assert.equal(own.length, 10);
  });
}

function refusalTests(server: PostgresServer): void {
  test('a restore into a database with a row or a table of others is refused, and changes nothing', async (t) => {
    const url = await server.createDatabase();
    const storage = await openShop(t, url);
    const { parts, snapshot } = await collectOnce(url);
    await expectFault('STORAGE_OCCUPIED', restore(url, partsFrom(parts), snapshot.migrations));
    assert.equal(await assertPaired(storage), 30);

    const other = await server.createDatabase();
    await queryPostgres(other, 'create table diary (day text)');
    await expectFault('STORAGE_OCCUPIED', restore(other, partsFrom(parts), snapshot.migrations));
    assert.deepEqual(await tablesAt(other), ['diary']);
  });

  test('a database that was migrated and has no row is taken as empty: a killed restore leaves that', async (t) => {
    const url = await server.createDatabase();
    await openShop(t, url);
    const { parts, snapshot } = await collectOnce(url);
    const target = await server.createDatabase();
    await open(t, target).migrate(migrations);
    await restore(target, partsFrom(parts), snapshot.migrations);
    await wipePostgres(target, migrations);
    assert.deepEqual(await tablesAt(target), []);
  });

  // Attack: an archive whose end does not hold, a table twice, rows of another table, rows cut short.
  test('whatever is wrong with the parts, nothing stands at the target afterwards', async (t) => {
    const url = await server.createDatabase();
    await openShop(t, url);
    const { parts, snapshot } = await collectOnce(url);
    const target = await server.createDatabase();
    const refused = async (given: AsyncIterable<SnapshotPart>, expected: object | RegExp): Promise<void> => {
      await assert.rejects(restore(target, given, snapshot.migrations), expected);
      assert.deepEqual(await tablesAt(target), []);
    };
    const debit = parts.get('table/debit') ?? Buffer.alloc(0);
    async function* twice() {
      yield* partsFrom(parts);
      yield* partsFrom(parts);
    }
    await refused(
      partsFrom(parts, () => new Error('the end is missing')),
      /the end is missing/,
    );
    await refused(twice(), { code: 'STORAGE_FOREIGN' });
    await refused(partsFrom(new Map([['table/pg_authid', debit]])), { code: 'STORAGE_FOREIGN' });
    await refused(partsFrom(new Map([['table/sample', debit]])), { code: 'STORAGE_BROKEN' });
    await refused(partsFrom(new Map([['table/debit', debit.subarray(0, 60)]])), { code: 'STORAGE_BROKEN' });
    await refused(partsFrom(new Map([['table/debit', Buffer.from('text')]])), { code: 'STORAGE_BROKEN' });
    const present = [...snapshot.migrations, '202701010000_later_thing'];
    await expectFault('STORAGE_NEWER', restore(target, partsFrom(parts), present));
    await restore(target, partsFrom(parts), snapshot.migrations);
    assert.equal(await assertPaired(open(t, target)), 30);
  });

  test('a database with migrations that this program lacks is not copied in part', async (t) => {
    const url = await server.createDatabase();
    const storage = await openShop(t, url);
    await pay(storage, 77);
    await expectFault('STORAGE_NEWER', snapshotPostgres({ url, migrations: [tables], without: [] }));
    await expectFault('STORAGE_UNAVAILABLE', snapshotOf(url.replace(/\/[^/]*$/, '/not_there')));
  });
}
