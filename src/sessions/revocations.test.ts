import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { epochMs, personId, sessionId, tenantId } from '../kernel/brand.ts';
import { createSystemRandom } from '../kernel/random.ts';
import { platform } from '../kernel/tx.ts';
import { type Bus, createMemoryBus, createSqliteStorage, type Storage } from '../storage/index.ts';
import { createTestClock } from '../testing/index.ts';
import { sessionMigrations } from './migrations/index.ts';
import { createRevocations, type Revocations } from './revocations.ts';
import type { RevocationKind } from './revocations-log.ts';
import { tokenSubject } from './revocations-log.ts';
import { sessionStore } from './store.ts';

const random = createSystemRandom();

interface Node {
  readonly revocations: Revocations;
  readonly bus: Bus;
  readonly errors: readonly unknown[];
}

/** Two that share a database and nothing else, as two threads do one of which is never heard. */
async function startBoth(t: TestContext, change: Partial<Bus> = {}, monotonic?: () => number) {
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
    const revocations = createRevocations({ storage, bus, clock, random, accessMs: 60_000, onError, monotonic });
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
  const revoke = (kind: RevocationKind = 'session', subject: string = holder.sessionId) =>
    own.write(platform, (tx) => silent.revocations.add(tx, kind, subject));
  const holdReads = (until: Promise<void> | undefined): void => {
    reads = until;
  };
  t.after(own.close);
  return { clock, holder, silent, deaf, revoke, holdReads };
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

// Attack: the process is stopped, a session ends elsewhere, and its token is the first that comes when it goes on.
test('a process that stood still lets nobody in until all was read again', async (t) => {
  let tick = 0;
  const { holder, deaf, revoke, holdReads } = await startBoth(t, { canLose: true }, () => tick);
  const slow = Promise.withResolvers<void>();
  holdReads(slow.promise);
  await revoke();
  assert.equal(deaf.revocations.fresh(), true);
  tick += 2_000; // shorter than the limit of a lost feed, and longer than any timer is late
  assert.equal(deaf.revocations.fresh(), false);
  slow.resolve();
  await within(2_000, deaf.revocations.fresh);
  assert.equal(deaf.revocations.revokes(holder), true);
});

// Attack: the clock is set back while the database is away, so that what was read long ago looks new.
test('a clock that is set back does not make a feed fresh that was lost', async (t) => {
  let tick = 0;
  const { clock, deaf, holdReads } = await startBoth(t, { canLose: true }, () => tick);
  holdReads(new Promise(() => undefined));
  clock.advance(-3_600_000);
  for (; tick < 6_000; tick += 500) await pause(1);
  assert.equal(deaf.revocations.fresh(), false);
});

test('each kind kills what it names: a token alone, a session for good, the others what was issued before', async (t) => {
  const { clock, holder, silent, revoke } = await startBoth(t);
  const revokes = (change: object): boolean => silent.revocations.revokes({ ...holder, ...change });
  const later = { issuedAt: epochMs(clock.now() + 1) };
  await revoke('token', tokenSubject(holder.tenantId, 'token-1'));
  assert.deepEqual(
    ['', 'token-2', 'token-1'].map((tokenId) => revokes({ tokenId })),
    [false, false, true],
  );
  const others = { sessionId: sessionId('another'), personId: personId('bob'), tenantId: tenantId('another') };
  for (const [kind, subject, mine] of [
    ['person', 'ada', { ...others, personId: holder.personId }],
    ['tenant', 'main', { ...others, tenantId: holder.tenantId }],
    ['everyone', '*', others],
  ] as const) {
    await revoke(kind, subject);
    assert.deepEqual([revokes(mine), revokes({ ...mine, ...later })], [true, false], kind);
  }
  await revoke();
  assert.equal(revokes(later), true);
});

test('what has run out is forgotten, and the log of what was learned with it', async (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  const { clock, holder, silent, revoke } = await startBoth(t);
  await revoke();
  assert.equal(silent.revocations.log.after(0, 10, clock.now()).entries.length, 1);
  clock.advance(60_000 + 60_000);
  t.mock.timers.tick(600_000);
  assert.equal(silent.revocations.revokes(holder), false);
  assert.deepEqual(silent.revocations.log.after(0, 10, epochMs(0)).entries, []);
});

// Attack: lives are made longer while the database is away, and a node that never heard of it forgets revocations too early.
test('a longer life that could not be written is refused to whoever asked, and written with the next tick', async (t) => {
  const clock = createTestClock();
  const own = createSqliteStorage({ file: ':memory:', clock });
  t.after(own.close);
  await own.migrate(sessionMigrations);
  let failures = 0;
  const storage: Storage = {
    ...own,
    write: (scope, work) => (failures-- > 0 ? Promise.reject(new Error('away')) : own.write(scope, work)),
  };
  const onError = (error: unknown) => assert.fail(String(error));
  const revocations = createRevocations({
    ...{ storage, bus: createMemoryBus(), clock, random, accessMs: 60_000, onError },
  });
  await revocations.start();
  t.after(revocations.stop);
  const told = async () => {
    const rows = await own.read(platform, (tx) => sessionStore.revocations(tx, '', clock.now()));
    return rows.filter(({ kind }) => kind === 'life').map(({ subject }) => subject);
  };
  assert.deepEqual(await told(), ['60000']);
  failures = 1;
  await assert.rejects(revocations.keepFor(120_000), /away/);
  assert.deepEqual(await told(), ['60000']);
  for (const until = performance.now() + 3_000; (await told()).length < 2 && performance.now() < until; )
    await pause(20);
  assert.deepEqual(await told(), ['60000', '120000']);
  await revocations.keepFor(90_000);
  assert.equal((await told()).length, 2, 'less than what is kept already');
});
