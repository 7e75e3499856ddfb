import { describe } from 'node:test';
import { createSqliteStorage, openPostgresStorage } from '../storage/index.ts';
import { createTestClock, serverSuite, startPostgres } from '../testing/index.ts';
import { mfaContract } from './mfa.contract.ts';

describe('second factors on SQLite', () => {
  mfaContract(async () => createSqliteStorage({ file: ':memory:', clock: createTestClock() }));
});

await serverSuite('second factors on PostgreSQL', startPostgres, (server) => {
  mfaContract(async () => openPostgresStorage({ url: await server.createDatabase(), clock: createTestClock() }));
});
