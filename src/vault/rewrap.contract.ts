import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type PersonId, personId } from '../kernel/brand.ts';
import { inTenant, platform } from '../kernel/tx.ts';
import type { Storage } from '../storage/index.ts';
import { foldedText } from './normalise.ts';
import {
  AREA,
  home,
  type MakeStorage,
  other,
  pinPlace,
  placeOf,
  plant,
  type RewrapKit,
  rows,
  SETTLED_MS,
  textOf,
  withKit,
} from './rewrap-kit.contract.ts';

const isUnder = (value: string | null, version: string): boolean =>
  value?.startsWith(`tk1.${version}.`) === true || value?.startsWith(`bi1.${version}.`) === true;

/** Every note opens to its text, and nothing of it is under another version. */
async function assertWhole({ vault, notes }: RewrapKit, count: number, tenant = plant): Promise<void> {
  const sealer = await vault.fields(tenant);
  const found = await notes(tenant);
  assert.equal(found.length, count);
  for (const { area, n, body, body_index } of found) {
    assert.equal(sealer.open(placeOf(area, n), body ?? ''), textOf(n));
    assert.ok(isUnder(body, sealer.version) && isUnder(body_index, sealer.version));
  }
}

const stateOf = async ({ vault }: RewrapKit, version: string, tenant = plant) =>
  (await vault.dataKeys.versions(tenant)).find((key) => key.version === version);

/** A storage where something happens just before the next write of the walk. */
function before(storage: Storage, act: () => Promise<void>): Storage {
  let acted = false;
  return {
    ...storage,
    write: async (scope, work) => {
      if (!acted && scope.kind === 'tenant') {
        acted = true;
        await act();
      }
      return storage.write(scope, work);
    },
  };
}

