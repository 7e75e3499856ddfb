import { systemClock } from '../kernel/clock.ts';
import { openPostgresStorage } from '../storage/index.ts';
import { serverSuite, startPostgres } from '../testing/index.ts';
import { readingsContract } from './readings.contract.ts';
import { inFile, inMemory } from './readings-kit.contract.ts';

readingsContract('SQLite in memory', inMemory);
readingsContract('SQLite in a file', inFile);

await serverSuite('PostgreSQL', startPostgres, (server) => {
  readingsContract('PostgreSQL', async () => {
    const storage = await openPostgresStorage({ url: await server.createDatabase(), clock: systemClock });
    return { storage, close: () => storage.close() };
  });
});
