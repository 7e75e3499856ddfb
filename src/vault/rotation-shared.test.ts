import { describe } from 'node:test';
import { createSqliteStorage, openPostgresStorage, type Storage } from '../storage/index.ts';
import { createTestClock, serverSuite, startPostgres } from '../testing/index.ts';
import { sharedRotation } from './rotation-shared.contract.ts';

describe('keys that rotate on a database that calls itself shared', () => {
  sharedRotation(async () => {
    const clock = createTestClock();
    const database = createSqliteStorage({ file: ':memory:', clock });
    const storage: Storage = { ...database, dialect: 'postgres' };
    return { here: storage, there: storage, clock, close: storage.close };
  });
});

await serverSuite('keys that rotate on PostgreSQL', startPostgres, (server) => {
  sharedRotation(async () => {
    const clock = createTestClock();
    const url = await server.createDatabase();
    const open = () => openPostgresStorage({ url, clock });
    const [here, there] = [await open(), await open()];
    return {
      here,
      there,
      clock,
      close: async () => {
        await Promise.all([here.close(), there.close()]);
      },
    };
  });
});
