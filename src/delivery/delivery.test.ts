import { describe } from 'node:test';
import { systemClock } from '../kernel/clock.ts';
import { openPostgresStorage } from '../storage/index.ts';
import { serverSuite, startPostgres } from '../testing/index.ts';
import { alertContract } from './alerts.contract.ts';
import { backlogContract } from './backlog.contract.ts';
import { inMemory, type MakeStorage } from './delivery-kit.contract.ts';
import { fairnessContract } from './fairness.contract.ts';
import { outboxContract } from './outbox.contract.ts';
import { stoppingContract } from './stopping.contract.ts';
import { webhookContract } from './webhooks.contract.ts';

function deliveryContract(name: string, make: MakeStorage): void {
  describe(`delivery on ${name}`, () => {
    outboxContract(make);
    webhookContract(make);
    alertContract(make);
    fairnessContract(make);
    backlogContract(make);
    describe('as it stops', { concurrency: true }, () => stoppingContract(make)); // each waits for a time limit
  });
}

deliveryContract('SQLite', inMemory);

await serverSuite('PostgreSQL', startPostgres, (server) => {
  deliveryContract('PostgreSQL', async () => {
    const storage = await openPostgresStorage({ url: await server.createDatabase(), clock: systemClock });
    return { storage, close: () => storage.close() };
  });
});
