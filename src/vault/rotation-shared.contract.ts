import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as immediate } from 'node:timers/promises';
import { seconds } from '../kernel/clock.ts';
import { createMemoryBus, type Storage } from '../storage/index.ts';
import type { TestClock } from '../testing/index.ts';
import {
  ahead,
  createFakeMasters,
  NORTH,
  type Node,
  noteTable,
  OPERATOR,
  openNode,
  place,
  readNotes,
  textOf,
  versionOf,
  writeNote,
} from './keys-kit.contract.ts';
import { vaultMigrations } from './migrations/index.ts';

/** Two storages on one empty database, as two processes have them. */
export interface SharedDatabase {
  readonly here: Storage;
  readonly there: Storage;
  readonly clock: TestClock;
  close(): Promise<void>;
}

interface Pair extends SharedDatabase {
  readonly one: Node;
  readonly other: Node;
}

const rotate = ({ keys }: Node) => keys.rotate({ tenant: NORTH, reason: 'manual' }, OPERATOR);
const settle = () => new Promise((resolve) => setTimeout(resolve, 50));

/** What holds for processes that share a database. @param make gives an empty one */
export function sharedRotation(make: () => Promise<SharedDatabase>): void {
  const withPair = async (work: (pair: Pair) => Promise<void>, bus = createMemoryBus()): Promise<void> => {
    const database = await make();
    const { here, there, clock } = database;
    const masters = createFakeMasters();
    try {
      await here.migrate([...vaultMigrations, noteTable]);
      const one = await openNode({ storage: here, clock, masters, bus });
      const other = await openNode({ storage: there, clock, masters, bus });
      await work({ ...database, one, other });
    } finally {
      await database.close();
    }
  };
  const deaf = () => ({ ...createMemoryBus(), canLose: true, publish: async () => undefined }); // loses every word

  test('two processes that ask for a first key at once get the same', async () => {
    await withPair(async ({ one, other }) => {
      const [a, b] = await Promise.all([one.vault.fields(NORTH), other.vault.fields(NORTH)]);
      assert.equal(a.version, b.version);
      assert.equal(b.open(place, a.seal(place, 'x')), 'x');
    });
  });

  test('a new key is opened with by all before it is sealed with by any', async () => {
    await withPair(async ({ one, other, clock }) => {
      const [a, b] = [await one.vault.fields(NORTH), await other.vault.fields(NORTH)];
      const [done] = await rotate(one);
      assert.equal(done?.active_at, clock.now() + seconds(5));
      assert.equal(a.version, done?.old_version);
      const [, made] = (await one.keys.status(NORTH)).versions;
      assert.equal(made?.state, 'pending');
      await settle(); // the bus has told, and the other has asked
      clock.advance(seconds(5));
      assert.equal(a.version, done?.new_version);
      assert.equal(b.open(place, a.seal(place, 'x')), 'x');
      assert.equal(b.version, done?.new_version);
    });
  });

  test('where the bus loses every word a poll a second is enough', async () => {
    await withPair(async ({ one, other, clock }) => {
      const [a, b] = [await one.vault.fields(NORTH), await other.vault.fields(NORTH)];
      await rotate(one);
      for (let second = 0; second < 5; second++) {
        clock.advance(seconds(1));
        await other.vault.dataKeys.refresh();
      }
      assert.equal(b.open(place, a.seal(place, 'x')), 'x');
      assert.equal(a.version, b.version);
    }, deaf());
  });

  test('whoever asks for the sealer after a read can open what it read, without any poll', async () => {
    await withPair(async ({ one, other, clock }) => {
      const a = await one.vault.fields(NORTH);
      await other.vault.fields(NORTH);
      const [done] = await rotate(one);
      clock.advance(seconds(5));
      const sealed = a.seal(place, 'x');
      assert.equal(versionOf(sealed), done?.new_version);
      assert.equal((await other.vault.fields(NORTH)).open(place, sealed), 'x');
    }, deaf());
  });

  // Attack: a key is destroyed at one process because it leaked, and another goes on opening what it sealed.
  test('a destroyed key opens nothing anywhere, at once with the bus and within a second without', async () => {
    for (const bus of [createMemoryBus(), deaf()]) {
      await withPair(async ({ one, other, clock }) => {
        const sealed = (await one.vault.fields(NORTH)).seal(place, 'x');
        const held = await other.vault.fields(NORTH);
        await rotate(one);
        clock.advance(seconds(120));
        assert.equal(held.open(place, sealed), 'x');
        await one.keys.destroy(NORTH, versionOf(sealed), { externalRewrapped: false }, OPERATOR);
        if (bus.canLose) await other.vault.dataKeys.refresh();
        else await settle();
        assert.throws(() => held.open(place, sealed), { code: 'VAULT_KEY_UNKNOWN' });
      }, bus);
    }
  });

  test('no read and no write fails in either process while keys rotate, though the bus loses every word', async () => {
    await withPair(async ({ here, there, clock, one }) => {
      const masters = one.vault.masters;
      const late = await openNode({ storage: there, clock: ahead(clock, -1_000), masters, bus: deaf() });
      const nodes = [
        { node: one, storage: here },
        { node: late, storage: there },
      ];
      let stop = false;
      let written = 0;
      const write = async (name: string, { node, storage }: (typeof nodes)[number]): Promise<void> => {
        for (let n = 0; !stop; n++, written++) await writeNote(node, storage, `${name}-${n}`, textOf(`${name}-${n}`));
      };
      const read = async ({ node, storage }: (typeof nodes)[number]): Promise<void> => {
        for (; !stop; await immediate()) await readNotes(node, storage);
      };
      const load = Promise.all(nodes.flatMap((each, at) => [write(`a${at}`, each), write(`b${at}`, each), read(each)]));
      const versions = new Set<string>();
      for (let step = 0; step < 60; step++) {
        if (step % 10 === 0) for (const { new_version } of await rotate(one)) versions.add(new_version);
        clock.advance(seconds(1));
        await Promise.all(nodes.map(({ node }) => node.vault.dataKeys.refresh()));
        const until = written + 4;
        while (written < until) await immediate();
      }
      stop = true;
      await load;
      assert.equal(versions.size, 6);
      for (const { node, storage } of nodes) assert.equal(await readNotes(node, storage, 100_000), written);
    }, deaf());
  });

  test('what is due is rotated once however many processes look', async () => {
    await withPair(async ({ one, other, clock }) => {
      await one.vault.fields(NORTH);
      clock.advance(seconds(30 * 86_400));
      await Promise.all([one.keys.rotateDue(), other.keys.rotateDue()]);
      assert.equal((await one.keys.status(NORTH)).versions.length, 2);
    });
  });
}
