import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isFault } from '../kernel/errors.ts';
import { platform } from '../kernel/tx.ts';
import type { Migration } from './schema.ts';
import { statement } from './statement.ts';
import { type MakeStorage, seats, tables, withStorage } from './storage-kit.contract.ts';

const tableOf = (name: string, table: string): Migration => ({
  name,
  changes: [{ kind: 'table', name: table, rows: 'platform', columns: { id: 'int', note: 'text' }, key: ['id'] }],
});

const older = tableOf('202602010000_older_first', 'older');
const middle: Migration = {
  name: '202603010000_middle_index',
  changes: [
    { kind: 'column', table: 'older', name: 'colour', type: 'text?' },
    { kind: 'index', name: 'older_by_note', table: 'older', columns: ['note'], unique: true, where: 'colour is null' },
  ],
};
const newer = tableOf('202604010000_newer_last', 'newer');

const foundIn =
  (bytes: Buffer) =>
  (text: string): boolean =>
    bytes.includes(text);

const isOurs = (name: string): boolean => [older, middle, newer, tables].some((migration) => migration.name === name);

const putOlder = statement({
  reach: 'platform',
  sql: 'insert into older (id, note, colour) values (:id, :note, :colour)',
  params: { id: 'int', note: 'text', colour: 'text?' },
});

const broken: Migration = {
  name: '202605010000_broken_second',
  changes: [...tableOf('202605010000_broken_second', 'half').changes, ...older.changes],
};

