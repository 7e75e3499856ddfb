import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { createMemoryBus, type Storage } from '../storage/index.ts';
import { inMemory, operator, wishFor, withKit } from './blocks-kit.contract.ts';

const one = '203.0.113.9';
const hour = 3_600_000;

async function within(ms: number, holds: () => boolean): Promise<void> {
  const until = performance.now() + ms;
  while (!holds() && performance.now() < until) await pause(5);
  assert.ok(holds(), `not within ${ms} ms: ${holds}`);
}

// Attack: the thread that stored a block crashes before it tells the others, which go on serving who is blocked.
test('a block that nobody told of is known after a gap, however old it is, and so is its end', () =>
  withKit(inMemory, async ({ blocks, again, clock }) => {
    const bus = createMemoryBus();
    const deaf = await again({ deps: { bus } });
    await blocks.block(operator, wishFor(one, { kind: 'permanent' }));
    clock.advance(hour); // far behind what a reading of the latest changes reaches back to
    const other = await again({ deps: { bus: createMemoryBus() } });
    assert.ok(other.blocks.blocked(one) !== undefined);
    assert.equal(deaf.blocks.blocked(one), undefined);
    bus.miss();
    await within(2_000, () => deaf.blocks.blocked(one) !== undefined);
    await blocks.lift(operator, one);
    bus.miss();
    await within(2_000, () => deaf.blocks.blocked(one) === undefined);
  }));

test('what could not be read after a gap is read again by itself', () =>
  withKit(inMemory, async ({ blocks, again, deps }) => {
    let away = false;
    const storage: Storage = {
      ...deps.storage,
      read: async (scope, work) => {
        if (away) throw new Error('away');
        return deps.storage.read(scope, work);
      },
    };
    const bus = createMemoryBus();
    const errors: unknown[] = [];
    const deaf = await again({ deps: { bus, storage, onError: (error) => errors.push(error) } });
    await blocks.block(operator, wishFor(one));
    away = true;
    bus.miss();
    await within(2_000, () => errors.length === 1);
    assert.equal(deaf.blocks.blocked(one), undefined);
    away = false;
    await within(2_000, () => deaf.blocks.blocked(one) !== undefined);
  }));

test('on a bus that can lose, blocks are read twice a second on SQLite too', () =>
  withKit(inMemory, async ({ blocks, again }) => {
    const lossy = await again({ deps: { bus: { ...createMemoryBus(), canLose: true } } });
    await blocks.block(operator, wishFor(one));
    await within(2_000, () => lossy.blocks.blocked(one) !== undefined);
  }));
