import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { inTenant } from '../kernel/tx.ts';
import { statement } from '../storage/index.ts';
import { createKeys } from '../vault/index.ts';
import type { ReadingItem, ReadingPage } from './page.ts';
import { expectFault, type Kit, type MakeStorage, north, series, south, withKit } from './readings-kit.contract.ts';

const indexesStored = statement({
  reach: 'tenant',
  sql: 'select location_index from reading where tenant_id = :tenant_id',
  returns: { location_index: 'text?' },
});

/** How readings of one location are found while it is sealed, on any database. */
export function locatedContract(make: MakeStorage): void {
  describe('readings of a location', () => {
    test('are found however it is spelt, of all meters or one, page by page', () =>
      withKit(make, async ({ readings, send }) => {
        const at = (location: string | null, meter: string, count: number) =>
          series(count, meter).map((reading) => ({ ...reading, location }));
        await send(north, [
          ...at('Hall  3 ', 'B', 3),
          ...at('HALL 3', 'a', 2),
          ...at('Hall 31', 'C', 2),
          ...at(null, 'D', 1),
        ]);
        await send(south, at('Hall 3', 'S', 2));

        const found = await readings.list(north.tenantId, { location: ' hall 3', limit: 100 });
        assert.deepEqual(
          found.items.map(({ meter_id }) => meter_id),
          ['B', 'B', 'B', 'a', 'a'],
        );
        assert.deepEqual(found.items.map(({ location }) => location).slice(2, 4), ['Hall  3 ', 'HALL 3']);

        const one = await readings.list(north.tenantId, { location: 'hall 3', limit: 2 });
        const two = await readings.list(north.tenantId, {
          location: 'hall 3',
          limit: 9,
          cursor: one.next_cursor ?? '',
        });
        assert.deepEqual([...one.items, ...two.items], found.items);
        assert.equal(
          (await readings.list(north.tenantId, { location: 'hall 3', meter_id: 'a', limit: 9 })).items.length,
          2,
        );
        assert.equal((await readings.list(north.tenantId, { location: 'Hall', limit: 9 })).items.length, 0);
        const elsewhere = { location: 'hall 31', limit: 2, cursor: one.next_cursor ?? '' };
        await expectFault('READING_CURSOR', readings.list(north.tenantId, elsewhere));
      }));

    test('are found on both sides of a rotation, in one order', () =>
      withKit(make, async (kit) => {
        const { readings, send } = kit;
        const hall = (meter: string) => series(2, meter).map((reading) => ({ ...reading, location: 'Hall 3' }));
        await send(north, [...hall('A'), ...hall('C')]);
        await rotate(kit);
        await send(north, [...hall('B'), ...hall('D')]);

        const found: ReadingItem[] = [];
        for (let cursor: string | null | undefined; cursor !== null; ) {
          const page: ReadingPage = await readings.list(north.tenantId, { location: 'HALL 3', limit: 3, cursor });
          found.push(...page.items);
          cursor = page.next_cursor;
        }
        assert.deepEqual(
          found.map(({ meter_id }) => meter_id),
          ['A', 'A', 'B', 'B', 'C', 'C', 'D', 'D'],
        );
      }));

    // Attack: whoever can read the database compares rows of two tenants.
    test('have an index that says nothing of the same place at another tenant', () =>
      withKit(make, async ({ send, storage }) => {
        const stored = [];
        for (const actor of [north, south]) {
          await send(actor, [{ ...series(1)[0], location: 'Hall 3' }]);
          stored.push(...(await storage.read(inTenant(actor.tenantId), (tx) => tx.all(indexesStored, {}))));
        }
        const [ours = '', theirs = ''] = stored.map(({ location_index }) => location_index ?? '');
        assert.match(ours, /^bi1\.v_\d{8}_\d{6}_[0-9a-f]{4}\.[A-Za-z0-9_-]{22}$/);
        assert.notEqual(ours.slice(-22), theirs.slice(-22));
      }));
  });
}

/** A new data key of the first tenant, in use at once or when its time has come. */
async function rotate({ vault, storage, audit, clock }: Kit): Promise<void> {
  const keys = createKeys({
    ...{ vault, storage, audit, clock },
    config: { maxSeals: 2 ** 30 },
    retainedBy: async () => [],
    countUnder: async () => 0,
    keepFor: () => 0,
  });
  const [{ new_version: version, active_at: at } = { new_version: '', active_at: 0 }] = await keys.rotate(
    { tenant: north.tenantId, reason: 'manual' },
    { principal: north.principal },
  );
  clock.advance(Math.max(0, at - clock.now()));
  assert.equal((await vault.fields(north.tenantId)).version, version);
}
