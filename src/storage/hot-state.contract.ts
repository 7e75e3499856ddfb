import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { HotState, Taken } from './hot-state.ts';

/** A hot state to be held to the contract, empty. */
export interface HotStateUnderTest {
  readonly hot: HotState;
  advance(ms: number): Promise<void>;
  close(): Promise<void>;
}

export type MakeHotState = () => Promise<HotStateUnderTest>;

const slow = { count: 10, windowMs: 600_000 }; // so slow that nothing comes back while a test runs

/** Holds a hot state to the contract. @param make gives an empty one, as often as it is asked */
export function hotStateContract(name: string, make: MakeHotState): void {
  const on = (what: string, work: (made: HotStateUnderTest) => Promise<void>): void => {
    test(what, async () => {
      const made = await make();
      await work(made).finally(made.close);
    });
  };
  describe(`the hot state contract on ${name}`, () => {
    describe('takes', () => takesContract(on));
    describe('claims and values', () => valuesContract(on));
  });
}

type On = (what: string, work: (made: HotStateUnderTest) => Promise<void>) => void;

const takeMany = async (hot: HotState, cell: string, times: number, limit = slow): Promise<Taken[]> =>
  Promise.all(Array.from({ length: times }, () => hot.take(cell, limit)));

const allowedOf = (taken: readonly Taken[]): number => taken.filter(({ allowed }) => allowed).length;

function takesContract(on: On): void {
  // Attack: many requests at once slip through between reading a counter and writing it.
  on('of a hundred takes at once a limit of ten allows ten', async ({ hot }) => {
    const taken = await takeMany(hot, 'cell', 100);
    assert.equal(allowedOf(taken), 10);
    const remaining = taken.filter(({ allowed }) => allowed).map((one) => one.remaining);
    assert.deepEqual(
      remaining.toSorted((a, b) => b - a),
      [9, 8, 7, 6, 5, 4, 3, 2, 1, 0],
    );
    for (const { allowed, remaining: left, retryAfterMs } of taken) {
      if (allowed) assert.equal(retryAfterMs, 0);
      else assert.ok(left === 0 && retryAfterMs > 0 && retryAfterMs <= 60_000, String(retryAfterMs));
    }
  });

  on('a limit that does not divide its window is exact too', async ({ hot }) => {
    for (const count of [1, 3, 7, 97, 601]) {
      const limit = { count, windowMs: 700_000_001 };
      assert.equal(allowedOf(await takeMany(hot, `cell ${count}`, count + 5, limit)), count);
    }
  });

  on('takes come back one by one, and refused ones cost nothing', async ({ hot, advance }) => {
    const limit = { count: 3, windowMs: 1_500 };
    await takeMany(hot, 'cell', 3, limit);
    const refused = await takeMany(hot, 'cell', 20, limit);
    const wait = refused.at(-1)?.retryAfterMs ?? 0;
    assert.ok(allowedOf(refused) === 0 && wait > 0 && wait <= 500, String(wait));
    await advance(wait);
    assert.equal((await hot.take('cell', limit)).allowed, true);
  });

  on('after a window without takes all are back', async ({ hot, advance }) => {
    const limit = { count: 5, windowMs: 100 };
    await takeMany(hot, 'cell', 5, limit);
    await advance(101);
    assert.equal((await hot.take('cell', limit)).remaining, 4);
  });

  on('cells do not touch each other, whatever their names', async ({ hot }) => {
    await takeMany(hot, 'cell', 20);
    const long = 'x'.repeat(10_000);
    for (const name of ['', 'cell ', 'Cell', 'cell\0', long, `${long}x`, '👩‍🚀', '__proto__', 'constructor']) {
      assert.equal((await hot.take(name, slow)).remaining, 9, name.slice(0, 20));
    }
  });

  on('a limit that was lowered holds at once, and never for longer than its own window', async ({ hot }) => {
    await takeMany(hot, 'cell', 10);
    const taken = await hot.take('cell', { count: 2, windowMs: 10_000 });
    assert.ok(!taken.allowed && taken.retryAfterMs <= 10_000, String(taken.retryAfterMs));
  });

  on('a limit or a time that makes no sense is refused', async ({ hot }) => {
    const takeOf = async (count: number, windowMs: number): Promise<Taken> => hot.take('cell', { count, windowMs });
    for (const bad of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY]) {
      await assert.rejects(takeOf(bad, 1_000), TypeError);
      await assert.rejects(takeOf(1, bad), TypeError);
      await assert.rejects(hot.claim('key', bad), TypeError);
      await assert.rejects(hot.put('key', 'value', bad), TypeError);
    }
  });
}

function valuesContract(on: On): void {
  // Attack: a one-time code is presented many times at once.
  on('of fifty claims at once one is granted', async ({ hot }) => {
    const claims = await Promise.all(Array.from({ length: 50 }, () => hot.claim('code', 60_000)));
    assert.equal(claims.filter(Boolean).length, 1);
    assert.equal(await hot.claim('other code', 60_000), true);
  });

  on('a claim ends with its time, and when it is forgotten', async ({ hot, advance }) => {
    assert.equal(await hot.claim('code', 300), true);
    assert.equal(await hot.claim('code', 300), false);
    await advance(320);
    assert.equal(await hot.claim('code', 60_000), true);
    await hot.forget('code');
    assert.equal(await hot.claim('code', 60_000), true);
  });

  on('a value is there until its time ends, it is overwritten or forgotten', async ({ hot, advance }) => {
    assert.equal(await hot.get('key'), undefined);
    for (const value of ['first', '', '👩‍🚀\0\n"', 'x'.repeat(100_000)]) {
      await hot.put('key', value, 60_000);
      assert.equal(await hot.get('key'), value);
    }
    await hot.forget('key');
    assert.equal(await hot.get('key'), undefined);
    await hot.forget('key');
    await hot.put('key', 'short', 60);
    await advance(80);
    assert.equal(await hot.get('key'), undefined);
  });

  on('claims and values share their keys, and cells are apart from both', async ({ hot }) => {
    await hot.put('key', 'value', 60_000);
    assert.equal(await hot.claim('key', 60_000), false);
    assert.equal(await hot.get('key'), 'value');
    assert.equal((await hot.take('key', slow)).remaining, 9);
    assert.equal(await hot.get('key'), 'value');
  });

  on('it answers its probe', async ({ hot }) => {
    await hot.probe();
  });
}
