import { test } from 'node:test';
import { serverSuite, startPostgres } from '../../src/testing/index.ts';
import { migrateOnPostgres, migrateOnSqlite } from './migrate-fields-while-read.ts';

// `npm run soak` migrates ten times as many.
for (const journal of ['wal', 'delete'] as const) {
  test(`10,000 rows of SQLite (journal: ${journal}) are migrated while another program reads and writes`, async (t) => {
    await migrateOnSqlite(t, journal, 10_000);
  });
}

await serverSuite('on PostgreSQL', startPostgres, (server) => {
  test('10,000 rows of PostgreSQL are migrated while another program reads and writes', async (t) => {
    await migrateOnPostgres(t, server, 10_000);
  });
});
