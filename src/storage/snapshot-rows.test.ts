import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '../kernel/clock.ts';
import { inTenant, platform } from '../kernel/tx.ts';
import { serverSuite, startPostgres } from '../testing/index.ts';
import { createPostgresStorage } from './postgres.ts';
import { fill, MARK, migrations, tenantOf } from './snapshot-kit.contract.ts';
import { createTableCopy, type TableRows } from './snapshot-rows.ts';
import { tablesOf } from './snapshot-tables.ts';
import { createSqliteStorage } from './sqlite.ts';
import { insertion } from './statement.ts';
import type { Storage } from './storage.ts';
import { expectFault } from './storage-kit.contract.ts';

const copy = createTableCopy({ migrations, names: ['vault_secret', 'sample'] });
const secret = insertion({
  reach: 'platform',
  table: 'vault_secret',
  columns: { id: 'text', wrapped: 'bytes', facts: 'json?' },
});

async function onSqlite(): Promise<Storage> {
  const storage = createSqliteStorage({ file: ':memory:', clock: systemClock });
  await storage.migrate(migrations);
  return storage;
}

/** As a keystore carries them. */
const throughJson = (tables: readonly TableRows[]): readonly TableRows[] => JSON.parse(JSON.stringify(tables));

test('tables have the columns of all migrations, in the order of the names', () => {
  const shapes = tablesOf(migrations);
  assert.deepEqual(
    shapes.map(({ name }) => name),
    [...['credit', 'debit', 'reading', 'sample', 'seat', 'ticket', 'twinkeep_lease', 'vault_secret']],
  );
  const { columns, key, rows } = shapes.find(({ name }) => name === 'vault_secret') ?? {};
  assert.deepEqual(
    { columns, key, rows },
    {
      columns: { id: 'text', wrapped: 'bytes', facts: 'json?' },
      key: ['id'],
      rows: 'platform',
    },
  );
  assert.throws(() => createTableCopy({ migrations, names: ['credit'] }), TypeError);
  assert.throws(() => createTableCopy({ migrations, names: ['nowhere'] }), TypeError);
});

function copyTests(name: string, open: () => Promise<Storage>): void {
  test(`${name}: rows go out and in again by JSON, with every type of column, and replace what was there`, async () => {
    const [from, to] = [await open(), await onSqlite()];
    await fill(from);
    const read = throughJson(await copy.read(from));
    const secrets = read.find((table) => table.name === 'vault_secret');
    assert.deepEqual(secrets?.rows[0], {
      id: 'k1',
      wrapped: Buffer.from(MARK.repeat(100)).toString('base64'),
      facts: { shares: [1, 'two'] },
    });
    await to.write(platform, (tx) => tx.insert(secret, [{ id: 'old', wrapped: Buffer.from('x'), facts: null }]));
    await copy.write(to, read);
    assert.deepEqual(await copy.read(to), read);
    await copy.write(from, throughJson(await copy.read(to)));
    assert.deepEqual(await copy.read(from), read);
    assert.deepEqual(await copy.read(from, ['vault_secret']), [secrets]);
    await Promise.all([from.close(), to.close()]);
  });

  test(`${name}: more rows than a page holds are all there, in the order of the key`, async () => {
    const storage = await open();
    const rows = Array.from({ length: 1_234 }, (_, n) => ({ id: `k${String(n).padStart(5, '0')}`, wrapped: 'AAEC' }));
    await copy.write(storage, [{ name: 'vault_secret', rows }]);
    const [read] = await copy.read(storage, ['vault_secret']);
    assert.deepEqual(
      read?.rows,
      rows.map((row) => ({ ...row, facts: null })),
    );
    await storage.close();
  });

  // Attack: a keystore that was made up, to bring a column or a table of one's own along.
  test(`${name}: what does not fit is refused, and what was there stays`, async () => {
    const storage = await open();
    await fill(storage);
    const before = await copy.read(storage);
    const good = { id: 'a', wrapped: 'AAEC' };
    const wrong = [
      { name: 'debit', rows: [] },
      { name: 'vault_secret', rows: [good, { ...good, id: 'b', more: 1 }] },
      { name: 'vault_secret', rows: [{ id: 'a' }] },
      { name: 'vault_secret', rows: [{ ...good, id: 5 }] },
      { name: 'vault_secret', rows: [{ ...good, wrapped: 'no base64!' }] },
      { name: 'vault_secret', rows: [{ ...good, wrapped: null }] },
    ];
    for (const table of wrong) await expectFault('STORAGE_FOREIGN', copy.write(storage, [table]));
    await expectFault('STORAGE_CONFLICT', copy.write(storage, [{ name: 'vault_secret', rows: [good, good] }]));
    assert.deepEqual(await copy.read(storage), before);
    await storage.read(inTenant(tenantOf(0)), async () => undefined);
    await storage.close();
  });
}

copyTests('SQLite', onSqlite);

await serverSuite('tables of PostgreSQL', startPostgres, (server) =>
  copyTests('PostgreSQL', async () => {
    const storage = createPostgresStorage({ url: await server.createDatabase(), clock: systemClock });
    await storage.migrate(migrations);
    return storage;
  }),
);
