import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type TestContext, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { serverSuite, startPostgres } from '../../src/testing/index.ts';
import { type Receivers, startReceivers } from './delivery-receivers.ts';
import { chosenSeed, createDice } from './dice.ts';

const VICTIM = new URL('./delivery-victim.ts', import.meta.url).pathname;
const DRAIN_MS = 60_000;
const LATER_MS = 150_000; // longer than a claim lasts
const MANY = 100_000; // more than one has time for

interface Victim {
  /** Numbers of messages that it said are durable. */
  readonly accepted: readonly number[];
  ready(): Promise<void>;
  kill(): Promise<void>;
}

function startVictim(env: Readonly<Record<string, string>>): Victim {
  const options = { env: { PATH: process.env['PATH'] ?? '', ...env } };
  const child = spawn(process.execPath, [VICTIM], { ...options, stdio: ['pipe', 'pipe', 'inherit'] });
  const accepted: number[] = [];
  const lines = createInterface({ input: child.stdout });
  const ready = once(lines, 'line');
  lines.on('line', (line) => {
    if (/^\d+$/.test(line)) accepted.push(Number(line));
  });
  return {
    accepted,
    ready: async () => void (await Promise.race([ready, once(child, 'exit').then(() => assert.fail('it ended'))])),
    kill: async () => {
      const gone = once(child, 'close');
      child.kill('SIGKILL');
      await gone;
    },
  };
}

/** Kills a sender again and again, lets the last one finish, and holds what was accepted against what arrived. */
async function killAndCount(t: TestContext, database: string, kills: number): Promise<void> {
  const seed = chosenSeed();
  const dice = createDice(seed);
  const receivers = await startReceivers();
  t.after(receivers.close);
  const accepted: number[] = [];
  for (let round = 0; round < kills; round++) {
    const later = String(round * LATER_MS);
    const first = String(round * MANY);
    const victim = startVictim({
      ...receivers.env,
      DATABASE: database,
      FIRST: first,
      COUNT: String(MANY),
      LATE_MS: later,
    });
    await victim.ready();
    while (victim.accepted.length === 0) await pause(2);
    await pause(dice.between(0, 250));
    await victim.kill();
    accepted.push(...victim.accepted);
  }
  const last = startVictim({ ...receivers.env, DATABASE: database, LATE_MS: String(kills * LATER_MS) });
  try {
    await last.ready();
    await arrived(receivers, accepted);
  } finally {
    await last.kill();
  }
  assert.ok(accepted.length >= kills, `only ${accepted.length} were accepted`);
  const repeated = assertSameIds(receivers);
  t.diagnostic(
    `FAULT_SEED=${seed}: ${accepted.length} writes of 3 messages, ${kills} kills, ${repeated} arrived twice`,
  );
}

async function arrived({ arrivals }: Receivers, accepted: readonly number[]): Promise<void> {
  const missing = () =>
    Object.entries(arrivals).flatMap(([kind, got]) => accepted.filter((n) => !got.has(n)).map((n) => `${kind} ${n}`));
  const end = performance.now() + DRAIN_MS;
  while (missing().length > 0 && performance.now() < end) await pause(50);
  assert.deepEqual(missing().slice(0, 10), []);
}

/** Every arrival of a message has its id and says the same. @returns how many messages arrived more than once */
function assertSameIds({ arrivals }: Receivers): number {
  let repeated = 0;
  for (const [kind, got] of Object.entries(arrivals)) {
    for (const [n, all] of got) {
      const ids = new Set(all.map(({ id }) => id));
      assert.equal(ids.size, 1, `${kind} ${n} came as ${[...ids].join(', ')}`);
      assert.match([...ids].join(), /^[0-9a-f-]{36}$/);
      assert.equal(new Set(all.map(({ body }) => body)).size, 1, `${kind} ${n} came with different contents`);
      if (all.length > 1) repeated += 1;
    }
  }
  return repeated;
}

test('through ten kill -9 no message is lost, and one that arrives twice has one id', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'twinkeep-outbox-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  await killAndCount(t, join(folder, 'outbox.db'), 10);
});

await serverSuite('an outbox in PostgreSQL', startPostgres, (server) => {
  test('through three kill -9 no message is lost, and one that arrives twice has one id', async (t) => {
    await killAndCount(t, await server.createDatabase(), 3);
  });
});
