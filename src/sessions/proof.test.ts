import { createSqliteStorage, openPostgresStorage } from '../storage/index.ts';
import { serverSuite, startPostgres } from '../testing/index.ts';
import { endsContract } from './ends.contract.ts';
import { nodesContract } from './nodes.contract.ts';
import { proofContract } from './proof.contract.ts';

const onError = (): void => undefined;

for (const [what, contract] of [
  ['how sessions were proved', proofContract],
  ['how sessions end together', endsContract],
  ['nodes that differ', nodesContract],
] as const) {
  contract(`${what}, on SQLite`, async (clock) => createSqliteStorage({ file: ':memory:', clock }));
}

await serverSuite('PostgreSQL', startPostgres, (server) => {
  const open = async (clock: Parameters<Parameters<typeof proofContract>[1]>[0]) =>
    openPostgresStorage({ url: await server.createDatabase(), clock, onError });
  proofContract('how sessions were proved', open);
  endsContract('how sessions end together', open);
  nodesContract('nodes that differ', open);
});
