import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { checksum6 } from '../crypto/index.ts';
import { isFault } from '../kernel/errors.ts';
import type { ApiKeyPrincipal } from '../kernel/principal.ts';
import { type Bus, createMemoryBus, createSqliteStorage, type Storage } from '../storage/index.ts';
import { createTestClock } from '../testing/index.ts';
import { apiKeyMigrations } from './index.ts';
import {
  allowed,
  createLegacyKit,
  hashed,
  type LegacyKit,
  type LegacyKitOptions,
  north,
  operator,
  roundsOf,
} from './legacy-kit.contract.ts';
import type { LegacyGuard } from './legacy-verify.ts';

const ONE = 'one-key-that-stands-alone';
const TWO = ['two-keys-that-begin-alike/1', 'two-keys-that-begin-alike/2'] as const;
const RARE = 'rare-key-of-a-higher-cost';

let file: Readonly<Record<string, string | readonly string[]>>;
before(async () => {
  file = {
    [ONE.slice(0, 8)]: await hashed(ONE, 5),
    [TWO[0].slice(0, 8)]: [await hashed(TWO[0], 4), await hashed(TWO[1], 6)],
    [RARE.slice(0, 8)]: await hashed(RARE, 7),
  };
});

const opened: Storage[] = [];
after(() => Promise.all(opened.map((storage) => storage.close())));

async function newStorage(): Promise<Storage> {
  const storage = createSqliteStorage({ file: ':memory:', clock: createTestClock() });
  opened.push(storage);
  await storage.migrate(apiKeyMigrations);
  return storage;
}

async function newKit(options: Partial<LegacyKitOptions> = {}): Promise<LegacyKit> {
  const kit = createLegacyKit({ storage: await newStorage(), ...options });
  await kit.take(file);
  return kit;
}

const verify = async (kit: LegacyKit, key: string, guard?: LegacyGuard): Promise<ApiKeyPrincipal> =>
  kit.apiKeys.verify(key, guard);
const refused = (kit: LegacyKit, key: string, guard?: LegacyGuard) =>
  assert.rejects(verify(kit, key, guard), (error) => isFault(error, 'APIKEY_INVALID'));

function countingGuard() {
  const calls: string[] = [];
  return {
    ...{ calls, lane: 'here' },
    beforeSlow: () => void calls.push('slow'),
    giveBack: () => void calls.push('back'),
  };
}

test('a key takes its slow hash once, and is then known at once', async () => {
  const kit = await newKit();
  const first = await verify(kit, ONE);
  assert.deepEqual(kit.costs, [5]);
  const again = kit.apiKeys.verify(ONE);
  assert.ok(!(again instanceof Promise), 'without a turn of the event loop');
  assert.equal(again, first);
  assert.deepEqual(kit.costs, [5]);
});

// Attack: the time of a refusal tells which prefixes have a key, and how many (D12).
test('every bad key takes the same rounds, whatever it begins with and however long it is', async () => {
  const kit = await newKit();
  const wrong = [
    ...['unknown-prefix-of-a-key', `${ONE}x`, `${TWO[0]}x`, `${RARE}x`, ONE.slice(0, 8), ONE.slice(0, 7), '', 'x'],
    ...['x'.repeat(72), ONE.padEnd(73, 'x'), 'x'.repeat(5_000), `${ONE.slice(0, 8)}é`, `${ONE}\n`, `${ONE}\0`, 'tk_'],
  ];
  for (const key of wrong) {
    kit.costs.length = 0;
    await refused(kit, key);
    assert.equal(roundsOf(kit.costs), 2 ** 7, JSON.stringify(key.slice(0, 40)));
  }
});

test('the rounds of a bad key follow the keys that there are', async () => {
  const kit = await newKit();
  const rare = await verify(kit, RARE);
  await kit.apiKeys.revoke(operator, north, rare.apiKeyId);
  kit.costs.length = 0;
  await refused(kit, 'unknown-prefix-of-a-key');
  assert.equal(roundsOf(kit.costs), 2 ** 4 + 2 ** 6);
});

test('where there is no legacy key nothing is hashed and nobody is counted', async () => {
  const kit = createLegacyKit({ storage: await newStorage() });
  const guard = countingGuard();
  for (const key of [ONE, '', 'x'.repeat(5_000)]) await refused(kit, key, guard);
  assert.throws(() => kit.apiKeys.verify(ONE), { code: 'APIKEY_INVALID' });
  assert.deepEqual([kit.costs, guard.calls], [[], []]);
});

test('a mistyped key of our own form is no legacy key: it is not hashed', async () => {
  const kit = await newKit();
  const guard = countingGuard();
  const body = `tk_${'a'.repeat(12)}_${'b'.repeat(43)}`;
  const wrongEnd = checksum6(body) === '000000' ? '000001' : '000000';
  await refused(kit, body + wrongEnd, guard);
  assert.deepEqual([kit.costs, guard.calls], [[], []]);
});

