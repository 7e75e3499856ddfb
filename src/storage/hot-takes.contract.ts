import assert from 'node:assert/strict';
import fc from 'fast-check';
import { epochMs } from '../kernel/brand.ts';
import type { Clock } from '../kernel/clock.ts';
import type { On } from './hot-state.contract.ts';
import type { HotState, Taken } from './hot-state.ts';

const slow = { count: 10, windowMs: 600_000 }; // so slow that nothing comes back while a test runs
const SLIDE = 61 / 60; // after so much of its window a take is free again

const takeMany = async (hot: HotState, cell: string, times: number, limit = slow): Promise<Taken[]> =>
  Promise.all(Array.from({ length: times }, () => hot.take(cell, limit)));

const allowedOf = (taken: readonly { readonly allowed: boolean }[]): number =>
  taken.filter(({ allowed }) => allowed).length;

/** What is left of a cell, found out by emptying it. */
const leftOf = async (hot: HotState, cell: string, limit = slow): Promise<number> =>
  allowedOf(await takeMany(hot, cell, limit.count + 1, limit));

export function takesContract(on: On): void {
  // Attack: many requests at once slip through between reading a counter and writing it.
  on('of a hundred takes at once a limit of ten allows ten', async ({ hot }) => {
    const taken = await takeMany(hot, 'cell', 100);
    assert.equal(allowedOf(taken), 10);
    const remaining = taken.filter(({ allowed }) => allowed).map((one) => one.remaining);
    assert.deepEqual(
      remaining.toSorted((a, b) => b - a),
      [9, 8, 7, 6, 5, 4, 3, 2, 1, 0],
    );
    for (const { allowed, remaining: left, retryAfterMs, resetMs } of taken) {
      assert.ok(resetMs > 590_000 && resetMs <= 600_000 * SLIDE, String(resetMs));
      if (allowed) assert.equal(retryAfterMs, 0);
      else assert.ok(left === 0 && retryAfterMs > 590_000 && retryAfterMs <= resetMs, String(retryAfterMs));
    }
  });

  on('a limit that does not divide its window is exact too', async ({ hot }) => {
    for (const count of [1, 3, 7, 97, 601]) {
      const limit = { count, windowMs: 700_000_001 };
      assert.equal(allowedOf(await takeMany(hot, `cell ${count}`, count + 5, limit)), count);
    }
  });

  // Attack: a bucket that fills up again lets nearly twice the limit into one window.
  on('takes come back after a window and no earlier, and refused ones cost nothing', async ({ hot, advance }) => {
    const limit = { count: 3, windowMs: 600 };
    await takeMany(hot, 'cell', 3, limit);
    const refused = await takeMany(hot, 'cell', 20, limit);
    const wait = refused.at(-1)?.retryAfterMs ?? 0;
    assert.ok(allowedOf(refused) === 0 && wait > 400 && wait <= 610, String(wait));
    await advance(300);
    assert.equal((await hot.take('cell', limit)).allowed, false);
    await advance(wait - 300);
    assert.equal((await hot.take('cell', limit)).allowed, true);
  });

  on('after a window without takes all are back', async ({ hot, advance }) => {
    const limit = { count: 5, windowMs: 120 };
    await takeMany(hot, 'cell', 5, limit);
    await advance(123);
    assert.equal((await hot.take('cell', limit)).remaining, 4);
  });

  on('cells do not touch each other, whatever their names', async ({ hot }) => {
    await takeMany(hot, 'cell', 20);
    const long = 'x'.repeat(10_000);
    for (const name of ['', 'cell ', 'Cell', 'cell\0', long, `${long}x`, '👩‍🚀', '__proto__', 'constructor']) {
      assert.equal((await hot.take(name, slow)).remaining, 9, name.slice(0, 20));
    }
  });

  on('a limit that was changed holds at once, and never for longer than its own window', async ({ hot }) => {
    await takeMany(hot, 'cell', 10);
    const { allowed, retryAfterMs } = await hot.take('cell', { count: 2, windowMs: 10_000 });
    assert.ok(!allowed && retryAfterMs <= 10_167, String(retryAfterMs));
    assert.equal(allowedOf(await takeMany(hot, 'cell', 30, { count: 25, windowMs: 700_000 })), 15);
  });

  on('a limit or a time that makes no sense is refused', async ({ hot }) => {
    const each = async (count: number, windowMs: number): Promise<void> => {
      const limit = { count, windowMs };
      const calls = [
        async () => hot.take('cell', limit),
        async () =>
          hot.takeAll([
            { cell: 'cell', limit: slow },
            { cell: 'cell', limit },
          ]),
        async () => hot.giveBack('cell', limit),
      ];
      for (const call of calls) await assert.rejects(call(), TypeError);
    };
    for (const bad of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53 - 1]) {
      await each(bad, 1_000);
      await each(1, bad);
    }
    for (const bad of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY]) {
      await assert.rejects(hot.claim('key', bad), TypeError);
      await assert.rejects(hot.put('key', 'value', bad), TypeError);
    }
    for (const length of [0, 17]) {
      const takes = Array.from({ length }, () => ({ cell: 'cell', limit: slow }));
      await assert.rejects(async () => hot.takeAll(takes), TypeError);
    }
    assert.equal((await hot.take('cell', slow)).remaining, 9, 'none of them was counted');
  });
}

