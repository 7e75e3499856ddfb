/** A thread beside the one that is tested: run by `threads.test.ts` with a file, its turn and a task. */
import { isMainThread, parentPort, workerData } from 'node:worker_threads';
import { systemClock } from '../kernel/clock.ts';
import { platform } from '../kernel/tx.ts';
import { createSqliteStorage } from './sqlite.ts';
import { statement } from './statement.ts';
import type { Storage } from './storage.ts';
import { seats } from './storage-kit.contract.ts';
import { createTurn } from './turn-threads.ts';

const noise = statement({
  reach: 'platform',
  sql: `insert into twinkeep_lease (name, holder, fence, until) values ('noise', 'noise', 1, :until)
    on conflict (name) do update set until = excluded.until`,
  params: { until: 'int' },
});

/** Writes a row that no test looks at, sixteen at a time, for as long as it lives. */
async function writeWithoutPause(storage: Storage): Promise<void> {
  for (let until = 1; ; until++) {
    await Promise.all(Array.from({ length: 16 }, () => storage.write(platform, (tx) => tx.run(noise, { until }))));
  }
}

const TASKS: Readonly<Record<string, (storage: Storage) => void>> = {
  'own-table': (storage) => void writeWithoutPause(storage),
  'on-demand': (storage) => {
    parentPort?.on('message', (seat: number) => {
      void storage
        .write(platform, (tx) => tx.run(seats.take, { person: 'worker', seat }))
        .then(() => parentPort?.postMessage('stored'));
    });
  },
  hang: (storage) => {
    void storage.write(platform, async (tx) => {
      await tx.run(seats.take, { person: 'worker', seat: 1 });
      parentPort?.postMessage('in the middle');
      for (;;);
    });
  },
};

if (!isMainThread) {
  const { file, memory, seat, task } = workerData;
  const storage = createSqliteStorage({ file, clock: systemClock, turn: createTurn(memory, seat), joins: true });
  TASKS[task]?.(storage);
  if (task !== 'hang') parentPort?.postMessage('ready');
}
