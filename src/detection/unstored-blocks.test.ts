import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { personId } from '../kernel/brand.ts';
import { createMemoryBus, type Storage } from '../storage/index.ts';
import { createTestClock } from '../testing/index.ts';
import { expectFault, inMemory, type Kit, nobody, offence, operator, wishFor, withKit } from './blocks-kit.contract.ts';
import { attackBy, personNamed, sent } from './suspicion-kit.contract.ts';

const one = '203.0.113.9';
const minute = 60_000;

async function within(ms: number, holds: () => boolean): Promise<void> {
  const until = performance.now() + ms;
  while (!holds() && performance.now() < until) await pause(5);
  assert.ok(holds(), `not within ${ms} ms: ${holds}`);
}

/** A database that can be away for writes. */
function leaving({ deps }: Kit) {
  const state = { away: false };
  const storage: Storage = {
    ...deps.storage,
    write: async (scope, work) => {
      if (state.away) throw new Error('away');
      return deps.storage.write(scope, work);
    },
  };
  return { state, storage };
}

// Attack: somebody is blocked while the database is away; nobody can see that block or lift it, and it holds for days.
test('a block that could not be stored holds, is listed and is lifted in every process', () =>
  withKit(inMemory, async (kit) => {
    const { state, storage } = leaving(kit);
    const worker = await kit.again({ deps: { storage } });
    state.away = true;
    await worker.blocks.impose(nobody, offence(one));
    assert.equal(kit.blocks.blocked(one)?.stored, false, 'at the other process, from the next request on');
    const { items } = await kit.blocks.list();
    assert.deepEqual(
      items.map(({ value, stored }) => [value, stored]),
      [[one, false]],
    );
    await kit.blocks.lift(operator, one);
    assert.deepEqual([kit.blocks.blocked(one), worker.blocks.blocked(one)], [undefined, undefined]);
    state.away = false;
    await pause(1_300);
    assert.deepEqual((await kit.blocks.list({ ended: true })).items, [], 'what was lifted is not stored later');
  }));

test('it is stored as it was when the database answers again, and what follows a block is done then', () =>
  withKit(inMemory, async (kit) => {
    const { state, storage } = leaving(kit);
    const ended: string[] = [];
    const worker = await kit.again({
      deps: { storage, endFor: async (_tx, _actor, person) => void ended.push(person) },
    });
    state.away = true;
    await worker.blocks.impose(nobody, { ...offence('eve', 'person'), ends: personId('eve') });
    const made = worker.blocks.blocked('eve', 'person');
    state.away = false;
    kit.clock.advance(minute);
    await within(4_000, () => kit.blocks.blocked('eve', 'person')?.stored === true);
    const [stored] = (await kit.blocks.list()).items;
    assert.ok(made && stored);
    assert.deepEqual([stored.id, stored.createdAt, stored.endsAt], [made.id, made.createdAt, made.endsAt]);
    assert.deepEqual([ended, kit.events.map(({ type }) => type)], [['eve'], ['person.blocked']]);
    await kit.blocks.lift(operator, 'person:eve');
    await within(1_000, () => worker.blocks.blocked('eve', 'person') === undefined);
  }));

test('one that was stored elsewhere meanwhile takes its place', () =>
  withKit(inMemory, async (kit) => {
    const { state, storage } = leaving(kit);
    const worker = await kit.again({ deps: { storage, bus: createMemoryBus() } });
    state.away = true;
    await worker.blocks.impose(nobody, offence(one));
    const made = await kit.blocks.block(operator, wishFor(one));
    state.away = false;
    await within(4_000, () => worker.blocks.blocked(one)?.id === made.id);
    assert.equal((await kit.blocks.list({ ended: true })).items.length, 1);
  }));

