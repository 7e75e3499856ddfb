import assert from 'node:assert/strict';
import { type ChildProcess, fork } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { systemClock } from '../../src/kernel/clock.ts';
import { sessionMigrations } from '../../src/sessions/index.ts';
import { openPostgresStorage } from '../../src/storage/index.ts';

export interface NodeQuestion {
  readonly id: number;
  readonly kind: 'ask' | 'revoke';
  readonly session: string;
}

/** What a verifier there would say; `stale`: it refuses every token. */
export interface NodeAnswer {
  readonly id: number;
  readonly verdict: 'good' | 'revoked' | 'stale' | 'done' | 'failed';
}

/** A node in a process of its own. */
export interface ClusterNode {
  ask(session: string): Promise<NodeAnswer['verdict']>;
  revoke(session: string): Promise<void>;
  signal(signal: NodeJS.Signals): void;
}

export interface Cluster {
  readonly nodes: readonly ClusterNode[];
  stop(): void;
}

const HERE = fileURLToPath(new URL('revocation-node.ts', import.meta.url));

export const newSession = (): string => randomBytes(16).toString('hex');

/** @param count nodes on one PostgreSQL and one Redis */
export async function startCluster(postgres: string, redis: string, count: number): Promise<Cluster> {
  const storage = await openPostgresStorage({ url: postgres, clock: systemClock, onError: () => undefined });
  await storage.migrate(sessionMigrations);
  await storage.close();
  const nodes = await Promise.all(Array.from({ length: count }, () => startNode([postgres, redis])));
  return { nodes: nodes.map(({ node }) => node), stop: () => nodes.forEach(({ child }) => void child.kill('SIGKILL')) };
}

async function startNode(
  args: readonly string[],
): Promise<{ readonly node: ClusterNode; readonly child: ChildProcess }> {
  const child = fork(HERE, args, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  const waiting = new Map<number, (verdict: NodeAnswer['verdict']) => void>();
  let asked = 0;
  const ready = new Promise<void>((resolve, reject) => {
    waiting.set(0, () => resolve());
    child.once('exit', () => reject(new Error('the node has ended')));
  });
  child.on('message', ({ id, verdict }: NodeAnswer) => {
    waiting.get(id)?.(verdict);
    waiting.delete(id);
  });
  const put = (kind: NodeQuestion['kind'], session: string): Promise<NodeAnswer['verdict']> =>
    new Promise((resolve) => {
      asked += 1;
      waiting.set(asked, resolve);
      child.send({ id: asked, kind, session } satisfies NodeQuestion);
    });
  await ready;
  const node: ClusterNode = {
    ask: (session) => put('ask', session),
    revoke: async (session) => assert.equal(await put('revoke', session), 'done'),
    signal: (signal) => void child.kill(signal),
  };
  return { node, child };
}

/** Asks until a node knows. @returns how long that took. @throws where it takes longer */
export async function refusedWithin(ms: number, node: ClusterNode, session: string): Promise<number> {
  const begun = performance.now();
  let verdict = await node.ask(session);
  while (verdict === 'good') {
    assert.ok(performance.now() - begun < ms, `still good after ${ms} ms`);
    await pause(1);
    verdict = await node.ask(session);
  }
  return performance.now() - begun;
}

/** Asks until a node lets anybody in again; what was revoked must not be good in between, nor afterwards. */
export async function catchesUpWithin(ms: number, node: ClusterNode, session: string): Promise<number> {
  const begun = performance.now();
  for (let verdict = await node.ask(session); verdict !== 'revoked'; verdict = await node.ask(session)) {
    assert.equal(verdict, 'stale', 'a revoked token is good at a node that has not caught up');
    assert.ok(performance.now() - begun < ms, `not caught up after ${ms} ms`);
    await pause(5);
  }
  return performance.now() - begun;
}
