import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { isFault } from '../kernel/errors.ts';
import { anonymous, type Principal } from '../kernel/principal.ts';
import type { SuspectKind } from './block.ts';
import type { Blocks } from './blocks.ts';
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
import { keyNamed, personNamed } from './suspicion-kit.contract.ts';

const ada = personNamed('ada');
const KINDS = ['api-key', 'person', 'device'] as const satisfies readonly SuspectKind[];

/** How keys, people and devices are blocked, on any database. */
export function principalsContract(name: string, make: MakeStorage): void {
  const on = (what: string, work: (kit: Kit) => Promise<void>): void => {
    test(what, () => withKit(make, work));
  };
  describe(`blocks of principals on ${name}`, () => {
    keepingTests(on);
    callerTests(on);
  });
}

type On = (what: string, work: (kit: Kit) => Promise<void>) => void;

function keepingTests(on: On): void {
  on('a key, a person and a device of one id are blocked and lifted apart', async (kit) => {
    const { blocks } = kit;
    for (const kind of KINDS) await blocks.block(operator, wishFor('same', undefined, kind));
    assert.equal((await blocks.list()).items.length, 3);
    for (const kind of KINDS) {
      assert.equal(blocks.blocked('same', kind)?.kind, kind);
      const { items } = await blocks.list({ kind });
      assert.deepEqual([items.length, items[0]?.value], [1, 'same']);
      await blocks.lift(operator, `${kind}:same`);
      assert.equal(blocks.blocked('same', kind), undefined);
    }
    assert.equal(blocks.blocked('same'), undefined);
    await expectFault('DETECTION_BLOCK_UNKNOWN', blocks.lift(operator, 'same'));
  });

  on('a block is lifted by its own id and by the id of whom it is about', async ({ blocks }) => {
    const made = await blocks.block(operator, wishFor('ada', undefined, 'person'));
    assert.equal((await blocks.lift(operator, made.id)).id, made.id);
    const again = await blocks.block(operator, wishFor('ada', undefined, 'person'));
    assert.equal((await blocks.lift(operator, 'ada')).id, again.id);
  });

  on('a restarted process keeps them, and each soon after the last is longer', async (kit) => {
    for (const [at, kind] of KINDS.entries()) {
      const first = await kit.blocks.impose(nobody, offence(`id-${at}`, kind));
      assert.deepEqual((await kit.again()).blocks.blocked(`id-${at}`, kind), first);
      kit.clock.advance(15 * minute);
      assert.equal(kit.blocks.blocked(`id-${at}`, kind), undefined);
      const second = await kit.blocks.impose(nobody, offence(`id-${at}`, kind));
      assert.equal((second?.endsAt ?? 0) - (second?.createdAt ?? 0), 30 * minute);
    }
  });

  on('fifty wishes at once in two processes make one block', async (kit) => {
    const other = await kit.again();
    const both = [kit.blocks, other.blocks];
    await Promise.all(Array.from({ length: 50 }, (_, at) => both[at % 2]?.impose(nobody, offence('pump', 'api-key'))));
    assert.deepEqual([kit.entries.length, kit.events.length], [1, 1]);
    assert.deepEqual([kit.events[0]?.type, kit.entries[0]?.facts?.['value']], ['api_key.blocked', 'pump']);
    assert.equal(kit.entries[0]?.address, undefined);
  });

  on('who is never blocked is not, by nobody', async (kit) => {
    for (const kind of KINDS) {
      await expectFault('DETECTION_NEVER_BLOCKED', kit.blocks.block(operator, wishFor('spared', undefined, kind)));
      assert.equal(await kit.blocks.impose(nobody, offence('spared', kind)), undefined);
    }
    assert.deepEqual(kit.entries, []);
  });

  on('who is never blocked passes a block from before that was said', async (kit) => {
    await kit.blocks.block(operator, wishFor('ada', undefined, 'person'));
    await kit.blocks.block(operator, wishFor('laptop', undefined, 'device'));
    const { blocks } = await kit.again({ config: { neverBlocked: ['ada'] } });
    await passes(blocks, ada, 'laptop');
  });
}

function callerTests(on: On): void {
  on('a blocked caller is told why and when to come back, by key, person and device', async (kit) => {
    const { blocks } = kit;
    await passes(blocks, keyNamed('pump'));
    await passes(blocks, ada, 'laptop');
    const until = { until: '2026-11-21T12:15:00.000Z', retry_after_s: 900 };
    for (const [kind, value, caller] of [
      ['api-key', 'pump', keyNamed('pump')],
      ['device', 'laptop', ada],
      ['person', 'ada', ada],
    ] as const) {
      await blocks.impose(nobody, offence(value, kind));
      const facts = await refused(blocks, caller, 'laptop');
      assert.deepEqual(facts, {
        reason: 'too_many_failed_attempts',
        violation: 'ip_blocked',
        ...until,
        blocked: kind,
      });
    }
    await passes(blocks, keyNamed('valve'));
    await passes(blocks, personNamed('bob'), 'phone');
  });

  on('a device is asked for only while one is blocked, and once it is known, not waited for', async (kit) => {
    const asked: string[] = [];
    const deviceOf = async ({ sessionId }: { sessionId: string }): Promise<string | undefined> => {
      asked.push(sessionId);
      return sessionId === 'at-laptop' ? 'laptop' : undefined;
    };
    const { blocks } = await kit.again({ deps: { deviceOf } });
    await passes(blocks, personNamed('ada', 'at-laptop'));
    assert.deepEqual(asked, []);
    await blocks.block(operator, wishFor('laptop', undefined, 'device'));
    await refused(blocks, personNamed('ada', 'at-laptop'));
    await passes(blocks, personNamed('ada', 'at-phone'));
    assert.deepEqual(asked, ['at-laptop', 'at-phone']);
    await refused(blocks, personNamed('ada', 'at-phone'), 'laptop');
    assert.equal(asked.length, 2);
  });

  // Attack: the database is made to fail, so that nobody can say which device it is.
  on('where a device cannot be found out while one is blocked the request fails', async (kit) => {
    const deviceOf = async (): Promise<never> => Promise.reject(new Error('away'));
    const { blocks } = await kit.again({ deps: { deviceOf } });
    await blocks.block(operator, wishFor('laptop', undefined, 'device'));
    await assert.rejects(async () => blocks.assertCallerNotBlocked(ada), /away/);
  });

  // Attack: the last administrator is made to be blocked, so that nobody can lift it.
  on('the operator is never kept out, and lifts it', async (kit) => {
    for (const kind of KINDS) await kit.blocks.block(operator, wishFor('operator', { kind: 'permanent' }, kind));
    await kit.blocks.block(operator, wishFor('ada', { kind: 'permanent' }, 'person'));
    await passes(kit.blocks, operator.principal);
    await passes(kit.blocks, anonymous);
    await refused(kit.blocks, ada);
    await kit.blocks.lift(operator, 'person:ada');
    await passes(kit.blocks, ada);
  });
}

async function passes(blocks: Blocks, caller: Principal, device?: string): Promise<void> {
  await blocks.assertCallerNotBlocked(caller, device);
}

async function refused(blocks: Blocks, caller: Principal, device?: string) {
  try {
    await blocks.assertCallerNotBlocked(caller, device);
  } catch (error) {
    if (isFault(error, 'DETECTION_BLOCKED')) return error.facts;
    throw error;
  }
  assert.fail('was let in');
}
