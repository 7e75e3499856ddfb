import assert from 'node:assert/strict';
import { test } from 'node:test';
import { platform, type Tx } from '../kernel/tx.ts';
import { expectFault, type MakeStorage, seats, withStorage } from './storage-kit.contract.ts';

const numbers = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

export function writesContract(make: MakeStorage): void {
  test('a read may not write', () =>
    withStorage(make, async ({ storage }) => {
      const ada = { person: 'ada', seat: 1 };
      await expectFault(
        'STORAGE_SCOPE',
        storage.read(platform, (tx) => tx.run(seats.take, ada)),
      );
      await expectFault(
        'STORAGE_SCOPE',
        storage.read(platform, (tx) => tx.insert(seats.takeFree, [ada])),
      );
      await expectFault(
        'STORAGE_SCOPE',
        storage.read(platform, (tx) => tx.insert(seats.takeFree, [])),
      );
      assert.deepEqual(await storage.read(platform, (tx) => tx.all(seats.all, {})), []);
    }));

  test('a write returns what its work returns, and sees what it wrote', () =>
    withStorage(make, async ({ storage }) => {
      const counted = await storage.write(platform, async (tx) => {
        assert.equal(await tx.run(seats.take, { person: 'ada', seat: 1 }), 1);
        assert.equal(await tx.run(seats.move, { person: 'ada' }), 1);
        assert.equal(await tx.run(seats.move, { person: 'nobody' }), 0);
        return tx.one(seats.count, { person: 'ada' });
      });
      assert.deepEqual(counted, { seats: 1 });
      assert.deepEqual(await storage.read(platform, (tx) => tx.all(seats.all, {})), [{ person: 'ada', seat: 2 }]);
    }));

  test('of fifty writes at once those that fail leave nothing, and the others are there', () =>
    withStorage(make, async ({ storage }) => {
      const effects: number[] = [];
      const answers = await Promise.allSettled(
        numbers(50).map((seat) =>
          storage.write(platform, async (tx) => {
            tx.afterCommit(() => effects.push(seat));
            await tx.run(seats.take, { person: 'ada', seat });
            if (seat % 3 === 0) throw new Error('changed my mind');
            await tx.run(seats.take, { person: 'bob', seat });
          }),
        ),
      );
      const kept = numbers(50).filter((seat) => seat % 3 !== 0);
      const there = await storage.read(platform, (tx) => tx.all(seats.all, {}));
      assert.deepEqual(
        there,
        ['ada', 'bob'].flatMap((person) => kept.map((seat) => ({ person, seat }))),
      );
      assert.deepEqual(
        answers.map(({ status }) => status === 'fulfilled'),
        numbers(50).map((seat) => seat % 3 !== 0),
      );
      assert.deepEqual(
        effects.toSorted((a, b) => a - b),
        kept,
      );
    }));

  test('the error of the work is the error of the write', () =>
    withStorage(make, async ({ storage }) => {
      const mine = new Error('mine');
      const failing = storage.write(platform, () => Promise.reject(mine));
      await assert.rejects(failing, (error) => error === mine);
      const reading = storage.read(platform, () => Promise.reject(mine));
      await assert.rejects(reading, (error) => error === mine);
    }));

  test('a read sees nothing of a write that failed or has not ended', () =>
    withStorage(make, async ({ storage }) => {
      let seen: Promise<unknown> = Promise.resolve();
      const failing = storage.write(platform, async (tx) => {
        await tx.run(seats.take, { person: 'ada', seat: 1 });
        seen = storage.read(platform, (other) => other.all(seats.all, {}));
        await tx.run(seats.move, { person: 'ada' });
        throw new Error('changed my mind');
      });
      await assert.rejects(failing);
      assert.deepEqual(await seen, []);
    }));

  test('a read stays on the state it began with', () =>
    withStorage(make, async ({ storage, readsBesideWrites }) => {
      if (!readsBesideWrites) return;
      await storage.read(platform, async (tx) => {
        assert.deepEqual(await tx.one(seats.count, { person: 'ada' }), { seats: 0 });
        await storage.write(platform, (other) => other.run(seats.take, { person: 'ada', seat: 1 }));
        assert.deepEqual(await tx.one(seats.count, { person: 'ada' }), { seats: 0 });
      });
      const later = await storage.read(platform, (tx) => tx.one(seats.count, { person: 'ada' }));
      assert.deepEqual(later, { seats: 1 });
    }));

  test('effects run after the commit and before the caller goes on', () =>
    withStorage(make, async ({ storage }) => {
      const order: string[] = [];
      await storage.write(platform, async (tx) => {
        tx.afterCommit(() => order.push('effect'));
        await tx.run(seats.take, { person: 'ada', seat: 1 });
        order.push('work');
      });
      order.push('caller');
      assert.deepEqual(order, ['work', 'effect', 'caller']);
    }));

  // Attack: many sign-ins at once slip past a limit that is counted before it is used.
  test('sixteen at once who insert only if fewer than three are there never make more than three', () =>
    withStorage(make, async ({ storage }) => {
      const takeSeat = (seat: number): Promise<boolean> =>
        storage.write(platform, async (tx) => {
          const [counted] = await tx.all(seats.count, { person: 'ada' });
          if (counted === undefined || counted.seats >= 3) return false;
          await tx.run(seats.take, { person: 'ada', seat });
          return true;
        });
      const taken = await Promise.all(numbers(16).map(takeSeat));
      assert.equal(taken.filter(Boolean).length, 3);
      const counted = await storage.read(platform, (tx) => tx.one(seats.count, { person: 'ada' }));
      assert.deepEqual(counted, { seats: 3 });
    }));

  test('many who change the same row at once all count', () =>
    withStorage(make, async ({ storage }) => {
      await storage.write(platform, (tx) => tx.run(seats.take, { person: 'ada', seat: 0 }));
      await Promise.all(numbers(100).map(() => storage.write(platform, (tx) => tx.run(seats.move, { person: 'ada' }))));
      assert.deepEqual(await storage.read(platform, (tx) => tx.all(seats.all, {})), [{ person: 'ada', seat: 100 }]);
    }));

  test('five hundred writes at once are all kept', () =>
    withStorage(make, async ({ storage }) => {
      const take = (seat: number): Promise<number> =>
        storage.write(platform, (tx) => tx.run(seats.take, { person: 'ada', seat }));
      await Promise.all(numbers(500).map(take));
      const counted = await storage.read(platform, (tx) => tx.one(seats.count, { person: 'ada' }));
      assert.deepEqual(counted, { seats: 500 });
    }));

  test('an insertion leaves out what its key already holds, also among its own rows, and says which', () =>
    withStorage(make, async ({ storage }) => {
      const rowsOf = (...taken: number[]) => taken.map((seat) => ({ person: 'ada', seat }));
      const insert = (...taken: number[]): Promise<number[]> =>
        storage.write(platform, (tx) => tx.insert(seats.takeFree, rowsOf(...taken)));
      assert.deepEqual(await insert(), []);
      assert.deepEqual(await insert(1, 2, 3), []);
      assert.deepEqual(await insert(3, 4, 4, 1, 5, 4), [0, 2, 3, 5]);
      assert.deepEqual(await insert(1, 2, 3), [0, 1, 2]);
      assert.deepEqual(await storage.read(platform, (tx) => tx.all(seats.all, {})), rowsOf(1, 2, 3, 4, 5));
    }));

  test('an insertion of many rows says which were left out, wherever they stand', () =>
    withStorage(make, async ({ storage }) => {
      const rows = numbers(12_000).map((index) => ({ person: 'ada', seat: index % 11_000 }));
      const leftOut = await storage.write(platform, (tx) => tx.insert(seats.takeFree, rows));
      assert.deepEqual(
        leftOut,
        numbers(1_000).map((index) => 11_000 + index),
      );
    }));

  test('a duplicate without a key to leave it out is a conflict, and nothing of that write stays', () =>
    withStorage(make, async ({ storage }) => {
      const ada = { person: 'ada', seat: 1 };
      await storage.write(platform, (tx) => tx.run(seats.take, ada));
      const again = storage.write(platform, async (tx) => {
        await tx.run(seats.take, { person: 'bob', seat: 1 });
        await tx.run(seats.take, ada);
      });
      await expectFault('STORAGE_CONFLICT', again);
      const many = { ...seats.takeFree, unless: [] };
      const twice = [{ person: 'bob', seat: 1 }, ada];
      await expectFault(
        'STORAGE_CONFLICT',
        storage.write(platform, (tx) => tx.insert(many, twice)),
      );
      assert.deepEqual(await storage.read(platform, (tx) => tx.all(seats.all, {})), [ada]);
    }));

  test('a transaction is of no use after its end', () =>
    withStorage(make, async ({ storage }) => {
      const kept: Tx[] = [];
      await storage.write(platform, async (tx) => void kept.push(tx));
      await storage.read(platform, async (tx) => void kept.push(tx));
      await assert.rejects(
        storage.write(platform, async (tx) => {
          kept.push(tx);
          throw new Error('changed my mind');
        }),
      );
      assert.equal(kept.length, 3);
      for (const tx of kept) {
        await expectFault('STORAGE_SCOPE', tx.all(seats.all, {}));
        await expectFault('STORAGE_SCOPE', tx.run(seats.take, { person: 'ada', seat: 1 }));
        await expectFault('STORAGE_SCOPE', tx.insert(seats.takeFree, [{ person: 'ada', seat: 1 }]));
      }
    }));
}
