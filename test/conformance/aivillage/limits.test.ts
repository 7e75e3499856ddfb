import assert from 'node:assert/strict';
import { test } from 'node:test';
import { minutes } from '../../../src/kernel/clock.ts';
import type { Answer } from '../../../src/testing/index.ts';
import { startVillage, type Village } from './aivillage-kit.ts';

const STATUS = '/security/status';
const BEHIND = { config: { trustedProxies: ['127.0.0.1'] } };
const from = (address: string) => ({ 'x-forwarded-for': address });

async function statusesOf(count: number, ask: (each: number) => Promise<Answer>): Promise<Record<number, number>> {
  const found: Record<number, number> = {};
  for (let each = 0; each < count; each += 20) {
    const batch = Array.from({ length: Math.min(20, count - each) }, (_, at) => ask(each + at));
    for (const { status } of await Promise.all(batch)) found[status] = (found[status] ?? 0) + 1;
  }
  return found;
}

async function withVillage(work: (village: Village) => Promise<void>): Promise<void> {
  const village = await startVillage({}, BEHIND);
  try {
    await work(village);
  } finally {
    await village.close();
  }
}

// The rest of V17 is its catalogue of 94 permissions.
// Attack: one user sends from many addresses, each with a count of its own.
test('of V17: a user has 600 requests in a minute, over all addresses, and another user has his own', () =>
  withVillage(async (village) => {
    const [token, other] = [await village.member('vera', 'viewer'), await village.member('walt', 'viewer')];
    village.clock.advance(minutes(2));
    const ask = (each: number) => village.call('GET', STATUS, { token, headers: from(`192.0.2.${each % 200}`) });
    assert.deepEqual(await statusesOf(640, ask), { 200: 600, 429: 40 });
    const refused = await ask(0);
    assert.ok(Number(refused.headers.get('retry-after')) > 0);
    assert.equal((await village.call('GET', STATUS, { token: other, headers: from('192.0.2.1') })).status, 200);
    village.clock.advance(minutes(1) + 2_000);
    assert.equal((await ask(0)).status, 200);
  }));

// Attack: many names are tried from one address.
test('of V17: an address has 600 requests in a minute, whoever sends from it, and the next address has its own', () =>
  withVillage(async (village) => {
    const ask = (address: string) => () => village.call('GET', '/nothing', { headers: from(address) });
    assert.deepEqual(await statusesOf(640, ask('203.0.113.1')), { 404: 600, 429: 40 });
    assert.equal((await ask('203.0.113.2')()).status, 404);
    const token = await village.login();
    const known = await village.call('GET', STATUS, { token, headers: from('203.0.113.1') });
    assert.equal(known.status, 429, 'the tightest limit wins (X15)');
  }));

test('of V17: what somebody may do is what their roles hold, asked for anew with every request', () =>
  withVillage(async (village) => {
    const { id, token } = await village.person('xara', 'viewer');
    const add = { username: 'yuri', password: 'correct horse battery staple', roles: [] };
    assert.equal((await village.call('POST', '/v1/users', { token, body: add })).status, 403);
    const admin = await village.signIn();
    const given = await village.call('PATCH', `/v1/users/${id}`, { token: admin, body: { roles: ['admin'] } });
    assert.ok(given.status < 300, given.text);
    assert.equal((await village.call('POST', '/v1/users', { token, body: add })).status, 201);
    await village.call('PATCH', `/v1/users/${id}`, { token: admin, body: { roles: ['viewer'] } });
    const again = { ...add, username: 'zoe' };
    assert.equal((await village.call('POST', '/v1/users', { token, body: again })).status, 403);
  }));
