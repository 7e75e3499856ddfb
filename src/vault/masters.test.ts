import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { tenantId } from '../kernel/brand.ts';
import { platform } from '../kernel/tx.ts';
import type { Storage } from '../storage/index.ts';
import { createTestClock } from '../testing/index.ts';
import { backupIdentityOf, createMasterKey, masterIdOf } from './master-key.ts';
import { singleMaster } from './masters.ts';
import {
  assertOpens,
  emptyDatabase,
  expectFault,
  GRACE_MS,
  nobody,
  random,
  sealSome,
  secretKey,
  startProcess,
  textOf,
} from './masters-kit.contract.ts';
import { environmentProvider, memoryProvider } from './provider.ts';
import { inspectShares } from './shares.ts';
import { masterStore } from './store-masters.ts';
import { transitProvider } from './transit.ts';
import { startTransit, type TransitStandIn } from './transit-stand-in.contract.ts';

let storage: Storage;
let transit: TransitStandIn;
beforeEach(async () => {
  storage = await emptyDatabase();
  transit = await startTransit();
});
afterEach(async () => {
  await transit.stop();
  await storage.close();
});

const vaultOfHashi = (key = 'twinkeep') =>
  transitProvider({ kind: 'transit', address: transit.address, token: textOf(secretKey()), mount: 'transit', key });

/** With the stand-in's own token. */
const transitOf = () => {
  const token = { reveal: () => transit.token };
  return transitProvider({ kind: 'transit', address: transit.address, token, mount: 'transit', key: 'twinkeep' }, 500);
};

const rows = () => storage.read(platform, masterStore.all);

test('the first start names the master of the database, and what it wraps opens after the next start', async () => {
  const key = secretKey();
  const first = await startProcess({ storage, provider: environmentProvider(textOf(key)) });
  const sealed = await sealSome(first);
  const [row] = await rows();
  assert.equal(row?.id, masterIdOf(key.reveal()));
  assert.equal(row?.provider, 'environment');
  assert.equal(row?.wrapped, null);
  const second = await startProcess({ storage, provider: environmentProvider(textOf(key)) });
  await assertOpens(second, sealed);
  assert.equal(second.masters.of(null), second.masters.current);
  assert.equal((await rows()).length, 1);
});

// Slip: the wrong key is handed in; a new start with it must not make everything sealed unreadable.
test('another key than the one of the database is refused', async () => {
  await startProcess({ storage, provider: environmentProvider(textOf(secretKey())) });
  const fault = { code: 'VAULT_MASTER_KEY' };
  await assert.rejects(startProcess({ storage, provider: environmentProvider(textOf(secretKey())) }), fault);
  await assert.rejects(startProcess({ storage, provider: memoryProvider(random) }), fault);
  await assert.rejects(startProcess({ storage, provider: transitOf() }), fault);
  assert.equal((await rows()).length, 1);
});

test('under Transit the database holds the master key wrapped alone, and each start has it opened', async () => {
  const first = await startProcess({ storage, provider: transitOf() });
  const sealed = await sealSome(first);
  const [row] = await rows();
  assert.match(Buffer.from(row?.wrapped ?? '').toString(), /^vault:v1:/);
  transit.rotate();
  await assertOpens(await startProcess({ storage, provider: transitOf() }), sealed);
  await assert.rejects(startProcess({ storage, provider: vaultOfHashi() }), { code: 'VAULT_PROVIDER_AWAY' });
  transit.mood = 'sealed';
  await assert.rejects(startProcess({ storage, provider: transitOf() }), { code: 'VAULT_PROVIDER_AWAY' });
  transit.mood = 'other key';
  await assert.rejects(startProcess({ storage, provider: transitOf() }), { code: 'VAULT_MASTER_KEY' });
});

test('while the provider is away open keys go on for the grace, and no key is wrapped or opened', async () => {
  const one = await startProcess({ storage, provider: transitOf() });
  const { masters, clock } = one;
  const id = masters.current.id;
  const tend = async (ms: number): Promise<void> => {
    clock.advance(ms);
    await masters.tend();
  };
  await tend(30_000);
  assert.deepEqual(masters.state, { provider: 'transit', reachable: true, reachedAt: clock.now(), graceMs: GRACE_MS });
  const answered = clock.now();
  transit.mood = 'sealed';
  await tend(5_000);
  assert.equal(masters.state.reachable, true, 'it is asked every 30 s');
  await tend(25_000);
  assert.deepEqual(masters.state, { provider: 'transit', reachable: false, reachedAt: answered, graceMs: GRACE_MS });
  for (const act of [() => masters.current, () => masters.of(id), () => masters.of(null), () => masters.bytes()]) {
    expectFault('VAULT_PROVIDER_AWAY', act);
  }
  masters.assertLent();
  assert.equal(masters.backupIdentities().length, 1, 'a backup is not put off');
  await tend(GRACE_MS - 30_000);
  masters.assertLent();
  clock.advance(1);
  expectFault('VAULT_PROVIDER_AWAY', () => masters.assertLent());
  expectFault('VAULT_PROVIDER_AWAY', () => masters.backupIdentities());
  assert.equal(one.errors.length, 1, 'it is told once');
  const wish = one.acts.makeShares({ threshold: 2, count: 2 }, nobody);
  await assert.rejects(wish, { code: 'VAULT_PROVIDER_AWAY' });
  await assert.rejects(one.rotator.rotate(nobody), { code: 'VAULT_PROVIDER_AWAY' });

  transit.mood = 'well';
  await tend(5_000);
  masters.assertLent();
  assert.equal(masters.current.id, id);
  transit.mood = 'refusing';
  await tend(30_000);
  assert.equal(masters.state.reachable, false, 'a token that is taken back is an outage too');
  transit.mood = 'other key';
  await tend(5_000);
  assert.equal(masters.state.reachable, false);
});

