import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { systemClock } from '../kernel/clock.ts';
import { createSqliteStorage } from '../storage/index.ts';
import { startJobs } from './jobs.ts';
import type { Job } from './rooms.ts';

async function withJobs(jobs: readonly Job[], work: (errors: readonly unknown[]) => Promise<void>): Promise<void> {
  const storage = createSqliteStorage({ file: ':memory:', clock: systemClock });
  const errors: unknown[] = [];
  const started = startJobs({ jobs, storage, holder: 'test', onError: (error) => errors.push(error) });
  try {
    await work(errors);
  } finally {
    await started.stop();
    await storage.close();
  }
}

async function until(isSo: () => boolean): Promise<void> {
  const end = performance.now() + 10_000;
  while (!isSo()) {
    if (performance.now() > end) assert.fail('it did not come about within 10 s');
    await pause(2);
  }
}

test('a job whose turn is not over gets no second one, and goes on once it is', async () => {
  const slow = Promise.withResolvers<void>();
  let slowTurns = 0;
  let quickTurns = 0;
  const jobs = [
    { name: 'slow', everyMs: 1, run: () => (++slowTurns === 1 ? slow.promise : Promise.resolve()) },
    { name: 'quick', everyMs: 1, run: async () => void quickTurns++ },
  ];
  await withJobs(jobs, async () => {
    await until(() => quickTurns >= 20);
    assert.equal(slowTurns, 1);
    slow.resolve();
    await until(() => slowTurns >= 3);
  });
});

test('a job that failed gets its next turn', async () => {
  let turns = 0;
  const run = async (): Promise<void> => {
    if (++turns === 1) throw new Error('the database is away');
  };
  await withJobs([{ name: 'failing', everyMs: 1, run }], async (errors) => {
    await until(() => turns >= 3);
    assert.equal(errors.length, 1);
  });
});

test('stopping waits for the turn that is not over', async () => {
  const turn = Promise.withResolvers<void>();
  let begun = false;
  let over = false;
  const run = async (): Promise<void> => {
    begun = true;
    await turn.promise;
    over = true;
  };
  await withJobs([{ name: 'slow', everyMs: 1, run }], async () => {
    await until(() => begun);
    setTimeout(turn.resolve, 20);
  });
  assert.equal(over, true);
});
