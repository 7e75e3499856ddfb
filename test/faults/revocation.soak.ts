import { after, before, test } from 'node:test';
import { Redis } from 'ioredis';
import {
  type PostgresServer,
  serverSuite,
  startPostgres,
  startRedis,
  type TestServer,
} from '../../src/testing/index.ts';
import { layCable } from './cable.ts';
import { type Cluster, catchesUpWithin, newSession, startCluster } from './revocation-cluster.ts';
import { loseTheStore, revokeInTurn, revokeWithout, stopWhileRevoking } from './revocation-rounds.ts';

await serverSuite('revocation across processes, for long', startPostgres, (postgres: PostgresServer) => {
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

  test('what ends at one of three processes is refused by all within a second, 1,000 times', async (t) => {
    t.diagnostic(JSON.stringify(await revokeInTurn(cluster, 1_000)));
  });

  test('a process that stood still for ten seconds refuses until it has caught up, three times', async (t) => {
    for (let round = 0; round < 3; round++)
      t.diagnostic(`caught up in ${(await stopWhileRevoking(cluster, 10_000)).toFixed(0)} ms`);
  });

  test('so it is while Redis hangs for ten seconds, and while it is gone as long and comes back empty', async (t) => {
    for (const away of ['SIGSTOP', 'SIGKILL'] as const) {
      t.diagnostic(`${away}: ${JSON.stringify(await revokeWithout(redis, cluster, away, 10_000))}`);
    }
  });

  // Attack: a flood of messages makes Redis drop a node that reads too slowly, which then misses what ends.
  test('a process that Redis drops for reading too slowly catches up', async (t) => {
    const [teller, slow] = cluster.nodes;
    const client = new Redis(redis.url);
    try {
      await client.config('SET', 'client-output-buffer-limit', 'pubsub 262144 131072 1');
      const session = newSession();
      slow?.signal('SIGSTOP');
      await teller?.revoke(session);
      const junk = 'x'.repeat(65_536);
      for (let i = 0; i < 200; i++) await client.publish('twinkeep:bus:noise', junk);
      await new Promise((resolve) => setTimeout(resolve, 3_000));
      slow?.signal('SIGCONT');
      if (slow !== undefined) t.diagnostic(`${(await catchesUpWithin(5_000, slow, session)).toFixed(0)} ms`);
    } finally {
      client.disconnect();
    }
    await revokeInTurn(cluster, 20);
  });

  test('a process that hears nothing of the database for longer than its limit refuses everybody', async (t) => {
    const url = new URL(await postgres.createDatabase());
    const cable = await layCable(Number(url.port));
    url.port = String(cable.port);
    const far = await startCluster(url.href, redis.url, 1);
    try {
      const [node] = far.nodes;
      if (node !== undefined) t.diagnostic(`back after ${(await loseTheStore(cable, node, 8_000)).toFixed(0)} ms`);
    } finally {
      far.stop();
      cable.close();
    }
  });
});
