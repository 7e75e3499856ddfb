import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { personId, sessionId, tenantId } from '../kernel/brand.ts';
import { createSystemRandom } from '../kernel/random.ts';
import { platform } from '../kernel/tx.ts';
import { type Bus, createMemoryBus, createSqliteStorage, type Storage } from '../storage/index.ts';
import { createTestClock } from '../testing/index.ts';
import { sessionMigrations } from './migrations/index.ts';
import { createRevocations, type Revocations } from './revocations.ts';

const random = createSystemRandom();

interface Node {
  readonly revocations: Revocations;
  readonly bus: Bus;
  readonly errors: readonly unknown[];
}

/** Two that share a database and nothing else, as two threads do one of which is never heard. */
async function startBoth(t: TestContext, change: Partial<Bus> = {}) {
  const clock = createTestClock();
  const own = createSqliteStorage({ file: ':memory:', clock });
  await own.migrate(sessionMigrations);
  let reads: Promise<void> | undefined;
  const storage: Storage = {
    ...own,
    read: async (scope, work) => reads?.then(() => own.read(scope, work)) ?? own.read(scope, work),
  };
  const start = async (): Promise<Node> => {
    const bus = { ...createMemoryBus(), ...change };
    const errors: unknown[] = [];
    const onError = (error: unknown): void => void errors.push(error);
    const revocations = createRevocations({ storage, bus, clock, random, accessMs: 60_000, onError });
    await revocations.start();
    t.after(revocations.stop);
    return { revocations, bus, errors };
  };
  const holder = {
    sessionId: sessionId('session-1'),
    personId: personId('ada'),
    tenantId: tenantId('main'),
    issuedAt: clock.now(),
  };
  const [silent, deaf] = [await start(), await start()];
  const revoke = () => own.write(platform, (tx) => silent.revocations.add(tx, 'session', holder.sessionId));
  const holdReads = (until: Promise<void> | undefined): void => {
    reads = until;
  };
  t.after(own.close);
  return { clock, holder, deaf, revoke, holdReads };
}

async function within(ms: number, holds: () => boolean): Promise<void> {
  const until = performance.now() + ms;
  while (!holds() && performance.now() < until) await pause(5);
  assert.ok(holds(), `not within ${ms} ms: ${holds}`);
}

// Attack: the thread that ended a session crashes before it tells the others, where the token goes on being good.
test('after a gap nobody is let in until all revocations were read, and then who was revoked is not', async (t) => {
  const { holder, deaf, revoke, holdReads } = await startBoth(t);
  await revoke();
  assert.equal(deaf.revocations.revokes(holder), false, 'nobody has told it');
  const slow = Promise.withResolvers<void>();
  holdReads(slow.promise);
  deaf.bus.miss();
  assert.equal(deaf.revocations.fresh(), false);
  await pause(20);
  assert.equal(deaf.revocations.fresh(), false);
  slow.resolve();
  await within(2_000, deaf.revocations.fresh);
  assert.equal(deaf.revocations.revokes(holder), true);
});

test('a gap in the middle of a reading is made up for by another one', async (t) => {
  const { holder, deaf, revoke, holdReads } = await startBoth(t);
  deaf.bus.miss(); // reads what was there before
  const slow = Promise.withResolvers<void>();
  holdReads(slow.promise);
  await revoke();
  deaf.bus.miss();
  await pause(20);
  assert.equal(deaf.revocations.fresh(), false, 'the first reading makes up for nothing that came after it began');
  slow.resolve();
  await within(2_000, deaf.revocations.fresh);
  assert.equal(deaf.revocations.revokes(holder), true);
});

test('a reading that fails lets nobody in, and is tried again by itself', async (t) => {
  const { holder, deaf, revoke, holdReads } = await startBoth(t);
  await revoke();
  holdReads(Promise.reject(new Error('away')));
  deaf.bus.miss();
  await within(2_000, () => deaf.errors.length === 1);
  assert.equal(deaf.revocations.fresh(), false);
  holdReads(undefined);
  await within(2_000, deaf.revocations.fresh);
  assert.equal(deaf.revocations.revokes(holder), true);
});

// Attack: whoever can take Redis down keeps a session that its owner has ended.
test('on a bus that can lose, the database is read twice a second on SQLite too', async (t) => {
  const { clock, holder, deaf, revoke, holdReads } = await startBoth(t, { canLose: true });
  await revoke();
  await within(2_000, () => deaf.revocations.revokes(holder));
  holdReads(new Promise(() => undefined));
  clock.advance(5_001);
  assert.equal(deaf.revocations.fresh(), false);
});