// Attack: whoever can write to the bus sends what is no block.
test('what is no word of ours on the bus blocks nobody', () =>
  withKit(inMemory, async ({ blocks, deps }) => {
    const block = { id: 'x', kind: 'address', value: one, violation: 'ip_blocked', reason: 'suspicion', evidence: {} };
    for (const change of [{ strikes: -1 }, { value: 'everybody' }, { kind: 'all' }, { endsAt: 'never' }]) {
      const more = { strikes: 1, createdAt: 1, createdBy: 'detection', ...change };
      await deps.bus.publish('detection.blocks', { from: 'y', what: 'held', block: { ...block, ...more } });
    }
    await deps.bus.publish('detection.blocks', null);
    assert.deepEqual((await blocks.list()).items, []);
  }));

// Attack: the clock of one node is wrong, and whoever is blocked at one goes on at the other.
for (const apart of [-400, -90, 90, 400])
  test(`blocks and lifts travel between nodes whose clocks are ${apart} s apart`, () =>
    withKit(inMemory, async ({ blocks, again, clock }) => {
      const { clock: other, blocks: there } = await (async () => {
        const own = createTestClock(clock.now() + apart * 1_000);
        return { clock: own, ...(await again({ deps: { clock: own } })) };
      })();
      for (const round of [1, 2, 3]) {
        const [mine, theirs] = [`203.0.113.${round}`, `198.18.0.${round}`];
        await blocks.block(operator, wishFor(mine));
        await within(2_000, () => there.blocked(mine) !== undefined);
        await there.block(operator, wishFor(theirs));
        await within(2_000, () => blocks.blocked(theirs) !== undefined);
        await blocks.lift(operator, theirs);
        await there.lift(operator, mine);
        await within(2_000, () => there.blocked(theirs) === undefined && blocks.blocked(mine) === undefined);
        for (const one of [clock, other]) one.advance(2 * minute);
      }
    }));

test('what was lifted without a word is let in when all is read again', () =>
  withKit(inMemory, async ({ blocks, again, clock }) => {
    const bus = createMemoryBus();
    const deaf = await again({ deps: { bus } });
    await blocks.block(operator, wishFor(one, { kind: 'permanent' }));
    bus.miss();
    await within(2_000, () => deaf.blocks.blocked(one) !== undefined);
    await blocks.lift(operator, one);
    for (const _ of [1, 2, 3]) {
      clock.advance(2 * minute);
      await blocks.block(operator, wishFor('198.18.0.9'));
    }
    bus.miss();
    await within(2_000, () => deaf.blocks.blocked(one) === undefined);
  }));

test('one command lets in a person and the device that was blocked for the same attacks', () =>
  withKit(inMemory, async (kit) => {
    const { blocks, events } = kit;
    await attackBy(kit, 20, () => sent(one, personNamed('eve'), {}, { deviceId: 'laptop' }));
    assert.ok(blocks.blocked('eve', 'person') && blocks.blocked('laptop', 'device'));
    const undo = events.filter(({ type }) => type.endsWith('.blocked')).map(({ data }) => data.undo);
    assert.deepEqual([...new Set(undo)], ['twinkeep blocks lift person:eve']);
    await blocks.lift(operator, 'person:eve');
    assert.deepEqual([blocks.blocked('eve', 'person'), blocks.blocked('laptop', 'device')], [undefined, undefined]);
    assert.equal(events.filter(({ type }) => type.endsWith('.unblocked')).length, 2);
    await expectFault('DETECTION_BLOCK_UNKNOWN', blocks.lift(operator, 'device:laptop'));
  }));

test('a device that an operator blocked stays blocked when its person is let in', () =>
  withKit(inMemory, async ({ blocks }) => {
    await blocks.block(operator, { ...wishFor('laptop', undefined, 'device'), evidence: { person_id: 'eve' } });
    await blocks.block(operator, wishFor('eve', undefined, 'person'));
    await blocks.lift(operator, 'person:eve');
    assert.ok(blocks.blocked('laptop', 'device'));
  }));
