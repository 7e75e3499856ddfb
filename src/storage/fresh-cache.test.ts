import assert from 'node:assert/strict';
import { test } from 'node:test';
import { epochMs } from '../kernel/brand.ts';
import { platform, type Tx } from '../kernel/tx.ts';
import { type Bus, createMemoryBus } from './bus.ts';
import { createFreshCache } from './fresh-cache.ts';
import { createSqliteStorage } from './sqlite.ts';
import type { Dialect } from './storage.ts';

let now = 1_800_000_000_000;
const clock = { now: () => epochMs(now) };
const db = createSqliteStorage({ file: ':memory:', clock });
const change = (work: (tx: Tx) => Promise<void>): Promise<void> => db.write(platform, work);

function make(dialect: Dialect, bus?: Bus, maxEntries = 10) {
  const cache = createFreshCache<string>({ storage: { dialect }, bus, topic: 'test.changed', clock, maxEntries });
  let reads = 0;
  const ask = async (key: string, value: string | undefined = `${key}!`): Promise<string | undefined> =>
    cache.get(key) ??
    cache.load(key, async () => {
      reads++;
      return value;
    });
  return { cache, ask, reads: () => reads };
}

test('a value is read once and then known at once', async () => {
  const { cache, ask, reads } = make('sqlite');
  assert.equal(cache.get('a'), undefined);
  assert.equal(await ask('a'), 'a!');
  assert.equal(cache.get('a'), 'a!');
  now += 86_400_000;
  assert.equal(await ask('a'), 'a!');
  assert.equal(reads(), 1);
});

test('where several processes share the database a value is a second old at most', async () => {
  const { cache, ask, reads } = make('postgres');
  await ask('a');
  now += 1_000;
  assert.equal(cache.get('a'), 'a!');
  now += 1;
  assert.equal(cache.get('a'), undefined);
  await ask('a');
  assert.equal(reads(), 2);
  now -= 1;
  assert.equal(cache.get('a'), undefined, 'a clock that went back makes nothing young');
});

// Attack: somebody asks for what does not exist, again and again, until the memory is full.
test('what is not there is not kept', async () => {
  const { cache, reads } = make('sqlite');
  for (let round = 0; round < 2; round++) assert.equal(await cache.load('a', async () => undefined), undefined);
  assert.equal(cache.get('a'), undefined);
  assert.equal(reads(), 0);
});

test('past its bound the oldest value goes, and one that was read again is not the oldest', async () => {
  const { cache, ask } = make('sqlite', undefined, 2);
  await ask('a');
  await ask('b');
  await cache.load('a', async () => 'again');
  await ask('c');
  assert.deepEqual([cache.get('a'), cache.get('b'), cache.get('c')], ['again', undefined, 'c!']);
});

test('a drop is seen before the change is answered, here and by everybody on the bus', async () => {
  const bus = createMemoryBus();
  const [here, there] = [make('postgres', bus), make('postgres', bus)];
  for (const { ask } of [here, there]) for (const key of ['a', 'b']) await ask(key);
  await change(async (tx) => {
    here.cache.drop(tx, 'a');
    assert.equal(here.cache.get('a'), undefined, 'work of the same write must not use it any more');
    assert.equal(there.cache.get('a'), 'a!', 'the write may still fail');
  });
  for (const { cache } of [here, there]) assert.deepEqual([cache.get('a'), cache.get('b')], [undefined, 'b!']);
  await change(async (tx) => there.cache.drop(tx));
  for (const { cache } of [here, there]) assert.equal(cache.get('b'), undefined);
});

test('a change that fails is told to nobody else', async () => {
  const bus = createMemoryBus();
  const [here, there] = [make('postgres', bus), make('postgres', bus)];
  await there.ask('a');
  const failing = change(async (tx) => {
    here.cache.drop(tx, 'a');
    throw new Error('undone');
  });
  await assert.rejects(failing, /undone/);
  assert.equal(there.cache.get('a'), 'a!');
});

// Attack: a request that reads while a right is being taken away keeps the right alive in memory.
test('what was read while something was dropped is answered and not kept', async () => {
  const { cache } = make('sqlite', createMemoryBus());
  const old = await cache.load('a', async () => {
    await change(async (tx) => cache.drop(tx, 'a'));
    return 'old';
  });
  assert.deepEqual([old, cache.get('a')], ['old', undefined]);
  const keep = cache.reading('a');
  await change(async (tx) => cache.drop(tx, 'another'));
  keep('old');
  assert.equal(cache.get('a'), undefined);
});

test('a bus that is away fails no change', async () => {
  const broken: Bus = { ...createMemoryBus(), publish: () => Promise.reject(new Error('away')) };
  const { cache, ask } = make('postgres', broken);
  await ask('a');
  await change(async (tx) => cache.drop(tx, 'a'));
  assert.equal(cache.get('a'), undefined);
});

// Attack: a right is taken away while the word of it is lost, and lives on in the memory of another thread.
test('a gap on the bus drops everything, what is being read included', async () => {
  const bus = createMemoryBus();
  const { cache, ask } = make('sqlite', bus);
  await ask('a');
  const keep = cache.reading('b');
  bus.miss();
  keep('old');
  assert.deepEqual([cache.get('a'), cache.get('b')], [undefined, undefined]);
});

test('on a bus that can lose, a value is a second old at most on SQLite too', async () => {
  const { cache, ask } = make('sqlite', { ...createMemoryBus(), canLose: true });
  await ask('a');
  now += 1_000;
  assert.equal(cache.get('a'), 'a!');
  now += 1;
  assert.equal(cache.get('a'), undefined);
});
