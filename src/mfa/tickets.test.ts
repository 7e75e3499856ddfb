import assert from 'node:assert/strict';
import { test } from 'node:test';
import { personId, tenantId } from '../kernel/brand.ts';
import { minutes } from '../kernel/clock.ts';
import { createSystemRandom } from '../kernel/random.ts';
import { platform } from '../kernel/tx.ts';
import { createSqliteStorage, openPostgresStorage, type Storage } from '../storage/index.ts';
import { createTestClock, serverSuite, startPostgres, type TestClock } from '../testing/index.ts';
import { ticketMigrations } from './migrations/ticket.ts';
import { createTickets, type PendingSignIn } from './tickets.ts';

const pending: PendingSignIn = {
  personId: personId('ada'),
  tenantId: tenantId('plant-1'),
  profile: 'twinkeep',
  stage: 'verify',
  amr: ['pwd'],
  bound: Buffer.alloc(32, 7),
  knownDeviceId: undefined,
};

type Open = (clock: TestClock) => Promise<Storage>;

function contract(open: Open): void {
  async function setUp() {
    const clock = createTestClock();
    const storage = await open(clock);
    await storage.migrate(ticketMigrations);
    const tickets = createTickets({ storage, clock, random: createSystemRandom() });
    const make = (more: Partial<PendingSignIn> = {}) =>
      storage.write(platform, (tx) => tickets.open(tx, { ...pending, ...more }));
    const spend = (token: string) => storage.write(platform, (tx) => tickets.spend(tx, token));
    return { clock, storage, tickets, make, spend };
  }

  test('a ticket is what it was opened with, until it is spent, once', async () => {
    const { tickets, make, spend, storage } = await setUp();
    const token = await make({ knownDeviceId: 'laptop', stage: 'enrol', amr: ['pwd', 'otp'] });
    assert.match(token, /^tkt_[\w-]{43}$/);
    const ticket = await tickets.get(token);
    assert.deepEqual(
      [ticket?.personId, ticket?.stage, ticket?.amr, ticket?.knownDeviceId, ticket?.factorId],
      ['ada', 'enrol', ['pwd', 'otp'], 'laptop', undefined],
    );
    assert.deepEqual(Buffer.from(ticket?.bound ?? []), Buffer.alloc(32, 7));
    assert.equal(await storage.write(platform, (tx) => tickets.enrolling(tx, token, 'f1')), true);
    assert.equal((await tickets.get(token))?.factorId, 'f1');
    assert.deepEqual((await Promise.all([spend(token), spend(token), spend(token)])).sort(), [false, false, true]);
    assert.equal(await tickets.get(token), undefined);
    assert.equal(await storage.write(platform, (tx) => tickets.enrolling(tx, token, 'f2')), false);
    await storage.close();
  });

  // Attack: answers are sent at the same moment, so that none has been counted when they are looked at.
  test('five answers are taken of a ticket, and not one more in parallel', async () => {
    const { tickets, make, storage } = await setUp();
    const token = await make();
    const taken = await Promise.all(Array.from({ length: 12 }, () => tickets.take(token)));
    assert.equal(taken.filter((one) => one !== undefined).length, 5);
    assert.equal(await tickets.get(token), undefined);
    await storage.close();
  });

  test('a fifth answer that is right still spends its ticket', async () => {
    const { tickets, make, spend, storage } = await setUp();
    const token = await make();
    for (let each = 0; each < 5; each++) assert.notEqual(await tickets.take(token), undefined);
    assert.equal(await spend(token), true);
    await storage.close();
  });

  test('a ticket ends after ten minutes, or with all of its person, and is forgotten', async () => {
    const { tickets, make, spend, clock, storage } = await setUp();
    const [mine, other] = [await make(), await make({ personId: personId('bob') })];
    const closed = await storage.write(platform, (tx) => tickets.closeAll(tx, pending.personId));
    assert.deepEqual([closed, await tickets.get(mine), await spend(mine)], [1, undefined, false]);
    clock.advance(minutes(10) - 1);
    assert.notEqual(await tickets.get(other), undefined);
    clock.advance(1);
    assert.deepEqual(
      [await tickets.get(other), await tickets.take(other), await spend(other)],
      [undefined, undefined, false],
    );
    await tickets.prune();
    clock.advance(-minutes(10));
    assert.equal(await tickets.get(other), undefined, 'gone, whatever the clock says');
    await storage.close();
  });

  // Attack: text that is no ticket is looked up by the million.
  test('what has not the form of a ticket is not looked for', async () => {
    const { tickets, make, storage } = await setUp();
    const token = await make();
    await storage.close();
    for (const text of ['', 'tkt_', token.slice(0, -1), `${token}A`, token.replace('tkt_', 'tkr_'), 'é'.repeat(999)])
      assert.deepEqual([await tickets.get(text), await tickets.take(text)], [undefined, undefined]);
  });
}

contract(async (clock) => createSqliteStorage({ file: ':memory:', clock }));

await serverSuite('tickets on PostgreSQL', startPostgres, (server) => {
  contract(async (clock) =>
    openPostgresStorage({ url: await server.createDatabase(), clock, onError: () => undefined }),
  );
});