test('keys that are open seal and open while the provider is away, and a tenant who is new does not', async () => {
  const one = await startProcess({ storage, provider: transitOf() });
  const sealed = await sealSome(one);
  transit.mood = 'slow';
  one.clock.advance(30_000);
  await one.masters.tend();
  await assertOpens(one, sealed);
  await assert.rejects(one.vault.fields(tenantId('newcomer')), { code: 'VAULT_PROVIDER_AWAY' });
});

test('two starts at once on an empty database agree on one master', async () => {
  const [a, b] = await Promise.all([
    startProcess({ storage, provider: transitOf() }),
    startProcess({ storage, provider: transitOf() }),
  ]);
  assert.equal(a.masters.current.id, b.masters.current.id);
  assert.equal((await rows()).length, 1);
});

// Attack: shares that never reached a safe silence the warning that the key has no second copy.
test('shares are made of the current key, on record before they leave, and count once they are confirmed', async () => {
  const key = secretKey();
  const one = await startProcess({ storage, provider: environmentProvider(textOf(key)) });
  assert.equal((await one.acts.status()).shares, null);
  const { set, texts } = await one.acts.makeShares({ threshold: 2, count: 3 }, nobody);
  assert.equal((await one.acts.status()).shares, null, 'nobody is known to have them');
  await assert.rejects(one.acts.confirmShares(set === '00000000' ? '00000001' : '00000000', nobody), {
    code: 'VAULT_SHARES',
  });
  assert.equal((await one.acts.status()).shares, null);
  const madeAt = one.clock.now();
  one.clock.advance(1_000);
  await one.acts.confirmShares(set, nobody);
  await one.acts.confirmShares(set, nobody); // the answer to the first was lost
  assert.equal(inspectShares(texts.map((text) => ({ name: 's', text }))).master, masterIdOf(key.reveal()));
  const { id, provider, shares } = await one.acts.status();
  assert.deepEqual(
    { id, provider, shares },
    {
      id: masterIdOf(key.reveal()),
      provider: 'environment',
      shares: { threshold: 2, count: 3, at: madeAt },
    },
  );
  const [entry, next] = one.entries;
  assert.deepEqual([entry?.action, next?.action], ['vault.shares_made', 'vault.shares_confirmed']);
  for (const { facts } of one.entries) assert.deepEqual(facts, { master: id, threshold: 2, count: 3, set });
  await assert.rejects(one.acts.makeShares({ threshold: 1, count: 3 }, nobody), { code: 'VAULT_SHARES' });

  const second = await one.acts.makeShares({ threshold: 3, count: 5 }, nobody);
  assert.deepEqual(
    (await one.acts.status()).shares,
    { threshold: 2, count: 3, at: madeAt },
    'the first are still there',
  );
  await assert.rejects(one.acts.confirmShares(set, nobody), { code: 'VAULT_SHARES' });
  await one.acts.confirmShares(second.set, nobody);
  assert.equal((await one.acts.status()).shares?.count, 5);
});

test('the identity of backups follows from the master key, and is the current one first', async () => {
  const key = secretKey();
  const one = await startProcess({ storage, provider: environmentProvider(textOf(key)), previous: [secretKey()] });
  const identities = one.masters.backupIdentities();
  assert.equal(identities.length, 2);
  assert.deepEqual(identities[0]?.reveal(), backupIdentityOf(key.reveal()));
  assert.equal(identities[0]?.reveal().length, 32);
  assert.notDeepEqual(identities[0]?.reveal(), key.reveal());
});

test('a single master is always there, and no other is', () => {
  const master = createMasterKey(random.bytes(32), random);
  const masters = singleMaster(master);
  assert.equal(masters.of(null), master);
  assert.equal(masters.of(master.id), masters.current);
  masters.assertLent();
  expectFault('VAULT_MASTER_KEY', () => masters.of('0123456789abcdef'));
});

test('a master that nobody here has heard of is learned of meanwhile, and one that is known and not held is refused', async () => {
  const key = secretKey();
  const later = secretKey();
  const one = await startProcess({ storage, provider: environmentProvider(textOf(key)), clock: createTestClock() });
  expectFault('VAULT_PROVIDER_AWAY', () => one.masters.of('0123456789abcdef'));
  one.clock.advance(1);
  await storage.write(platform, (tx) =>
    masterStore.add(tx, { id: masterIdOf(later.reveal()), provider: 'environment', wrapped: null }, one.clock.now()),
  );
  await one.masters.learn();
  expectFault('VAULT_PROVIDER_AWAY', () => one.masters.of(masterIdOf(later.reveal())));
  expectFault('VAULT_PROVIDER_AWAY', () => one.masters.current);
  await storage.write(platform, (tx) => masterStore.retireOthers(tx, masterIdOf(key.reveal()), one.clock.now()));
  await one.masters.learn();
  assert.equal(one.masters.current.id, masterIdOf(key.reveal()));
  expectFault('VAULT_MASTER_KEY', () => one.masters.of(masterIdOf(later.reveal())));
});
