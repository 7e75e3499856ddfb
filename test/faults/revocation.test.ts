import { after, before, test } from 'node:test';
import {
  type PostgresServer,
  serverSuite,
  startPostgres,
  startRedis,
  type TestServer,
} from '../../src/testing/index.ts';
import { type Cluster, startCluster } from './revocation-cluster.ts';
import { revokeInTurn, revokeWithout, stopWhileRevoking } from './revocation-rounds.ts';

/** `npm run soak` lets servers and nodes be away for longer: revocation.soak.ts. */
await serverSuite('revocation across processes', startPostgres, (postgres: PostgresServer) => {
  let redis: TestServer;
  let cluster: Cluster;
  before(async () => {
    const started = await startRedis();
    if (started === undefined) throw new Error('Redis could not be started');
    redis = started;
    cluster = await startCluster(await postgres.createDatabase(), redis.url, 3);
  });
  after(async () => {
    cluster?.stop();
    await redis?.stop();
  });

  test('what ends at one of three processes is refused by all within a second', async (t) => {
    t.diagnostic(JSON.stringify(await revokeInTurn(cluster, 60)));
  });

  // Attack: whoever can stop a process for a moment keeps a session that its owner has ended.
  test('a process that stood still refuses until it has caught up', async (t) => {
    t.diagnostic(`caught up in ${(await stopWhileRevoking(cluster, 2_500)).toFixed(0)} ms`);
  });

  // Attack: whoever can hold up or restart Redis keeps a session that its owner has ended.
  test('so it is while Redis hangs, and while it is gone and comes back empty', async (t) => {
    for (const away of ['SIGSTOP', 'SIGKILL'] as const) {
      t.diagnostic(`${away}: ${JSON.stringify(await revokeWithout(redis, cluster, away, 500))}`);
    }
  });
});
