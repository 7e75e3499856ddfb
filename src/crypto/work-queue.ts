import { cryptoFault } from './errors.ts';

/** Lets a few pieces of work run at a time and a bounded number wait, first come first served. */
export interface WorkQueue {
  /** @throws CRYPTO_BUSY when the queue is full; whatever the work throws */
  run<Result>(work: () => Promise<Result>): Promise<Result>;
}

export interface WorkQueueOptions {
  /** Pieces of work at a time, 1 or more. */
  readonly concurrency: number;
  /** How many may wait, 0 or more. */
  readonly queueLimit: number;
}

/** @throws RangeError for bounds that are not whole numbers, or a concurrency below 1 */
export function createWorkQueue({ concurrency, queueLimit }: WorkQueueOptions): WorkQueue {
  if (!Number.isSafeInteger(concurrency) || concurrency < 1) throw new RangeError('concurrency must be 1 or more');
  if (!Number.isSafeInteger(queueLimit) || queueLimit < 0) throw new RangeError('queueLimit must be 0 or more');
  const waiting: (() => void)[] = [];
  let running = 0;

  async function enter(): Promise<void> {
    if (running < concurrency) {
      running += 1;
      return;
    }
    if (waiting.length >= queueLimit) throw cryptoFault('CRYPTO_BUSY', { retry_after_s: 1 });
    await new Promise<void>((resolve) => waiting.push(resolve));
  }

  /** The place is handed over rather than freed, so that nobody who comes later can take it first. */
  function leave(): void {
    const next = waiting.shift();
    if (next) next();
    else running -= 1;
  }

  return {
    async run(work) {
      await enter();
      try {
        return await work();
      } finally {
        leave();
      }
    },
  };
}