export function upkeepContract(make: MakeStorage): void {
  test('migrations are applied once, in the order of their names, whatever order they come in', () =>
    withStorage(make, async ({ storage }) => {
      const applied = await storage.migrate([newer, middle, tables, older]);
      assert.deepEqual(applied.filter(isOurs), [older.name, middle.name, newer.name]);
      assert.deepEqual(await storage.migrate([newer, middle, tables, older]), []);
      const put = (id: number, colour: string | null): Promise<number> =>
        storage.write(platform, (tx) => tx.run(putOlder, { id, note: 'same', colour }));
      await put(1, null);
      await put(2, 'red');
      await assert.rejects(put(3, null), (error) => isFault(error, 'STORAGE_CONFLICT'));
    }));

  test('a migration that arrives late is applied though its name is older', () =>
    withStorage(make, async ({ storage, reopen }) => {
      assert.deepEqual(await storage.migrate([tables, newer]), [newer.name]);
      const second = await reopen();
      assert.deepEqual(await second.migrate([tables, newer, older]), [older.name]);
    }));

  test('a database of a newer program is refused by name and left as it is', () =>
    withStorage(make, async ({ storage }) => {
      await storage.migrate([tables, newer]);
      await assert.rejects(
        storage.migrate([tables, older]),
        (error) => isFault(error, 'STORAGE_NEWER') && JSON.stringify(error.facts).includes(newer.name),
      );
      assert.deepEqual(await storage.migrate([tables, newer, older]), [older.name]);
    }));

  test('a migration that fails leaves nothing of itself, and those before it stay', () =>
    withStorage(make, async ({ storage }) => {
      await assert.rejects(storage.migrate([tables, older, broken]), (error) => isFault(error));
      const half = { ...broken, changes: broken.changes.slice(0, 1) };
      assert.deepEqual(await storage.migrate([tables, older, half]), [half.name]);
    }));

  test('a lease has one holder, and the same one may renew it', () =>
    withStorage(make, async ({ storage }) => {
      const first = await storage.lease('job', 'ada', 60_000);
      assert.equal(first?.holder, 'ada');
      assert.equal(await storage.lease('job', 'bob', 60_000), undefined);
      assert.equal((await storage.lease('other', 'bob', 60_000))?.name, 'other');
      const renewed = await storage.lease('job', 'ada', 60_000);
      assert.equal(renewed?.fence, first?.fence);
      assert.ok((renewed?.until ?? 0) >= (first?.until ?? 0));
    }));

  test('of many who want a lease at once one gets it', () =>
    withStorage(make, async ({ storage }) => {
      const holders = Array.from({ length: 20 }, (_, index) => `holder ${index}`);
      const leases = await Promise.all(holders.map((holder) => storage.lease('job', holder, 60_000)));
      assert.equal(leases.filter((lease) => lease !== undefined).length, 1);
    }));

  test('a lease that ran out goes to the next, with a higher fence', () =>
    withStorage(make, async ({ storage, advance }) => {
      const first = await storage.lease('job', 'ada', 300);
      assert.equal(await storage.lease('job', 'bob', 300), undefined);
      await advance(320);
      const second = await storage.lease('job', 'bob', 60_000);
      assert.ok(first !== undefined && second !== undefined && second.fence > first.fence);
      assert.equal(await storage.lease('job', 'ada', 80), undefined);
    }));

  test('a released lease goes to the next, and who held it before cannot release it again', () =>
    withStorage(make, async ({ storage }) => {
      const first = await storage.lease('job', 'ada', 60_000);
      assert.ok(first);
      await storage.release(first);
      const second = await storage.lease('job', 'bob', 60_000);
      assert.ok(second !== undefined && second.fence > first.fence);
      await storage.release(first);
      assert.equal(await storage.lease('job', 'cleo', 60_000), undefined);
    }));

  // Attack: the disk is read for the bytes of a key that was destroyed.
  test('what was deleted or overwritten is on the disk no more once it is scrubbed, and all else stays', () =>
    withStorage(make, async ({ storage, files, readsBesideWrites }) => {
      const names = Array.from({ length: 40 }, (_, n) => `somebody-${n}-${'x'.repeat(40)}`);
      const gone = names.filter((_, n) => n % 3 === 0);
      await storage.write(platform, async (tx) => {
        for (const person of names) await tx.run(seats.take, { person, seat: 1 });
      });
      await storage.write(platform, async (tx) => {
        for (const person of gone) await tx.run(seats.drop, { person });
      });
      if (readsBesideWrites) assert.ok(gone.some(foundIn(await files())), 'else nothing is tested');
      assert.equal(await storage.scrub(['seat', 'reading']), true);
      assert.deepEqual(gone.filter(foundIn(await files())), []);
      const left = (await storage.read(platform, (tx) => tx.all(seats.all, {}))).map(({ person }) => person);
      assert.deepEqual(left.sort(), names.filter((name) => !gone.includes(name)).sort());
      await storage.write(platform, (tx) => tx.run(seats.take, { person: 'after', seat: 1 }));
    }));

  test('somebody who reads an older state is not waited for without end: scrubbing says that it is not done', () =>
    withStorage(make, async ({ storage, readsBesideWrites }) => {
      if (!readsBesideWrites) return;
      const read = Promise.withResolvers<void>();
      const begun = Promise.withResolvers<void>();
      const reader = storage.read(platform, async (tx) => {
        await tx.all(seats.all, {});
        begun.resolve();
        await read.promise;
      });
      await begun.promise;
      await storage.write(platform, (tx) => tx.run(seats.take, { person: 'ada', seat: 1 }));
      await storage.write(platform, (tx) => tx.run(seats.drop, { person: 'ada' }));
      assert.equal(await storage.scrub(['seat']), false);
      read.resolve();
      await reader;
      assert.equal(await storage.scrub(['seat']), true);
    }));

  test('scrubbing goes on beside writes, and none of them is lost', () =>
    withStorage(make, async ({ storage }) => {
      const writes = Array.from({ length: 60 }, (_, seat) =>
        storage.write(platform, (tx) => tx.run(seats.take, { person: 'ada', seat })),
      );
      await Promise.all([...writes, storage.scrub(['seat']), storage.scrub(['seat'])]);
      assert.equal((await storage.read(platform, (tx) => tx.one(seats.count, { person: 'ada' })))?.seats, 60);
    }));

  test('a storage answers its probe, finds no fault with itself, and answers nothing more once it is closed', async () => {
    const { storage, close } = await make();
    await storage.migrate([tables]);
    await storage.probe();
    assert.deepEqual(await storage.integrity(), []);
    await close();
    await assert.rejects(
      storage.write(platform, async () => undefined),
      (error) => isFault(error, 'STORAGE_UNAVAILABLE'),
    );
  });
}