export function severalTakesContract(on: On): void {
  const wide = { count: 30, windowMs: 600_000 };
  const both = [
    { cell: 'narrow', limit: slow },
    { cell: 'wide', limit: wide },
  ];

  // Attack: requests that one limit refuses use up another, that of a whole tenant.
  on('when one of several takes is refused none is counted', async ({ hot }) => {
    const taken = await Promise.all(Array.from({ length: 60 }, () => hot.takeAll(both)));
    assert.equal(allowedOf(taken), 10);
    for (const { allowed, tightest, taken: each } of taken) {
      assert.equal(tightest, 0);
      assert.deepEqual([each[0]?.allowed, each[1]?.allowed], [allowed, true]);
      assert.equal((each[0]?.retryAfterMs ?? 0) > 0, !allowed);
    }
    assert.equal(await leftOf(hot, 'wide', wide), 20);
  });

  on('the tightest is the one with the fewest remaining, and of refusals the longest', async ({ hot }) => {
    const longer = { count: 1, windowMs: 900_000 };
    await hot.take('narrow', slow);
    assert.equal((await hot.takeAll(both.toReversed())).tightest, 1);
    await takeMany(hot, 'narrow', 20);
    await hot.take('long', longer);
    const { allowed, tightest, taken } = await hot.takeAll([...both, { cell: 'long', limit: longer }]);
    assert.deepEqual([allowed, tightest], [false, 2]);
    assert.deepEqual(
      taken.map((one) => one.allowed),
      [false, true, false],
    );
  });

  on('a cell that is named twice is counted twice', async ({ hot }) => {
    const twice = [both[0], both[0]].flatMap((take) => take ?? []);
    for (let time = 0; time < 5; time++) assert.equal((await hot.takeAll(twice)).allowed, true);
    assert.equal((await hot.takeAll(twice)).allowed, false);
    await hot.giveBack('narrow', slow);
    assert.equal((await hot.takeAll(twice)).allowed, false, 'there is room for one of them only');
    assert.equal(await leftOf(hot, 'narrow'), 1);
  });

  on('what is given back can be taken again, and no more than was taken', async ({ hot }) => {
    await takeMany(hot, 'cell', 10);
    await hot.giveBack('cell', slow);
    assert.equal((await hot.take('cell', slow)).remaining, 0);
    assert.equal((await hot.take('cell', slow)).allowed, false);
    for (let time = 0; time < 15; time++) await hot.giveBack('cell', slow);
    assert.equal(await leftOf(hot, 'cell'), 10);
    await hot.giveBack('never taken', slow);
    assert.equal(await leftOf(hot, 'never taken'), 10);
  });

  on('a cell that is reset is free, and no other', async ({ hot }) => {
    await takeMany(hot, 'cell', 10);
    await takeMany(hot, 'other', 10);
    await hot.reset('cell');
    await hot.reset('never taken');
    assert.equal(await leftOf(hot, 'cell'), 10);
    assert.equal(await leftOf(hot, 'other'), 0);
  });
}

