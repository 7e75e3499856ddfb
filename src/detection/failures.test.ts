import assert from 'node:assert/strict';
import { test } from 'node:test';
import { requestId } from '../kernel/brand.ts';
import type { Json } from '../kernel/tx.ts';
import { createMemoryHotState } from '../storage/index.ts';
import { failureFrom, inMemory, type Kit, minute, operator, withKit } from './blocks-kit.contract.ts';
import { createFailures, type FailurePolicy } from './failures.ts';

const one = '203.0.113.9';

const on = (what: string, work: (kit: Kit) => Promise<void>): void => {
  test(what, () => withKit(inMemory, work));
};

async function fail({ failures }: Pick<Kit, 'failures'>, times: number, address = one, block = address): Promise<void> {
  for (let each = 0; each < times; each++) await failures.failed(failureFrom(address, block));
}

// Attack: passwords, keys, tokens and codes are guessed from one address (E15).
on('the fifth failure of whatever kind blocks its address, and says why', async (kit) => {
  const { failures, blocks } = kit;
  const kinds = ['password', 'api-key', 'token', 'code', 'socket'] as const;
  for (const [at, what] of kinds.entries()) {
    assert.equal(blocks.blocked(one), undefined);
    await failures.failed(failureFrom(one, one, { what, requestId: requestId(`guess-${at}`) }));
    kit.clock.advance(1_000);
  }
  const block = blocks.blocked(one);
  assert.deepEqual(
    [block?.violation, block?.reason, block?.profile],
    ['ip_blocked', 'too_many_failed_attempts', 'twinkeep'],
  );
  assert.deepEqual(block?.evidence, {
    failures: 5,
    window_s: 900,
    kinds: { password: 1, 'api-key': 1, token: 1, code: 1, socket: 1 },
    request_ids: ['guess-0', 'guess-1', 'guess-2', 'guess-3', 'guess-4'],
    first_at: '2026-11-21T12:00:00.000Z',
    last_at: '2026-11-21T12:00:04.000Z',
  });
  assert.deepEqual([block?.createdBy, kit.entries[0]?.requestId], ['detection', 'guess-4']);
  assert.equal(kit.events[0]?.data.address, one);
});

// Attack: the failures are sent all at once.
on('fifty failures at once block once, with one entry and one word to others', async (kit) => {
  await Promise.all(Array.from({ length: 50 }, () => kit.failures.failed(failureFrom(one))));
  assert.ok(kit.blocks.blocked(one) !== undefined);
  assert.deepEqual(
    [kit.entries.length, kit.events.length, (await kit.blocks.list({ ended: true })).items.length],
    [1, 1, 1],
  );
});

// D06: one who mistypes four times and gets it right was blocked with the next mistake.
on('a success resets the count', async (kit) => {
  for (let round = 0; round < 5; round++) {
    await fail(kit, 4);
    kit.failures.succeeded(one);
  }
  assert.equal(kit.blocks.blocked(one), undefined);
  await fail(kit, 5);
  assert.ok(kit.blocks.blocked(one) !== undefined);
});

// Attack: whoever holds one good key uses it between two guesses at passwords, and is never blocked.
on('the use of a key forgives wrong keys, and no guess of another kind', async (kit) => {
  const both = [kit, await kit.again()];
  for (let round = 0; round < 5; round++) {
    await fail(kit, 1);
    for (const node of both) node.failures.succeeded(one, 'api-key');
  }
  assert.ok(kit.blocks.blocked(one) !== undefined);
  const other = '203.0.113.10';
  for (let round = 0; round < 4; round++) {
    await kit.failures.failed(failureFrom(other, other, { what: 'api-key' }));
    for (const node of both) node.failures.succeeded(other, 'api-key');
    await new Promise((resolve) => setImmediate(resolve));
    await kit.failures.failed(failureFrom(other));
    assert.equal(kit.blocks.blocked(other), undefined, `round ${round}`);
  }
  await kit.failures.failed(failureFrom(other));
  assert.ok(kit.blocks.blocked(other) !== undefined, 'no node gave back what another had');
});

on('the success of another address resets nothing', async (kit) => {
  await fail(kit, 4);
  kit.failures.succeeded('203.0.113.10');
  await fail(kit, 1);
  assert.ok(kit.blocks.blocked(one) !== undefined);
});

// D06: blocks were never freed.
on('a block ends by itself, and the count begins anew', async (kit) => {
  await fail(kit, 5);
  kit.clock.advance(15 * minute);
  assert.equal(kit.blocks.blocked(one), undefined);
  await fail(kit, 4);
  assert.equal(kit.blocks.blocked(one), undefined);
  await fail(kit, 1);
  const block = kit.blocks.blocked(one);
  assert.deepEqual([block?.strikes, (block?.endsAt ?? 0) - (block?.createdAt ?? 0)], [2, 30 * minute]);
});

