import { createSqliteStorage, openPostgresStorage } from '../storage/index.ts';
import { serverSuite, startPostgres } from '../testing/index.ts';
import { termsContract } from './terms.contract.ts';

termsContract('SQLite', async (clock) => createSqliteStorage({ file: ':memory:', clock }));

await serverSuite('PostgreSQL', startPostgres, (server) => {
  termsContract('sessions of profiles', async (clock) =>
    openPostgresStorage({ url: await server.createDatabase(), clock, onError: () => undefined }),
  );
});
