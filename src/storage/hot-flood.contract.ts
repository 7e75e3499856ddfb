/** A thread of the tests of the shared hot state: does the one job that it is given. */
import { parentPort, workerData } from 'node:worker_threads';
import { systemClock } from '../kernel/clock.ts';
import { createMemoryHotState } from './hot-memory.ts';
import { createSharedHotState } from './hot-shared.ts';
import type { Take } from './hot-state.ts';
import { openHotTable } from './hot-table.ts';

export interface FloodJob {
  readonly buffer: SharedArrayBuffer;
  /** `hold` takes the lock of the first cell and keeps it until the thread is ended. */
  readonly kind: 'flood' | 'hold';
  readonly takes: readonly Take[];
  /** How often at most. */
  readonly times: number;
}

const { buffer, kind, takes, times }: FloodJob = workerData;

/** @param until in epoch ms */
function flood(until: number): number {
  const hot = createSharedHotState({
    clock: systemClock,
    buffer,
    values: createMemoryHotState({ clock: systemClock }),
  });
  const [only] = takes;
  let allowed = 0;
  for (let time = 0; time < times && Date.now() < until; time++) {
    const taken = takes.length === 1 && only !== undefined ? hot.take(only.cell, only.limit) : hot.takeAll(takes);
    if (taken instanceof Promise) throw new Error('it must answer at once');
    if (taken.allowed) allowed++;
  }
  return allowed;
}

if (kind === 'flood') {
  parentPort?.once('message', (until: number) => parentPort?.postMessage(flood(until)));
  parentPort?.postMessage('ready'); // a busy machine takes long to load a thread, and all are to begin at once
} else {
  const table = openHotTable(buffer);
  table.lock(table.bucketOf(takes[0]?.cell ?? ''));
  parentPort?.postMessage(0);
  setInterval(() => undefined, 1_000);
}
