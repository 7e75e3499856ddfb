import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import type { TestServer } from '../../src/testing/index.ts';
import type { Cable } from './cable.ts';
import { type Cluster, type ClusterNode, catchesUpWithin, newSession, refusedWithin } from './revocation-cluster.ts';

/** The p99 and the longest of what it took the others to refuse. */
export interface Reached {
  readonly p99Ms: number;
  readonly longestMs: number;
}

/** Revokes at one node after the other, and times the rest. @throws where it takes more than a second */
export async function revokeInTurn({ nodes }: Cluster, rounds: number): Promise<Reached> {
  const took: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const session = newSession();
    const teller = nodes[round % nodes.length];
    assert.ok(teller);
    for (const node of nodes) assert.equal(await node.ask(session), 'good');
    await teller.revoke(session);
    took.push(...(await Promise.all(nodes.map((node) => refusedWithin(1_000, node, session)))));
  }
  took.sort((a, b) => a - b);
  return { p99Ms: took[Math.floor(took.length * 0.99)] ?? 0, longestMs: took.at(-1) ?? 0 };
}

/** Stops a node for a while, and revokes meanwhile. The first question is there before it wakes. */
export async function stopWhileRevoking({ nodes }: Cluster, ms: number): Promise<number> {
  const [teller, sleeper] = nodes;
  assert.ok(teller !== undefined && sleeper !== undefined);
  const session = newSession();
  assert.equal(await sleeper.ask(session), 'good');
  sleeper.signal('SIGSTOP');
  await teller.revoke(session);
  await pause(ms);
  const first = sleeper.ask(session);
  sleeper.signal('SIGCONT');
  assert.notEqual(await first, 'good', 'a node that stood still knows nothing of what happened meanwhile');
  return catchesUpWithin(5_000, sleeper, session);
}

/** Redis is away, however: what is revoked meanwhile is refused within a second all the same. */
export async function revokeWithout(redis: TestServer, cluster: Cluster, away: 'SIGSTOP' | 'SIGKILL', ms: number) {
  await redis.kill(away);
  const reached = await revokeInTurn(cluster, 6);
  await pause(ms);
  const late = await revokeInTurn(cluster, 6);
  if (away === 'SIGSTOP') await redis.kill('SIGCONT');
  else await redis.restart(); // empty
  const back = await revokeInTurn(cluster, 6);
  return { reached, late, back };
}

/** No word from PostgreSQL for longer than the limit: a node refuses everybody, and lets them in when it is back. */
export async function loseTheStore(cable: Cable, node: ClusterNode, ms: number): Promise<number> {
  const session = newSession();
  assert.equal(await node.ask(session), 'good');
  cable.cut();
  await pause(ms);
  assert.equal(await node.ask(session), 'stale');
  cable.mend();
  const begun = performance.now();
  while ((await node.ask(session)) === 'stale') {
    assert.ok(performance.now() - begun < 20_000, 'it has not come back');
    await pause(50);
  }
  assert.equal(await node.ask(session), 'good');
  return performance.now() - begun;
}