// Attack: a new made-up key with every request, each worth a slow hash (D01).
test('the guard is asked before any slow hash, and gets back what it counted for a key that was good', async () => {
  const kit = await newKit();
  const guard = countingGuard();
  await verify(kit, ONE, guard);
  await verify(kit, ONE, guard);
  await refused(kit, 'unknown-prefix-of-a-key', guard);
  assert.deepEqual(guard.calls, ['slow', 'back', 'slow']);
  kit.costs.length = 0;
  const full = { lane: 'here', beforeSlow: () => Promise.reject(new Error('too many')), giveBack: assert.fail };
  await assert.rejects(verify(kit, TWO[0], full), /too many/);
  assert.deepEqual(kit.costs, []);
  assert.equal((await verify(kit, ONE, full)).tenantId, north, 'what has proved itself is asked nothing');
});

test('a key that is nothing but its prefix is refused: lists and logs would show all of it', async () => {
  const kit = createLegacyKit({ storage: await newStorage() });
  const [short, longest, longer] = ['eightchr', 'l'.repeat(72), 'm'.repeat(73)];
  await kit.take({
    [short]: await hashed(short),
    llllllll: await hashed(longest),
    mmmmmmmm: await hashed(longer),
    'with spa': await hashed('with spaces in it'),
  });
  await refused(kit, short);
  await refused(kit, longer);
  assert.equal((await verify(kit, longest)).tenantId, north);
  assert.equal((await verify(kit, 'with spaces in it')).tenantId, north);
});

// Attack: whoever reads along on the bus or in the audit log finds keys that work (D03).
test('no key and no hash stands in a list, on the bus or in the audit log', async () => {
  const told: unknown[] = [];
  const bus: Bus = createMemoryBus();
  const listening: Bus = {
    ...bus,
    publish: (topic, message) => {
      told.push([topic, message]);
      return bus.publish(topic, message);
    },
  };
  const kit = await newKit({ bus: listening });
  const { apiKeyId } = await verify(kit, ONE);
  await refused(kit, 'unknown-prefix-of-a-key');
  await kit.apiKeys.flushUse();
  const listed = await kit.apiKeys.list(north);
  await kit.apiKeys.revoke(operator, north, apiKeyId);
  assert.ok(told.length > 0 && kit.entries.length === 2);
  const seen = JSON.stringify([told, kit.entries, listed]);
  assert.ok(!seen.includes(ONE.slice(8)) && !seen.includes('$2b$') && !seen.includes('unknown-prefix'));
});

// Attack: a key is revoked while its hash is under way, and slips in behind it.
test('a key that is revoked while it is hashed is refused', async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const kit = await newKit({ gate: () => promise });
  const pending = verify(kit, ONE);
  pending.catch(() => undefined);
  while (kit.costs.length === 0) await new Promise(setImmediate);
  const id = (await kit.apiKeys.list(north)).find(({ prefix }) => prefix === ONE.slice(0, 8))?.id;
  await kit.apiKeys.revoke(operator, north, id ?? assert.fail());
  resolve();
  await assert.rejects(pending, { code: 'APIKEY_INVALID' });
});

// Attack: a key that was revoked at one node is used at another, which has proved it before.
test('where several processes share the database a revoked key ends everywhere, with the bus at once and else in a second', async () => {
  const storage: Storage = { ...(await newStorage()), dialect: 'postgres' };
  const clock = createTestClock();
  const bus = createMemoryBus();
  const node = (own: Bus) => createLegacyKit({ storage, clock, bus: own });
  const [here, near, far] = [node(bus), node(bus), node(createMemoryBus())];
  await here.take(file);
  const { apiKeyId } = await verify(here, ONE);
  for (const each of [near, far]) assert.equal((await verify(each, ONE)).apiKeyId, apiKeyId);
  await here.apiKeys.revoke(operator, north, apiKeyId);
  for (const each of [here, near]) await refused(each, ONE);
  clock.advance(1_001);
  await refused(far, ONE);
});

test('a key that has proved itself is looked up again after a second, and never hashed again', async () => {
  const storage: Storage = { ...(await newStorage()), dialect: 'postgres' };
  const kit = createLegacyKit({ storage });
  await kit.take(file);
  await verify(kit, ONE);
  kit.clock.advance(60_000);
  await verify(kit, ONE);
  assert.deepEqual(kit.costs, [5]);
});

test('our own keys are verified beside legacy ones, and take no slow hash', async () => {
  const kit = await newKit();
  const wish = { name: 'own', scopes: ['read'], lifeMs: undefined };
  const { key, text } = await kit.apiKeys.create(operator, north, wish, allowed);
  assert.equal((await verify(kit, text)).apiKeyId, key.id);
  assert.deepEqual(kit.costs, []);
});
