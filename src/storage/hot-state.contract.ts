import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { HotState } from './hot-state.ts';
import { severalTakesContract, takesContract } from './hot-takes.contract.ts';

/** A hot state to be held to the contract, empty. */
export interface HotStateUnderTest {
  readonly hot: HotState;
  advance(ms: number): Promise<void>;
  close(): Promise<void>;
}

export type MakeHotState = () => Promise<HotStateUnderTest>;

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
    describe('several takes', () => severalTakesContract(on));
    describe('claims and values', () => valuesContract(on));
  });
}

export type On = (what: string, work: (made: HotStateUnderTest) => Promise<void>) => void;

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
    assert.equal((await hot.take('key', { count: 10, windowMs: 600_000 })).remaining, 9);
    assert.equal(await hot.get('key'), 'value');
  });

  on('it answers its probe', async ({ hot }) => {
    await hot.probe();
  });
}
