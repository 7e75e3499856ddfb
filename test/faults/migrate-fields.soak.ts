import { test } from 'node:test';
import { serverSuite, startPostgres } from '../../src/testing/index.ts';
import { migrateOnPostgres, migrateOnSqlite } from '../journeys/migrate-fields-while-read.ts';

for (const journal of ['wal', 'delete'] as const) {
  test(`100,000 rows of SQLite (journal: ${journal}) are migrated while another program reads and writes`, async (t) => {
    await migrateOnSqlite(t, journal, 100_000);
  });
}

await serverSuite('on PostgreSQL', startPostgres, (server) => {
  test('100,000 rows of PostgreSQL are migrated while another program reads and writes', async (t) => {
    await migrateOnPostgres(t, server, 100_000);
  });
});