/** A hot state that answers at once, on a clock that stands still until it is told. */
export interface TickingHotState {
  readonly hot: HotState;
  pass(ms: number): void;
}

/** @param make of the clock that it shall have */
export function ticking(make: (clock: Clock) => HotState): TickingHotState {
  let now = 1_800_000_000_000;
  return {
    hot: make({ now: () => epochMs(now) }),
    pass: (ms) => {
      now += ms;
    },
  };
}

export const takeNow = (hot: HotState, cell: string, count: number, windowMs: number): Taken => {
  const taken = hot.take(cell, { count, windowMs });
  assert.ok(!(taken instanceof Promise), 'it answers at once');
  return taken;
};

const scenario = fc.record({
  count: fc.integer({ min: 1, max: 40 }),
  windowMs: fc.oneof(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 301, max: 5_000_000_000 })),
  // Each pause in parts of the window, so that any window is seen from all sides.
  pauses: fc.array(fc.oneof(fc.constant(0), fc.double({ min: 0, max: 0.2, noNaN: true }), fc.constant(1)), {
    minLength: 1,
    maxLength: 150,
  }),
});

/** Holds the window to a list of all takes, over any count, window and rhythm. */
export function slidingContract(on: (what: string, work: () => void) => void, make: () => TickingHotState): void {
  on('no interval of a window ever has more than the limit, and none is refused for longer than its sixtieth', () => {
    fc.assert(
      fc.property(scenario, ({ count, windowMs, pauses }) => {
        const { hot, pass } = make();
        const log: number[] = [];
        let now = 0;
        for (const pause of pauses) {
          const ms = Math.round(pause * windowMs);
          pass(ms);
          now += ms;
          const within = (span: number): number => log.filter((at) => now - at < span).length;
          const { allowed, retryAfterMs, remaining } = takeNow(hot, 'c', count, windowMs);
          assert.equal(retryAfterMs > 0, !allowed);
          // A clock that only knows whole milliseconds is late by up to one: a take at its end counts in full.
          if (allowed) assert.ok(within(windowMs + 1) < count);
          else assert.ok(within(windowMs * SLIDE) >= count);
          if (allowed) assert.ok(remaining >= count - within(windowMs * SLIDE) - 1);
          if (allowed) log.push(now);
        }
      }),
      { numRuns: 300 },
    );
  });

  on('the wait that is told is the time to the next take, to the millisecond', () => {
    fc.assert(
      fc.property(scenario, ({ count, windowMs, pauses }) => {
        const { hot, pass } = make();
        for (const pause of pauses) {
          pass(Math.round(pause * windowMs));
          const { allowed, retryAfterMs } = takeNow(hot, 'c', count, windowMs);
          if (allowed) continue;
          pass(retryAfterMs - 1);
          assert.equal(takeNow(hot, 'c', count, windowMs).allowed, false);
          pass(1);
          assert.equal(takeNow(hot, 'c', count, windowMs).allowed, true);
        }
      }),
      { numRuns: 100 },
    );
  });

  // Attack: the clock is set back, by hand or by NTP, and the window opens early or stays shut.
  on('a clock that is set back neither opens a window early nor holds it shut for long', () => {
    const steps = fc.array(fc.tuple(fc.integer({ min: 0, max: 400 }), fc.integer({ min: 0, max: 5_000 })), {
      minLength: 1,
      maxLength: 60,
    });
    fc.assert(
      fc.property(steps, (each) => {
        const { hot, pass } = make();
        const log: number[] = [];
        let real = 0;
        for (const [ms, back] of each) {
          pass(ms - back);
          real += ms;
          const { allowed, retryAfterMs } = takeNow(hot, 'c', 3, 1_200);
          assert.ok(retryAfterMs <= 1_200 + 40);
          if (!allowed) continue;
          assert.ok(log.filter((at) => real - at < 1_200).length < 3);
          log.push(real);
        }
      }),
      { numRuns: 200 },
    );
  });
}