on('failures that are further apart than the window block nobody', async (kit) => {
  for (let each = 0; each < 20; each++) {
    await fail(kit, 1);
    kit.clock.advance(4 * minute);
  }
  assert.equal(kit.blocks.blocked(one), undefined, 'four in any quarter of an hour');
});

// Attack: one customer guesses from each of the 2^64 addresses of their IPv6 network.
on('an IPv6 network of one customer counts and is blocked as one', async (kit) => {
  for (let host = 1; host <= 5; host++) await fail(kit, 1, `2001:db8:1:2::${host}`, '2001:db8:1:2::/64');
  assert.ok(kit.blocks.blocked('2001:db8:1:2::/64') !== undefined);
  assert.equal(kit.blocks.blocked('2001:db8:1:3::/64'), undefined, 'the office next door goes on');
});

on('who is never blocked, has no address, or only let a token run out is not counted', async (kit) => {
  await fail(kit, 20, '198.51.100.7');
  await fail(kit, 20, '192.0.2.80');
  await fail(kit, 20, '');
  for (let each = 0; each < 20; each++) await kit.failures.failed(failureFrom(one, one, { counts: false }));
  assert.deepEqual((await kit.blocks.list({ ended: true })).items, []);
});

on('when it is off failures block nobody, and blocks of an operator hold', async (kit) => {
  const node = await kit.again({ config: { enabled: false } });
  await fail(node, 20);
  assert.equal(node.blocks.blocked(one), undefined);
  const length = { kind: 'permanent' } as const;
  await node.blocks.block(operator, {
    kind: 'address',
    value: one,
    violation: 'ip_blocked',
    reason: 'operator',
    evidence: {},
    length,
  });
  assert.ok(node.blocks.blocked(one) !== undefined);
});

// Attack: a username is guessed, or a password lands in its field, and is spread with the failure.
on('each failure is told on the bus, without secret or user name, also after the block', async (kit) => {
  const heard: Json[] = [];
  kit.deps.bus.subscribe('auth.failed', (message) => heard.push(message));
  const failure = failureFrom(one, one, { what: 'code', subject: 'person:p1' });
  for (let each = 0; each < 7; each++) await kit.failures.failed(failure);
  const told = { what: 'code', profile: 'twinkeep', address: one, address_block: one, request_id: failure.requestId };
  assert.deepEqual(heard, Array(7).fill({ ...told, at: Date.UTC(2026, 10, 21, 12), subject: 'person:p1' }));
});

on('a message that is none is ignored', async (kit) => {
  const good = { what: 'code', profile: 'p', address_block: one, request_id: 'r', at: 1 };
  const bad: Json[] = [null, 1, 'x', [], {}, { ...good, what: 'x' }, { ...good, at: 'x' }, { ...good, at: 0.5 }];
  for (const message of [
    ...bad,
    { ...good, profile: 1 },
    { ...good, request_id: null },
    { ...good, address_block: 1 },
  ]) {
    await kit.deps.bus.publish('auth.failed', message);
  }
  assert.deepEqual(kit.errors, []);
  await fail(kit, 5);
  assert.equal((Object(kit.blocks.blocked(one)?.evidence).request_ids as string[]).length, 5);
});

on('a profile has thresholds of its own', async (kit) => {
  const { clock, deps, blocks } = kit;
  const strict: FailurePolicy = { failures: 1, windowMs: minute, blockMs: minute, permanent: true };
  const lax: FailurePolicy = { failures: 8, windowMs: minute, blockMs: 5 * minute, permanent: false };
  const policyOf = (profile: string): FailurePolicy => (profile === 'ems' ? strict : lax);
  const failures = createFailures({ ...deps, hot: createMemoryHotState({ clock }), blocks, policyOf });
  await failures.failed(failureFrom(one, one, { profile: 'ems' }));
  assert.deepEqual([blocks.blocked(one)?.profile, blocks.blocked(one)?.endsAt], ['ems', undefined]);
  const other = '203.0.113.10';
  for (let each = 0; each < 7; each++) await failures.failed(failureFrom(other));
  assert.equal(blocks.blocked(other), undefined);
  failures.succeeded(other);
  for (let each = 0; each < 8; each++) await failures.failed(failureFrom(other));
  assert.equal(blocks.blocked(other)?.endsAt, clock.now() + 5 * minute);
});

on('a count that cannot be made is told to the operator and fails no request', async (kit) => {
  const away = async (): Promise<never> => Promise.reject(new Error('away'));
  const hot = { take: away, giveBack: away, claim: away, reset: away };
  const failures = createFailures({ ...kit.deps, hot, blocks: kit.blocks, policyOf: () => kit.deps.config });
  await failures.failed(failureFrom(one));
  failures.succeeded(one);
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(kit.errors.length, 2);
});
