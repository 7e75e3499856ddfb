import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inTenant, lookup, platform } from '../kernel/tx.ts';
import { statement } from './statement.ts';
import {
  expectFault,
  type MakeStorage,
  north,
  readings,
  seats,
  south,
  tickets,
  withStorage,
} from './storage-kit.contract.ts';

const digest = Buffer.from('0123456789abcdef');

const echoTenant = statement({
  reach: 'platform',
  sql: 'select count(*) as seats from seat where person = :tenant_id',
  params: { tenant_id: 'text' },
  returns: { seats: 'int' },
});

export function scopesContract(make: MakeStorage): void {
  // Attack: a statement of one tenant is made to show or change the rows of another.
  test('a tenant sees, writes and deletes its own rows only', () =>
    withStorage(make, async ({ storage }) => {
      const put = (value: number) => [{ meter: 'm', at: 1, value }];
      assert.deepEqual(await storage.write(inTenant(north), (tx) => tx.insert(readings.put, put(1))), []);
      assert.deepEqual(await storage.write(inTenant(south), (tx) => tx.insert(readings.put, put(2))), []);
      assert.deepEqual(await storage.write(inTenant(south), (tx) => tx.insert(readings.put, put(3))), [0]);

      const rowsOf = (tenant: typeof north) => storage.read(inTenant(tenant), (tx) => tx.all(readings.all, {}));
      assert.deepEqual(await rowsOf(north), [{ tenant_id: 'north', meter: 'm', at: 1, value: 1 }]);
      assert.deepEqual(await rowsOf(south), [{ tenant_id: 'south', meter: 'm', at: 1, value: 2 }]);

      assert.equal(await storage.write(inTenant(south), (tx) => tx.run(readings.drop, {})), 1);
      assert.equal((await rowsOf(north)).length, 1);
    }));

  test('the tenant of a tenant statement comes from the scope, whatever the caller hands in', () =>
    withStorage(make, async ({ storage }) => {
      const forged = { meter: 'm', at: 1, value: 1, tenant_id: 'south' };
      await storage.write(inTenant(north), (tx) => tx.insert(readings.put, [forged]));
      const asked = { tenant_id: 'south' };
      const rows = await storage.read(inTenant(north), (tx) => tx.all(readings.all, asked));
      assert.deepEqual(
        rows.map(({ tenant_id }) => tenant_id),
        ['north'],
      );
    }));

  test('a platform statement with a parameter of that name gets what the caller hands in', () =>
    withStorage(make, async ({ storage }) => {
      await storage.write(platform, (tx) => tx.run(seats.take, { person: 'south', seat: 1 }));
      const counted = await storage.read(inTenant(north), (tx) => tx.one(echoTenant, { tenant_id: 'south' }));
      assert.deepEqual(counted, { seats: 1 });
    }));

  test('platform rows and look-up rows are there in the scope of a tenant', () =>
    withStorage(make, async ({ storage }) => {
      await storage.write(inTenant(north), async (tx) => {
        await tx.run(seats.take, { person: 'ada', seat: 1 });
        await tx.run(tickets.put, { digest, owner: 'ada' });
        await tx.insert(readings.put, [{ meter: 'm', at: 1, value: 1 }]);
      });
      assert.equal((await storage.read(platform, (tx) => tx.all(seats.all, {}))).length, 1);
      assert.deepEqual(await storage.read(lookup, (tx) => tx.one(tickets.find, { digest })), { owner: 'ada' });
    }));

  test('a statement that reaches past its scope is refused', () =>
    withStorage(make, async ({ storage }) => {
      const reading = [{ meter: 'm', at: 1, value: 1 }];
      await expectFault(
        'STORAGE_SCOPE',
        storage.read(platform, (tx) => tx.all(readings.all, {})),
      );
      await expectFault(
        'STORAGE_SCOPE',
        storage.write(platform, (tx) => tx.insert(readings.put, reading)),
      );
      await expectFault(
        'STORAGE_SCOPE',
        storage.read(lookup, (tx) => tx.all(readings.all, {})),
      );
      await expectFault(
        'STORAGE_SCOPE',
        storage.read(lookup, (tx) => tx.all(seats.all, {})),
      );
      await expectFault(
        'STORAGE_SCOPE',
        storage.write(lookup, (tx) => tx.run(seats.move, { person: 'ada' })),
      );
    }));

  test('a look-up finds its row and no other', () =>
    withStorage(make, async ({ storage }) => {
      await storage.write(platform, (tx) => tx.run(tickets.put, { digest, owner: 'ada' }));
      assert.deepEqual(await storage.read(lookup, (tx) => tx.one(tickets.find, { digest })), { owner: 'ada' });
      const other = Buffer.from('0123456789abcdee');
      assert.equal(await storage.read(lookup, (tx) => tx.one(tickets.find, { digest: other })), undefined);
    }));
}
