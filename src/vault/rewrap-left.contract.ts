import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { personId } from '../kernel/brand.ts';
import { hours } from '../kernel/clock.ts';
import { createSystemRandom } from '../kernel/random.ts';
import { inTenant, platform } from '../kernel/tx.ts';
import { statement } from '../storage/index.ts';
import { vaultFault } from './errors.ts';
import {
  AREA,
  home,
  type MakeStorage,
  plant,
  type RewrapKit,
  rows,
  SETTLED_MS,
  withKit,
} from './rewrap-kit.contract.ts';
import { openVault } from './vault.ts';

const spoilDataKey = statement({
  reach: 'platform',
  sql: 'update vault_data_key set wrapped = :wrapped where version = :version',
  params: { wrapped: 'bytes', version: 'text' },
});
const spoilNamedKey = statement({
  reach: 'platform',
  sql: 'update vault_named_key set wrapped = :wrapped where name = :name',
  params: { wrapped: 'bytes', name: 'text' },
});

/** The vault of a process that is started now: it has opened nothing yet. */
const restarted = ({ storage, clock, vault }: RewrapKit, masters = vault.masters) =>
  openVault({ storage, clock, masters, random: createSystemRandom() });

const versionOf = (sealed: string | null | undefined): string | undefined => sealed?.split('.')[1];

async function versionsOf(kit: RewrapKit): Promise<ReadonlyMap<number, string | undefined>> {
  return new Map((await kit.notes()).map(({ n, body }) => [n, versionOf(body)]));
}

/** Spoils the first notes on the disk. */
const spoilNotes = async (kit: RewrapKit, count: number): Promise<void> => {
  const notes = (await kit.notes()).slice(0, count);
  await kit.write(inTenant(plant), async (tx) => {
    for (const { n, body } of notes) await rows.setNote(tx, n, `${body?.slice(0, -4)}AAAA`);
  });
};

const setNote = (kit: RewrapKit, n: number, body: string) =>
  kit.write(inTenant(plant), (tx) => rows.setNote(tx, n, body));

