import type { Clock } from '../kernel/clock.ts';
import { seconds } from '../kernel/clock.ts';
import type { Claimed } from './claims.ts';
import type { Courier } from './courier.ts';
import type { Outcome } from './outcome.ts';
import type { Settle } from './settle.ts';
import type { SlowLanes } from './slow-lanes.ts';

export interface WorkerDeps {
  readonly take: (inFlight: Iterable<Claimed>) => Promise<readonly Claimed[]>;
  readonly fanOut: (event: Claimed) => Promise<Outcome | undefined>;
  readonly courier: Courier;
  readonly settle: Settle;
  readonly slow: SlowLanes;
  readonly clock: Clock;
  readonly onError: (error: unknown) => void;
}

/** Sends what is due, as long as something is. */
export interface Worker {
  /** Resolves when nothing is due and nothing is being sent. Called while it runs, it looks again. */
  run(): Promise<void>;
  /** Begins nothing more; what is being sent has a moment to end, then it is cut off and waits for the next start. */
  stop(): Promise<void>;
}

const STOP_MS = seconds(3);

export function createWorker({ take, fanOut, courier, settle, slow, clock, onError }: WorkerDeps): Worker {
  const running = new Set<Promise<void>>();
  const inFlight = new Set<Claimed>();
  const cut = new AbortController();
  let pumping: Promise<void> | undefined;
  let stopped = false;
  let woken = false;
  let wake = (): void => undefined;

  function look(): void {
    woken = true;
    wake();
  }

  async function deliver(message: Claimed): Promise<void> {
    const begunAt = clock.now();
    const outcome = await (message.kind === 'event' ? fanOut(message) : courier(message, cut.signal));
    if (outcome === undefined) return;
    if (message.kind === 'webhook') slow.note(message.lane, outcome, clock.now() - begunAt);
    await settle(message, outcome, begunAt);
  }

  function start(message: Claimed): void {
    inFlight.add(message);
    const done = deliver(message)
      .catch(onError) // the database is away: the claim runs out, and it is sent again with the same id
      .finally(() => {
        inFlight.delete(message);
        running.delete(done);
        look(); // its place is free, and what was behind it may be due
      });
    running.add(done);
  }

  async function pump(): Promise<void> {
    try {
      while (!stopped) {
        woken = false;
        const taken = await take(inFlight);
        for (const message of taken) start(message);
        if (taken.length > 0) continue; // there may be more
        if (running.size === 0 && !woken) return;
        if (!woken) await new Promise<void>((resolve) => (wake = resolve));
      }
    } finally {
      pumping = undefined;
    }
  }

  return {
    run: () => {
      look();
      if (stopped) return Promise.resolve();
      pumping ??= pump();
      return pumping;
    },
    stop: async () => {
      stopped = true;
      look();
      const timer = setTimeout(() => cut.abort(), STOP_MS);
      await pumping?.catch(onError); // it may be about to begin some
      while (running.size > 0) await Promise.all(running);
      clearTimeout(timer);
    },
  };
}
