import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { epochMs } from '../kernel/brand.ts';
import { systemClock } from '../kernel/clock.ts';
import { platform } from '../kernel/tx.ts';
import { createSqliteStorage } from './sqlite.ts';
import { storageContract } from './storage.contract.ts';
import type { Storage } from './storage.ts';
import { expectFault, seats, tables } from './storage-kit.contract.ts';
import { createTurn, turnMemory, watchTurn } from './turn-threads.ts';

const NEIGHBOUR = new URL('./threads-neighbour.contract.ts', import.meta.url);

interface Shared {
  readonly file: string;
  readonly memory: SharedArrayBuffer;
  readonly owner: Storage;
  /** Starts a thread that does what `task` says. */
  start(task: string, seat: number): Promise<Worker>;
  close(): Promise<void>;
}

/** A file that this thread owns, and that others write to as well. */
async function share(clock = systemClock): Promise<Shared> {
  const folder = await mkdtemp(join(tmpdir(), 'twinkeep-threads-'));
  const file = join(folder, 'db');
  const memory = turnMemory();
  const owner = createSqliteStorage({ file, clock, turn: createTurn(memory, 1) });
  const workers: Worker[] = [];
  return {
    file,
    memory,
    owner,
    start: async (task, seat) => {
      const worker = new Worker(NEIGHBOUR, { workerData: { file, memory, seat, task } });
      workers.push(worker);
      await once(worker, 'message');
      return worker;
    },
    close: async () => {
      for (const worker of workers) await worker.terminate();
      await owner.close();
      await rm(folder, { recursive: true });
    },
  };
}

storageContract('SQLite in a thread that joins, while another thread writes without a pause', async () => {
  let now = 1_800_000_000_000;
  const clock = { now: () => epochMs(now) };
  const { file, memory, owner, start, close } = await share(clock);
  await owner.migrate([]);
  await start('own-table', 2);
  const joined = createSqliteStorage({ file, clock, turn: createTurn(memory, 3), joins: true });
  return {
    storage: joined,
    advance: async (ms) => {
      now += ms;
    },
    reopen: async () => owner,
    readsBesideWrites: true,
    files: async () => Buffer.concat(await Promise.all([file, `${file}-wal`].map((name) => readFile(name)))),
    close: async () => {
      await joined.close();
      await close();
    },
  };
});

test('what one thread was told is stored, every other thread reads from then on', async () => {
  const { owner, start, close } = await share();
  await owner.migrate([tables]);
  const worker = await start('on-demand', 2);
  for (let seat = 0; seat < 200; seat++) {
    worker.postMessage(seat);
    await once(worker, 'message');
    const found = await owner.read(platform, (tx) => tx.one(seats.count, { person: 'worker' }));
    assert.deepEqual(found, { seats: seat + 1 });
  }
  await close();
});

// Attack: a request that crashes its thread in the middle of a write stops every other write for good.
test('a thread that is ended within its write leaves nothing of it, and the next one gets the turn', async () => {
  const { owner, memory, start, close } = await share();
  await owner.migrate([tables]);
  const worker = await start('hang', 2);
  const watch = watchTurn(memory);
  watch.held();
  const waiting = owner.write(platform, (tx) => tx.run(seats.take, { person: 'owner', seat: 1 }));
  await pause(50);
  const held = watch.held();
  assert.ok(held?.seat === 2 && held.ms >= 45, JSON.stringify(held));
  await worker.terminate();
  watch.release(2);
  await waiting;
  assert.equal(watch.held(), undefined);
  const all = await owner.read(platform, (tx) => tx.all(seats.all, {}));
  assert.deepEqual(all, [{ person: 'owner', seat: 1 }]);
  await close();
});

test('a thread that writes at times is not kept waiting by two that never pause', async () => {
  const { owner, start, close } = await share();
  await owner.migrate([tables]);
  await Promise.all([start('own-table', 2), start('own-table', 3)]);
  const waited: number[] = [];
  for (let seat = 0; seat < 50; seat++) {
    const asked = performance.now();
    await owner.write(platform, (tx) => tx.run(seats.take, { person: 'owner', seat }));
    waited.push(performance.now() - asked);
  }
  assert.ok(Math.max(...waited) < 1_000, `waited ${Math.max(...waited)} ms`);
  await close();
});

// Attack: the disk loses a commit, and another thread acknowledges what it has built on top of it.
test('once a sync has failed in one thread no other acknowledges anything', async () => {
  const { owner, memory, close } = await share();
  await owner.migrate([tables]);
  createTurn(memory, 2).condemn();
  await expectFault(
    'STORAGE_UNAVAILABLE',
    owner.write(platform, (tx) => tx.run(seats.take, { person: 'owner', seat: 1 })),
  );
  await expectFault('STORAGE_UNAVAILABLE', owner.probe());
  await close();
});

// Attack: a request that keeps its thread busy for good while its turn is next stops every other write.
test('a turn that is promised to a thread that hangs is another one’s after a moment', async () => {
  const memory = turnMemory();
  const [busy, next] = [createTurn(memory, 1), createTurn(memory, 2)];
  assert.equal(busy.take(), undefined);
  const hangs = createTurn(memory, 3);
  void hangs.take(); // waits, is overtaken until it is promised the next one, and is then seen no more
  const promised = new Int32Array(memory);
  for (let round = 0; Atomics.load(promised, 1) !== 3; round++) {
    assert.ok(round < 50, 'never promised');
    busy.give();
    assert.equal(busy.take(), undefined, 'taken again before the one that waits is woken');
    await pause(5);
  }
  Atomics.store(promised, 1, 9); // as if that one had hung: a seat that never looks
  busy.give();
  const began = performance.now();
  await next.take();
  const took = performance.now() - began;
  assert.ok(took >= 150 && took < 2_000, String(took));
  next.give();
});