/** What every rewrap does with what it cannot seal anew, and with what comes late. */
export function rewrapLeftContract(make: MakeStorage): void {
  // Attack: one stored key is spoiled, so that a leaked one is never left by the values of anybody.
  test('a damaged key makes its own values unreadable, and all others are sealed anew', () =>
    withKit(make, async (kit) => {
      await kit.fill(plant, 6);
      const first = await kit.rotate();
      const { version: second } = await kit.vault.fields(plant);
      for (const n of [3, 4, 5]) await setNote(kit, n, await kit.sealedUnder(second, n));
      await kit.rotate();
      await kit.write(platform, (tx) => tx.run(spoilDataKey, { wrapped: randomBytes(60), version: first }));
      kit.clock.advance(SETTLED_MS);
      const vault = await restarted(kit);
      await kit.another({ vault }).run({ urgent: true });

      const { version } = await vault.fields(plant);
      const now = await versionsOf(kit);
      assert.deepEqual([now.get(0), now.get(3), now.get(5)], [first, version, version]);
      const unreadable = await kit.rewrap.unreadable(plant);
      assert.deepEqual(
        unreadable.map(({ row }) => row),
        [0, 1, 2].map((n) => `${AREA}/${n}`),
      );
      const emptied = (await vault.dataKeys.versions(plant)).map((key) => key.emptiedAt !== undefined);
      assert.deepEqual(emptied, [false, true, false]);
    }));

  test('a damaged key of one person keeps no other’s index from following', () =>
    withKit(make, async (kit) => {
      const sealer = await kit.vault.fields(home);
      const indexOf = (who: string) => sealer.index({ table: 'holder', column: 'mail' }, `${who}@twin.example`);
      for (const who of ['ada', 'bob'].map(personId)) {
        await kit.write(platform, async (tx) => {
          const mail = await kit.vault.subjects.seal(tx, who, 'holder.mail', `${who}@twin.example`);
          return rows.addHolder(tx, { id: `h-${who}`, who, mail, mail_index: indexOf(who), pin: 'plain' });
        });
      }
      await kit.rotate(home);
      await kit.write(platform, (tx) => tx.run(spoilNamedKey, { wrapped: randomBytes(60), name: 'ada' }));
      await kit.another({ vault: await restarted(kit) }).run({ urgent: true });
      const [ada, bob] = await kit.storage.read(platform, rows.holders);
      assert.equal(bob?.mail_index, indexOf('bob'));
      assert.notEqual(ada?.mail_index, indexOf('ada'));
      assert.deepEqual(
        (await kit.rewrap.unreadable(home)).map(({ row }) => row),
        ['h-ada'],
      );
    }));

  test('while the provider is away nothing is noted as unreadable, and whoever waits is told', () =>
    withKit(make, async (kit) => {
      await kit.fill(plant, 3);
      await kit.rotate();
      const of = () => {
        throw vaultFault('VAULT_PROVIDER_AWAY');
      };
      const vault = await restarted(kit, { ...kit.vault.masters, of });
      await assert.rejects(kit.another({ vault }).run({ urgent: true }), { code: 'VAULT_PROVIDER_AWAY' });
      assert.deepEqual(await kit.rewrap.unreadable(plant), []);
      await kit.rewrap.run({ urgent: true });
      assert.equal((await kit.rewrap.status())[0]?.done, 3);
    }));

  test('what came late is sealed anew although other rows of the column do not open', () =>
    withKit(make, async (kit) => {
      await kit.fill(plant, 20);
      await spoilNotes(kit, 5);
      const first = await kit.rotate();
      await kit.rewrap.run({ urgent: true });
      const second = await kit.rotate();
      await kit.rewrap.run({ urgent: true });
      await setNote(kit, 19, await kit.sealedUnder(second, 19)); // by somebody who had not heard of the third
      kit.clock.advance(SETTLED_MS);
      for (let turn = 0; turn < 3; turn++) {
        await kit.rewrap.run({ urgent: true });
        kit.clock.advance(SETTLED_MS);
      }
      assert.equal(await kit.rewrap.countUnder(plant, second), 0);
      assert.equal((await versionsOf(kit)).get(19), (await kit.vault.fields(plant)).version);
      const keys = new Map((await kit.vault.dataKeys.versions(plant)).map((key) => [key.version, key.emptiedAt]));
      assert.deepEqual([keys.get(first), keys.get(second) === undefined], [undefined, false]);
    }));

  test('a row that did not open and is written anew, late, is taken along', () =>
    withKit(make, async (kit) => {
      await kit.fill(plant, 8);
      await spoilNotes(kit, 2);
      const first = await kit.rotate();
      await kit.rewrap.run({ urgent: true });
      await setNote(kit, 1, await kit.sealedUnder(first, 1));
      for (let turn = 0; turn < 4; turn++) {
        kit.clock.advance(SETTLED_MS);
        await kit.rewrap.run({ urgent: true });
      }
      assert.equal((await versionsOf(kit)).get(1), (await kit.vault.fields(plant)).version);
      assert.deepEqual(
        (await kit.rewrap.unreadable(plant)).map(({ row }) => row),
        [`${AREA}/0`],
      );
    }));

  test('rows that do not open are looked at again, and their column is not walked for ever', () =>
    withKit(make, async (kit) => {
      await kit.fill(plant, 4);
      await spoilNotes(kit, 2);
      await kit.rotate();
      await kit.rewrap.run({ urgent: true });
      const [before] = await kit.rewrap.status();
      for (let turn = 0; turn < 3; turn++) {
        kit.clock.advance(hours(2));
        await kit.rewrap.run({ urgent: true });
      }
      assert.deepEqual((await kit.rewrap.status())[0], before);
    }));
}
