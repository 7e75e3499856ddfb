import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import type { Json } from '../kernel/tx.ts';
import type { Bus } from './bus.ts';

/** A bus to be held to the contract. */
export interface BusUnderTest {
  readonly bus: Bus;
  /** The same bus as another process has it; itself where there is only one process. */
  readonly elsewhere: Bus;
  readonly errors: readonly unknown[];
  close(): Promise<void>;
}

export async function until(condition: () => boolean, ms = 2_000): Promise<void> {
  const end = performance.now() + ms;
  while (!condition()) {
    assert.ok(performance.now() < end, `not within ${ms} ms: ${condition}`);
    await pause(2);
  }
}

/** Holds a bus to the contract. @param make gives one that nobody else uses, as often as it is asked */
export function busContract(name: string, make: () => Promise<BusUnderTest>): void {
  const on = (what: string, work: (made: BusUnderTest) => Promise<void>): void => {
    test(what, async () => {
      const made = await make();
      await work(made).finally(made.close);
    });
  };
  describe(`the bus contract on ${name}`, () => busTests(on));
}

function busTests(on: (what: string, work: (made: BusUnderTest) => Promise<void>) => void): void {
  on('everyone on a topic hears each message once and in order, the publisher at once', async (made) => {
    const { bus, elsewhere } = made;
    const here: Json[] = [];
    const there: Json[] = [];
    bus.subscribe('topic', (message) => here.push(message));
    elsewhere.subscribe('topic', (message) => there.push(message));
    bus.subscribe('other', () => assert.fail('another topic'));
    const messages: Json[] = [1, 'two', { three: [3, null, true] }, null, '👩‍🚀\0'];
    for (const message of messages) {
      const sent = bus.publish('topic', message);
      assert.deepEqual(here.at(-1), message);
      await sent;
    }
    await until(() => there.length === messages.length);
    await pause(20);
    assert.deepEqual([here, there], [messages, messages]);
  });

  on('who left hears no more, and the others do', async ({ bus }) => {
    const heard: string[] = [];
    const listener = (message: Json): void => void heard.push(`a${message}`);
    const leave = bus.subscribe('topic', listener);
    bus.subscribe('topic', listener);
    bus.subscribe('topic', (message) => heard.push(`b${message}`));
    await bus.publish('topic', 1);
    leave();
    leave();
    await bus.publish('topic', 2);
    assert.deepEqual(heard, ['a1', 'a1', 'b1', 'a2', 'b2']);
  });

  on('a listener that throws keeps nobody else from hearing', async ({ bus, errors }) => {
    const heard: Json[] = [];
    bus.subscribe('topic', () => {
      throw new Error('deaf');
    });
    bus.subscribe('topic', (message) => heard.push(message));
    await bus.publish('topic', 1);
    assert.deepEqual([heard, errors.length], [[1], 1]);
  });

  on('a listener gets a copy of its own', async ({ bus }) => {
    const message = { list: [1] };
    let heard: Json = null;
    bus.subscribe('topic', (copy) => {
      heard = copy;
    });
    await bus.publish('topic', message);
    assert.deepEqual(heard, message);
    assert.notEqual(heard, message);
  });

  on('a miss is a gap for whoever listens here, until they leave', async ({ bus, errors }) => {
    let heard = 0;
    const leave = bus.onGap(() => heard++);
    bus.onGap(() => {
      throw new Error('deaf');
    });
    bus.miss();
    assert.deepEqual([heard, bus.gaps(), errors.length], [1, 1, 1]);
    leave();
    bus.miss();
    assert.deepEqual([heard, bus.gaps()], [1, 2]);
  });

  on('it is healthy until it is closed', async ({ bus }) => {
    assert.equal(bus.healthy(), true);
    assert.equal(bus.gaps(), 0);
    await bus.close();
    await until(() => !bus.healthy());
  });
}
