import assert from 'node:assert/strict';
import { availableParallelism } from 'node:os';
import { after, test } from 'node:test';
import { isFault } from '../kernel/errors.ts';
import { createSqliteStorage, type Storage } from '../storage/index.ts';
import { createTestClock } from '../testing/index.ts';
import { apiKeyMigrations } from './index.ts';
import { createLegacyKit, hashed, type LegacyKit, type LegacyKitOptions } from './legacy-kit.contract.ts';
import type { LegacyGuard } from './legacy-verify.ts';

const ONE = 'one-key-that-stands-alone';
const RUNNING = Math.max(1, availableParallelism() >> 1);

const opened: Storage[] = [];
after(() => Promise.all(opened.map((storage) => storage.close())));

async function newKit(options: Partial<LegacyKitOptions> = {}, keys: readonly string[] = [ONE]): Promise<LegacyKit> {
  const storage = createSqliteStorage({ file: ':memory:', clock: createTestClock() });
  opened.push(storage);
  await storage.migrate(apiKeyMigrations);
  const kit = createLegacyKit({ storage, ...options });
  const pairs = keys.map(async (key) => [key.slice(0, 8), await hashed(key)] as const);
  await kit.take(Object.fromEntries(await Promise.all(pairs)));
  return kit;
}

/** Counts attempts as the limiter does: so many bad ones, and no more. */
function attempts(lane: string, most = Number.POSITIVE_INFINITY) {
  const guard = {
    ...{ lane, taken: 0, highest: 0 },
    beforeSlow: () => {
      if (guard.taken >= most) throw new Error('too many attempts');
      guard.taken += 1;
      guard.highest = Math.max(guard.highest, guard.taken);
    },
    giveBack: () => {
      guard.taken -= 1;
    },
  };
  return guard;
}

const codeOf = (kit: LegacyKit, key: string, guard: LegacyGuard): Promise<string> =>
  Promise.resolve()
    .then(() => kit.apiKeys.verify(key, guard))
    .then(
      () => 'good',
      (error) => (isFault(error) ? error.code : error.message),
    );

const turn = () => new Promise(setImmediate);
const invented = (count: number, of: string): readonly string[] =>
  Array.from({ length: count }, (_, at) => `made-up-key-${of}-${at}`);

/** A gate in front of every hash, opened for one at a time. */
function createGate() {
  const waiting: (() => void)[] = [];
  let isOpen = false;
  return {
    waiting,
    pass: () => (isOpen ? Promise.resolve() : new Promise<void>((resolve) => waiting.push(resolve))),
    open: () => {
      isOpen = true;
      for (const next of waiting.splice(0)) next();
    },
  };
}

// Attack: 90 invented keys from one address keep everybody's legacy keys waiting for 45 seconds.
test('one address has four keys waiting or hashed, and a key of another waits for those that run and no longer', async () => {
  const gate = createGate();
  const kit = await newKit({ gate: gate.pass });
  const flood = attempts('attacker');
  const answers = invented(90, 'flood').map((key) => codeOf(kit, key, flood));
  while (kit.costs.length < Math.min(RUNNING, 4)) await turn();
  const good = codeOf(kit, ONE, attempts('fleet'));
  for (let each = 0; each < 20; each++) await turn();
  gate.waiting.shift()?.();
  while (kit.costs.length < Math.min(RUNNING, 4) + 1) await turn();
  gate.waiting.pop()?.(); // the last that began is the key of the other address
  assert.equal(await good, 'good');
  gate.open();
  const codes = await Promise.all(answers);
  assert.deepEqual(
    ['APIKEY_INVALID', 'CRYPTO_BUSY'].map((code) => codes.filter((each) => each === code).length),
    [4, 86],
  );
  assert.equal(flood.taken, 4, 'those that were not looked at were not counted');
});