export function rewrapContract(make: MakeStorage): void {
  test('every value comes under the current version, opens to its text, and the old version is noted as empty', () =>
    withKit(make, async (kit) => {
      await kit.fill(plant, 700);
      await kit.fill(other, 3);
      const old = await kit.rotate();
      assert.equal(await kit.rewrap.countUnder(plant, old), 700);
      kit.clock.advance(SETTLED_MS);
      await kit.rewrap.run({ urgent: true });

      await assertWhole(kit, 700);
      assert.equal(await kit.rewrap.countUnder(plant, old), 0);
      const [progress] = await kit.rewrap.status();
      const { version } = await kit.vault.fields(plant);
      assert.partialDeepStrictEqual(progress, { tenant: plant, field: 'note.body', target: version });
      assert.partialDeepStrictEqual(progress, { seen: 700, done: 700, unreadable: 0, finishedAt: kit.clock.now() });
      assert.equal((await stateOf(kit, old))?.emptiedAt, kit.clock.now());
      assert.deepEqual(
        kit.entries.map(({ action, tenantId, object }) => [action, tenantId, object?.id]),
        [['vault.rewrapped', plant, old]],
      );
      await assertWhole(kit, 3, other);
      assert.equal((await kit.rewrap.status()).length, 1); // nothing was rotated there
      assert.deepEqual(kit.errors, []);
    }));

  test('a version is not noted as empty while what was sealed under it may still be on its way', () =>
    withKit(make, async (kit) => {
      await kit.fill(plant, 5);
      const old = await kit.rotate();
      await kit.rewrap.run({ urgent: true });
      assert.equal((await stateOf(kit, old))?.emptiedAt, undefined);
      const late = await kit.sealedUnder(old, 9);
      await kit.write(inTenant(plant), (tx) => rows.addNotes(tx, [{ area: AREA, n: 9, body: late, body_index: null }]));

      kit.clock.advance(SETTLED_MS);
      await kit.rewrap.run({ urgent: true });
      assert.equal((await stateOf(kit, old))?.emptiedAt, undefined);
      kit.clock.advance(SETTLED_MS);
      await kit.rewrap.run({ urgent: true });
      assert.equal((await stateOf(kit, old))?.emptiedAt, kit.clock.now());
      const found = (await kit.notes()).find(({ n }) => n === 9);
      assert.ok(isUnder(found?.body ?? '', (await kit.vault.fields(plant)).version));
    }));

  test('a run that is out of time stops, and another process goes on where it stopped', () =>
    withKit(make, async (kit) => {
      await kit.fill(plant, 900);
      await kit.rotate();
      await kit.rewrap.run({ budgetMs: 0 });
      const [first] = await kit.rewrap.status();
      assert.ok(first !== undefined && first.done > 0 && first.done < 900 && first.finishedAt === undefined);
      for (let run = 0; run < 100 && (await kit.rewrap.status())[0]?.finishedAt === undefined; run++) {
        await kit.another().run({ budgetMs: 0 });
      }
      const [last] = await kit.rewrap.status();
      assert.partialDeepStrictEqual(last, { seen: 900, done: 900, startedAt: first.startedAt });
      await assertWhole(kit, 900);
    }));

  test('rows that change, go or come while the walk passes keep what others have written', () =>
    withKit(make, async (kit) => {
      await kit.fill(plant, 20);
      const old = await kit.rotate();
      const sealer = await kit.vault.fields(plant);
      const changed = sealer.seal(placeOf(AREA, 3), 'changed');
      const storage = before(kit.storage, () =>
        kit.write(inTenant(plant), async (tx) => {
          await rows.setNote(tx, 3, changed);
          await rows.dropNote(tx, 4);
          await rows.setNote(tx, 5, null);
          await rows.setNote(tx, 6, 'plain');
          const body = sealer.seal(placeOf(AREA, 30), textOf(30));
          await rows.addNotes(tx, [{ area: AREA, n: 30, body, body_index: null }]);
        }),
      );
      await kit.another({ storage }).run({ urgent: true });

      const found = new Map((await kit.notes()).map(({ n, body }) => [n, body]));
      assert.deepEqual([found.get(3), found.has(4), found.get(5), found.get(6)], [changed, false, null, 'plain']);
      assert.equal(sealer.open(placeOf(AREA, 30), found.get(30) ?? ''), textOf(30));
      assert.equal((await kit.rewrap.status())[0]?.done, 16);
      assert.deepEqual(
        [...found.values()].filter((body) => isUnder(body, old)),
        [],
      );
    }));

  test('what does not open is left as it is, named by its row, and keeps its version from being noted as empty', () =>
    withKit(make, async (kit) => {
      await kit.fill(plant, 10);
      const notes = await kit.notes();
      const moved = notes[1]?.body ?? '';
      const broken = `${moved.slice(0, -2)}${moved.endsWith('AA') ? 'BA' : 'AA'}`;
      await kit.write(inTenant(plant), async (tx) => {
        await rows.setNote(tx, 2, moved);
        await rows.setNote(tx, 5, broken);
        await rows.setNote(tx, 6, 'tk1.nothing');
        await rows.setNote(tx, 7, 'tk1.v_20200101_000000_abcd.AAAA');
        await rows.setNote(tx, 8, 'gAAAAA-of-another-kind');
      });
      const old = await kit.rotate();
      kit.clock.advance(SETTLED_MS);
      await kit.rewrap.run({ urgent: true });

      const left = await kit.rewrap.unreadable(plant);
      assert.deepEqual(
        left.map(({ field, row }) => [field, row]),
        [2, 5, 6, 7, 8].map((n) => ['note.body', `${AREA}/${n}`]),
      );
      const after = new Map((await kit.notes()).map(({ n, body }) => [n, body]));
      assert.deepEqual([after.get(2), after.get(5), after.get(6)], [moved, broken, 'tk1.nothing']);
      assert.equal(after.get(8), 'gAAAAA-of-another-kind');
      assert.equal((await stateOf(kit, old))?.emptiedAt, undefined);
      assert.ok((await kit.rewrap.countUnder(plant, old)) > 0);
      assert.deepEqual(kit.entries, []);

      await kit.write(inTenant(plant), async (tx) => {
        for (const n of [2, 5, 6, 7, 8]) await rows.dropNote(tx, n);
      });
      kit.clock.advance(3_600_000);
      await kit.rewrap.run({ urgent: true });
      assert.equal((await stateOf(kit, old))?.emptiedAt, kit.clock.now());
    }));

  test('a value is found by its blind index at every moment of a rotation', () =>
    withKit(make, async (kit) => {
      await kit.fill(plant, 600);
      await kit.rotate();
      const find = async (n: number): Promise<readonly number[]> => {
        const sealer = await kit.vault.fields(plant);
        const wanted = sealer.indexes({ table: 'note', column: 'body' }, foldedText(textOf(n)));
        const found = await kit.storage.read(inTenant(plant), (tx) =>
          Promise.all(wanted.map((index) => rows.findNotes(tx, index))),
        );
        return found.flat().map((row) => row.n);
      };
      assert.deepEqual(await find(0), [0]);
      await kit.rewrap.run({ budgetMs: 0 });
      assert.deepEqual([await find(0), await find(599)], [[0], [599]]);
      kit.clock.advance(SETTLED_MS);
      await kit.rewrap.run({ urgent: true });
      assert.deepEqual([await find(0), await find(599)], [[0], [599]]);
      await assertWhole(kit, 600);
    }));

  test('a person’s value stays under the person’s key, and its index follows the rotation', () =>
    withKit(make, async (kit) => {
      const people = ['ada', 'bob', 'cy'].map(personId);
      await fillHolders(kit, people);
      const [ada, bob] = people;
      assert.ok(ada !== undefined && bob !== undefined);
      const was = await kit.storage.read(platform, rows.holders);
      await kit.write(platform, (tx) => kit.vault.subjects.destroy(tx, bob));
      const old = await kit.rotate(home);
      assert.equal(await kit.rewrap.countUnder(home, old), 6);
      kit.clock.advance(SETTLED_MS);
      await kit.rewrap.run({ urgent: true });
      const sealer = await kit.vault.fields(home);
      const now = await kit.storage.read(platform, rows.holders);
      assert.deepEqual(
        now.map(({ mail }) => mail),
        was.map(({ mail }) => mail),
      );
      for (const { id, pin } of now) assert.equal(sealer.open(pinPlace(id), pin ?? ''), `pin of ${id}`);
      const index = (who: string) => sealer.index({ table: 'holder', column: 'mail' }, `${who}@twin.example`);
      assert.deepEqual(
        now.map(({ mail_index }) => mail_index),
        [index('ada'), null, index('cy')], // whoever was erased is not found any more
      );
      assert.equal((await stateOf(kit, old, home))?.emptiedAt, kit.clock.now());
    }));

  test('a rotation in the middle of a walk begins it anew, under the newest version', () =>
    withKit(make, async (kit) => {
      await kit.fill(plant, 600);
      const first = await kit.rotate();
      await kit.rewrap.run({ budgetMs: 0 });
      const second = await kit.rotate();
      kit.clock.advance(SETTLED_MS);
      await kit.rewrap.run({ urgent: true });
      await assertWhole(kit, 600);
      for (const version of [first, second]) assert.ok((await stateOf(kit, version))?.emptiedAt !== undefined);
    }));

  test('of two walks over the same rows the late one changes nothing', () =>
    withKit(make, async (kit) => {
      await kit.fill(plant, 40);
      await kit.rotate();
      await kit.rewrap.run({ budgetMs: 0 }); // has begun
      await kit.rotate();
      const storage = before(kit.storage, async () => {
        await kit.another().run({ urgent: true });
      });
      await kit.another({ storage, holder: 'test' }).run({ urgent: true });
      await assertWhole(kit, 40);
      assert.partialDeepStrictEqual((await kit.rewrap.status())[0], { seen: 40, done: 40 });
    }));

  // Attack: a process that stood still for a minute writes under a version that was taken to be empty.
  test('a value that turns up under an empty version is sealed anew before its key can go', () =>
    withKit(make, async (kit) => {
      await kit.fill(plant, 3);
      const old = await kit.rotate();
      kit.clock.advance(SETTLED_MS);
      await kit.rewrap.run({ urgent: true });
      assert.ok((await stateOf(kit, old))?.emptiedAt !== undefined);
      const late = await kit.sealedUnder(old, 9);
      await kit.write(inTenant(plant), (tx) => rows.addNotes(tx, [{ area: AREA, n: 9, body: late, body_index: null }]));

      assert.equal(await kit.rewrap.countUnder(plant, old), 1);
      for (let run = 0; run < 3; run++) {
        await kit.rewrap.run({ urgent: true });
        kit.clock.advance(SETTLED_MS);
      }
      assert.equal(await kit.rewrap.countUnder(plant, old), 0);
    }));

  test('rows are counted over more than one stretch', () =>
    withKit(make, async (kit) => {
      await kit.fill(plant, 4_100);
      const { version } = await kit.vault.fields(plant);
      assert.equal(await kit.rewrap.countUnder(plant, version), 4_100);
      assert.equal(await kit.rewrap.countUnder(other, version), 0);
    }));
}

async function fillHolders({ vault, storage }: RewrapKit, people: readonly PersonId[]): Promise<void> {
  const sealer = await vault.fields(home);
  for (const who of people) {
    const mail = `${who}@twin.example`;
    await storage.write(platform, async (tx) =>
      rows.addHolder(tx, {
        id: `h-${who}`,
        who,
        mail: await vault.subjects.seal(tx, who, 'holder.mail', mail),
        mail_index: sealer.index({ table: 'holder', column: 'mail' }, mail),
        pin: sealer.seal(pinPlace(`h-${who}`), `pin of h-${who}`),
      }),
    );
  }
}
