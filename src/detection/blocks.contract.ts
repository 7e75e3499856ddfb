import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { epochMs } from '../kernel/brand.ts';
import { days, hours } from '../kernel/clock.ts';
import type { BlockPage } from './blocks.ts';
import {
  expectFault,
  type Kit,
  type MakeStorage,
  minute,
  nobody,
  offence,
  operator,
  wishFor,
  withKit,
} from './blocks-kit.contract.ts';

/** How blocks are made, kept and ended, on any database. */
export function blocksContract(name: string, make: MakeStorage): void {
  const on = (what: string, work: (kit: Kit) => Promise<void>): void => {
    test(what, () => withKit(make, work));
  };
  describe(`blocks on ${name}`, () => {
    writeTests(on);
    endTests(on);
    lengthTests(on);
    listTests(on);
  });
}

type On = (what: string, work: (kit: Kit) => Promise<void>) => void;

const one = '203.0.113.9';

function writeTests(on: On): void {
  on('a block is in force at once, with its entry and its word to others', async (kit) => {
    const made = await kit.blocks.block(operator, wishFor(one));
    assert.deepEqual(kit.blocks.blocked(one), made);
    assert.equal(kit.blocks.blocked('203.0.113.10'), undefined);
    const [entry] = kit.entries;
    assert.deepEqual(
      [kit.entries.length, entry?.action, entry?.outcome, entry?.object, entry?.address],
      [1, 'detection.blocked', 'done', { type: 'block', id: made.id }, one],
    );
    assert.ok(!JSON.stringify(entry?.facts).includes(one), 'an address is personal and stands where it is sealed');
    assert.ok(!JSON.stringify(entry?.facts).includes('scans'), 'a note may name somebody');
    const data = {
      block_id: made.id,
      kind: 'address',
      value: one,
      address: one,
      reason: 'operator',
      violation: 'ip_blocked',
      ends_at: '2026-11-21T13:00:00.000Z',
      evidence: {},
      undo: `twinkeep blocks lift ${one}`,
    };
    assert.deepEqual(kit.events, [{ type: 'address.blocked', tenants: undefined, data }]);
  });

  on('a block that cannot be announced does not exist, nor does its entry', async (kit) => {
    const announce = async () => Promise.reject(new Error('no room in the outbox'));
    const { blocks } = await kit.again({ deps: { announce } });
    await assert.rejects(blocks.block(operator, wishFor(one)), /no room/);
    assert.equal(blocks.blocked(one), undefined);
    assert.deepEqual([kit.entries, (await blocks.list()).items], [[], []]);
  });

  // Attack: fifty failures at once, to fill the log or to slip one through.
  on('fifty offences at once in two processes make one block and one entry', async (kit) => {
    const other = await kit.again();
    const both = [kit.blocks, other.blocks];
    const made = await Promise.all(Array.from({ length: 50 }, (_, at) => both[at % 2]?.impose(nobody, offence(one))));
    assert.equal(new Set(made.map((block) => block?.id)).size, 1);
    assert.deepEqual([kit.entries.length, kit.events.length], [1, 1]);
    for (const blocks of both) assert.equal(blocks.blocked(one)?.id, made[0]?.id);
    assert.deepEqual(kit.errors, []);
  });

  on('fifty wishes of operators at once leave one block', async (kit) => {
    await Promise.all(Array.from({ length: 50 }, () => kit.blocks.block(operator, wishFor(one))));
    const { items } = await kit.blocks.list();
    assert.deepEqual([items.length, items[0]?.id], [1, kit.blocks.blocked(one)?.id]);
  });

  on('a block of an operator takes the place of the one that is there, and never the other way round', async (kit) => {
    const first = await kit.blocks.impose(nobody, offence(one));
    kit.clock.advance(1);
    const second = await kit.blocks.block(operator, wishFor(one, { kind: 'permanent' }));
    const third = await kit.blocks.impose(nobody, offence(one));
    assert.deepEqual([third?.id, kit.blocks.blocked(one)?.id], [second.id, second.id]);
    assert.equal(kit.entries.at(-1)?.facts?.['replaces'], first?.id);
    const { items } = await kit.blocks.list({ ended: true });
    assert.deepEqual(
      items.map(({ id, liftedBy }) => [id, liftedBy]),
      [
        [second.id, undefined],
        [first?.id, 'operator'],
      ],
    );
  });

  on('who is never blocked is not, and an operator is told so', async (kit) => {
    for (const address of [
      '198.51.100.7',
      '198.51.100.7/32',
      '::ffff:198.51.100.7',
      '192.0.2.80',
      '2001:db8:ffff::5',
    ]) {
      await expectFault('DETECTION_NEVER_BLOCKED', kit.blocks.block(operator, wishFor(address)));
      assert.equal(await kit.blocks.impose(nobody, offence(address)), undefined);
    }
    assert.deepEqual([kit.entries, (await kit.blocks.list()).items], [[], []]);
  });
}