test('a fleet behind one address gets in when it starts, each key hashed once, though only a hundred bad ones may try', async () => {
  const keys = Array.from({ length: 150 }, (_, at) => `${String(at).padStart(8, '0')}-key-of-a-machine`);
  const kit = await newKit({}, keys);
  const guard = attempts('fleet', 100);
  const getIn = async (key: string): Promise<string> => {
    for (;;) {
      const code = await codeOf(kit, key, guard);
      if (code !== 'CRYPTO_BUSY') return code;
      await turn();
    }
  };
  const codes = await Promise.all(keys.map(getIn));
  assert.deepEqual(new Set(codes), new Set(['good']));
  assert.equal(kit.costs.length, keys.length);
  assert.equal(guard.taken, 0);
  assert.ok(guard.highest <= 4, 'only what is hashed is counted');
});

// Attack: an address is blocked while its keys wait, and those are hashed nevertheless.
test('a key is asked for again when its turn comes, and not hashed where its address was blocked meanwhile', async () => {
  const gate = createGate();
  const kit = await newKit({ gate: gate.pass });
  let blocked = false;
  const guard = attempts('attacker');
  const beforeSlow = () => {
    if (blocked) throw new Error('blocked');
    guard.beforeSlow();
  };
  const holding = invented(RUNNING, 'else').map((key, at) => codeOf(kit, key, attempts(`other ${at}`)));
  while (kit.costs.length < RUNNING) await turn();
  const answers = invented(4, 'flood').map((key) => codeOf(kit, key, { ...guard, beforeSlow }));
  await turn();
  blocked = true;
  gate.open();
  assert.deepEqual(new Set(await Promise.all(answers)), new Set(['blocked']));
  assert.deepEqual(new Set(await Promise.all(holding)), new Set(['APIKEY_INVALID']));
  assert.deepEqual([kit.costs.length, guard.taken], [RUNNING, 0]);
});

test('an attempt is given back when the key could not be checked', async () => {
  const kit = await newKit({ gate: () => Promise.reject(new Error('storage is away')) });
  const guard = attempts('here', 1);
  for (const key of [ONE, 'unknown-prefix-of-a-key', ONE])
    assert.equal(await codeOf(kit, key, guard), 'storage is away');
  assert.equal(guard.taken, 0);
});

test('the same key many times at once is hashed once and counted once, and of two addresses each by itself', async () => {
  const gate = createGate();
  const kit = await newKit({ gate: gate.pass });
  const [here, there] = [attempts('here'), attempts('there', 0)];
  const many = Array.from({ length: 50 }, () => codeOf(kit, 'unknown-prefix-of-a-key', here));
  while (kit.costs.length < 1) await turn();
  // Attack: whoever may not try any more gets the answer of somebody who may.
  const other = codeOf(kit, 'unknown-prefix-of-a-key', there);
  await turn();
  gate.open();
  assert.deepEqual([new Set(await Promise.all(many)), await other], [new Set(['APIKEY_INVALID']), 'too many attempts']);
  assert.deepEqual([kit.costs.length, here.taken, here.highest], [1, 1, 1]);
});

test('a good key that comes from many addresses at once is hashed by the first, or by those that run beside it', async () => {
  const kit = await newKit();
  const guards = Array.from({ length: 40 }, (_, at) => attempts(`address ${at}`));
  const codes = await Promise.all(guards.map((guard) => codeOf(kit, ONE, guard)));
  assert.deepEqual(new Set(codes), new Set(['good']));
  assert.ok(kit.costs.length <= RUNNING);
  assert.ok(guards.every(({ taken }) => taken === 0));
});

// Attack: so many bad keys at once, from so many addresses, that people can't sign in, or the memory fills up.
test('only so many keys wait for their hash, whatever their addresses; the others are told to come back', async () => {
  const gate = createGate();
  const kit = await newKit({ gate: gate.pass });
  const keys = invented(RUNNING + 64 + 5, 'many');
  const answers = keys.map((key, at) => codeOf(kit, key, attempts(`address ${at}`)));
  while (kit.costs.length < RUNNING) await turn();
  gate.open();
  const codes = await Promise.all(answers);
  assert.equal(codes.filter((code) => code === 'CRYPTO_BUSY').length, 5);
  assert.equal(codes.filter((code) => code === 'APIKEY_INVALID').length, RUNNING + 64);
  assert.equal(await codeOf(kit, ONE, attempts('here')), 'good');
});
