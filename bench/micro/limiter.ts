/** Count one request against its address, of 10,000 addresses in turn: Twinkeep's two stores, and express-rate-limit's. */
import { MemoryStore } from 'express-rate-limit';
import { minutes, systemClock } from '../../src/kernel/clock.ts';
import { createSystemRandom } from '../../src/kernel/random.ts';
import { createMemoryHotState, createSharedHotState, type HotState, sharedHotBuffer } from '../../src/storage/index.ts';
import type { MicroCase, MicroCases } from './case.ts';

const LIMIT = { count: 1_000_000, windowMs: minutes(1) };
const ADDRESSES = 10_000;

/** Goes round the addresses. The name is put together on every call, as it is for a request. */
function each(waits: boolean, take: (name: string) => unknown): MicroCase {
  const addresses = Array.from({ length: ADDRESSES }, (_, i) => `10.0.${i >> 8}.${i & 255}`);
  let next = 0;
  return {
    waits,
    run: () => {
      const address = addresses[next] ?? '';
      next = next + 1 === ADDRESSES ? 0 : next + 1;
      return take(`address ${address}`);
    },
  };
}

const counting = (hot: HotState): MicroCase => each(false, (name) => hot.take(name, LIMIT));

const memory = (): HotState => createMemoryHotState({ clock: systemClock });

function expressStore(): MicroCase {
  const store = new MemoryStore();
  // `init` wants all options of the middleware, and reads this one.
  store.init({ windowMs: LIMIT.windowMs } as Parameters<MemoryStore['init']>[0]);
  return each(true, (name) => store.increment(name));
}

export const limiterCases: MicroCases = {
  'limiter/memory': async () => counting(memory()),
  'limiter/shared': async () => {
    const buffer = sharedHotBuffer(65_536, createSystemRandom());
    return counting(createSharedHotState({ clock: systemClock, buffer, values: memory() }));
  },
  'limiter/express-rate-limit': async () => expressStore(),
};