function endTests(on: On): void {
  on('a lifted block is gone at once, for good, and with an entry', async (kit) => {
    for (const name of ['id', 'address'] as const) {
      const made = await kit.blocks.block(operator, wishFor('2001:db8::1'));
      const lifted = await kit.blocks.lift(operator, name === 'id' ? made.id : '2001:db8::77');
      assert.deepEqual([lifted.id, lifted.liftedBy], [made.id, 'operator']);
      assert.equal(kit.blocks.blocked('2001:db8:0:0::/64'), undefined);
      assert.equal(kit.entries.at(-1)?.action, 'detection.lifted');
      assert.equal(kit.events.at(-1)?.type, 'address.unblocked');
      await expectFault('DETECTION_BLOCK_UNKNOWN', kit.blocks.lift(operator, made.id));
      assert.equal((await kit.again()).blocks.blocked('2001:db8:0:0::/64'), undefined);
    }
  });

  on('of many who lift one block at once one does', async (kit) => {
    const { id } = await kit.blocks.block(operator, wishFor(one));
    const done = await Promise.allSettled(Array.from({ length: 10 }, () => kit.blocks.lift(operator, id)));
    assert.equal(done.filter(({ status }) => status === 'fulfilled').length, 1);
    assert.equal(kit.entries.length, 2);
  });

  on('a block ends by the clock, also where nobody looked, and its place is free', async (kit) => {
    const made = await kit.blocks.block(operator, wishFor(one));
    kit.clock.advance(hours(1) - 1);
    assert.equal(kit.blocks.blocked(one)?.id, made.id);
    kit.clock.advance(1);
    assert.equal(kit.blocks.blocked(one), undefined);
    await expectFault('DETECTION_BLOCK_UNKNOWN', kit.blocks.lift(operator, made.id));
    assert.equal((await kit.again()).blocks.blocked(one), undefined);
    const next = await kit.blocks.impose(nobody, offence(one));
    assert.notEqual(next?.id, made.id);
    assert.equal(kit.blocks.blocked(one)?.id, next?.id);
  });

  // Attack: the server is made to restart, for the list is gone then (D06).
  on('a restarted process keeps who was blocked, and until when', async (kit) => {
    const timed = await kit.blocks.impose(nobody, offence(one));
    const forever = await kit.blocks.block(operator, wishFor('2001:db8::1', { kind: 'permanent' }));
    const { blocks } = await kit.again();
    assert.deepEqual([blocks.blocked(one), blocks.blocked('2001:db8:0:0::/64')], [timed, forever]);
    kit.clock.advance(days(400));
    assert.equal(blocks.blocked(one), undefined);
    assert.equal(blocks.blocked('2001:db8:0:0::/64')?.id, forever.id);
  });

  on('a block that ended is remembered for 90 days', async (kit) => {
    await kit.blocks.block(operator, wishFor(one));
    await kit.blocks.block(operator, wishFor('203.0.113.10', { kind: 'permanent' }));
    await kit.blocks.lift(operator, '203.0.113.10');
    await kit.blocks.block(operator, wishFor('203.0.113.11', { kind: 'permanent' }));
    const count = async () => (await kit.blocks.list({ ended: true })).items.length;
    kit.clock.advance(days(90));
    await kit.blocks.prune();
    assert.equal(await count(), 3);
    kit.clock.advance(1);
    await kit.blocks.prune();
    assert.equal(await count(), 2, 'the timed one ended an hour after the other was lifted');
    kit.clock.advance(days(2));
    await kit.blocks.prune();
    assert.equal(await count(), 1, 'what is in force is never forgotten');
  });
}

function lengthTests(on: On): void {
  const minutesOf = async ({ blocks }: Kit): Promise<number> => {
    const made = await blocks.impose(nobody, offence(one));
    return ((made?.endsAt ?? Number.POSITIVE_INFINITY) - (made?.createdAt ?? 0)) / minute;
  };

  on('each block soon after the last is twice as long, up to a day', async (kit) => {
    const lengths: number[] = [];
    for (let round = 0; round < 9; round++) {
      lengths.push(await minutesOf(kit));
      kit.clock.advance((lengths.at(-1) ?? 0) * minute + 1);
    }
    assert.deepEqual(lengths, [15, 30, 60, 120, 240, 480, 960, 1_440, 1_440]);
    kit.clock.advance(days(1));
    assert.equal(await minutesOf(kit), 15, 'a quiet day is forgiven');
  });

  on('a block that an operator lifted counts for nothing', async (kit) => {
    const { clock } = kit;
    await minutesOf(kit);
    clock.advance(16 * minute);
    await minutesOf(kit);
    await kit.blocks.lift(operator, one);
    assert.equal(await minutesOf(kit), 15);
  });
}

function listTests(on: On): void {
  on('the list goes page by page, the newest first, and asks by address', async (kit) => {
    const made: string[] = [];
    for (let at = 0; at < 7; at++) {
      made.unshift((await kit.blocks.block(operator, wishFor(`203.0.113.${at}`))).id);
      kit.clock.advance(1);
    }
    await kit.blocks.lift(operator, '203.0.113.6');
    const read = async (ended: boolean): Promise<string[]> => {
      const ids: string[] = [];
      let page: BlockPage = { items: [], nextCursor: undefined };
      do {
        page = await kit.blocks.list({ ended, limit: 2, cursor: page.nextCursor });
        ids.push(...page.items.map(({ id }) => id));
      } while (page.nextCursor !== undefined);
      return ids;
    };
    assert.deepEqual([await read(true), await read(false)], [made, made.slice(1)]);
    const { items } = await kit.blocks.list({ about: '::ffff:203.0.113.6', ended: true });
    assert.deepEqual([items.map(({ id }) => id), items[0]?.liftedAt], [[made[0]], epochMs(kit.clock.now())]);
    assert.deepEqual((await kit.blocks.list({ about: '203.0.113.6' })).items, []);
  });
}
