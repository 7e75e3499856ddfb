import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createCors, nativeFace, type Route } from '../http/index.ts';
import { personId, realmId, requestId, sessionId, type TenantId, tenantId } from '../kernel/brand.ts';
import type { PersonPrincipal } from '../kernel/principal.ts';
import { createLimits, limitConfig } from '../limits/index.ts';
import type { PolicyRule } from '../profiles/index.ts';
import { createMemoryHotState } from '../storage/index.ts';
import { createKit, createTestClock } from '../testing/index.ts';
import { createSlow } from './slow.ts';

const home = tenantId('home');
const ada: PersonPrincipal = {
  kind: 'person',
  personId: personId('ada'),
  sessionId: sessionId('s'),
  realmId: realmId('main'),
  tenantId: home,
  username: 'ada',
  authenticatedAt: createTestClock().now(),
};
const rule = (per: PolicyRule['per'], count: number, more: Partial<PolicyRule> = {}): PolicyRule => ({
  ...more,
  name: per,
  per,
  count,
  windowMs: 60_000,
});
const route = (path: string, more: Partial<Route> = {}): Route => ({
  method: 'GET',
  path,
  summary: 'For this test.',
  access: { kind: 'signed-in' },
  replies: {},
  faults: [],
  handle: () => Promise.reject(new TypeError('never asked')),
  ...more,
});

/** Counts against these rules; each returns how many more would have been let through, -1 for a refusal. */
async function counting(rules: readonly PolicyRule[]) {
  const kit = await createKit();
  const { clock } = kit;
  const limits = createLimits({ hot: createMemoryHotState({ clock }), config: limitConfig.parse({}) });
  const { tokens } = kit.twinkeep.house;
  const none = { host: undefined, prefix: '', routes: [] };
  const profile = { ...none, name: 'twinkeep', face: nativeFace, cors: createCors([]), tokens, rules };
  const slow = createSlow(limits, () => profile);
  const left = (take: () => ReturnType<typeof slow.byAddress>): number => {
    try {
      const taken = take();
      return taken === undefined || taken instanceof Promise ? Number.NaN : taken.remaining;
    } catch (error) {
      assert.equal(Object(error).code, 'LIMIT_EXCEEDED');
      return -1;
    }
  };
  const context = (addressBlock: string) => ({
    ...CONTEXT,
    address: addressBlock,
    addressBlock,
    receivedAt: clock.now(),
  });
  return {
    close: kit.close,
    early: (at: Route, from: string) => left(() => slow.byAddress(at, context(from))),
    late: (at: Route, from: string, who = ada, where: TenantId = home) =>
      left(() => slow.byPrincipal(at, context(from), who, where)),
  };
}

const CONTEXT = { requestId: requestId('r'), secure: false, operator: false, method: 'GET', url: '/', headers: {} };

// Attack: what is remembered of a caller is counted for him when he comes from elsewhere, or acts elsewhere.
test('each address, tenant and person has a count of its own, whoever was counted before', async () => {
  const { late, close } = await counting([rule('address', 2), rule('tenant', 100)]);
  const at = route('/a');
  assert.deepEqual([late(at, '10.0.0.1'), late(at, '10.0.0.1'), late(at, '10.0.0.1')], [1, 0, -1]);
  assert.deepEqual([late(at, '10.0.0.2'), late(at, '10.0.0.1')], [1, -1]);
  const other = tenantId('other');
  assert.deepEqual([late(at, '10.0.0.3', ada, other), late(at, '10.0.0.3', { ...ada }, other)], [1, 0]);
  assert.equal(late(at, '10.0.0.3', ada, home), -1);
  await close();
});

test('a tenant is counted for itself, also when one caller acts in two', async () => {
  const { late, close } = await counting([rule('tenant', 2)]);
  const at = route('/a');
  const other = tenantId('other');
  const from = '10.0.0.1';
  assert.deepEqual(
    [late(at, from), late(at, from, ada, other), late(at, from), late(at, from, ada, other)],
    [1, 1, 0, 0],
  );
  assert.deepEqual([late(at, from), late(at, from, ada, other)], [-1, -1]);
  await close();
});

test('a limit of one route is counted there alone, and the rules of the profile everywhere', async () => {
  const { early, late, close } = await counting([rule('address', 5, { early: true }), rule('principal', 5)]);
  const limited = route('/limited', { limits: [{ per: 'principal', count: 1, windowMs: 60_000 }] });
  const plain = route('/plain');
  assert.deepEqual([late(limited, '10.0.0.1'), late(limited, '10.0.0.1'), late(plain, '10.0.0.1')], [0, -1, 3]);
  assert.deepEqual([early(plain, '10.0.0.1'), early(limited, '10.0.0.1'), early(route('/b'), '10.0.0.1')], [4, 3, 2]);
  await close();
});

// Attack: a flood from ever new addresses, so that what is remembered of one is forgotten and its count with it.
test('an address keeps its count however many others come between', async () => {
  const { early, close } = await counting([rule('address', 3, { early: true })]);
  const at = route('/a');
  early(at, '10.0.0.1');
  for (let n = 0; n < 2_500; n++) early(at, `10.1.${n >> 8}.${n & 255}`);
  assert.deepEqual([early(at, '10.0.0.1'), early(at, '10.0.0.1'), early(at, '10.0.0.1')], [1, 0, -1]);
  await close();
});
