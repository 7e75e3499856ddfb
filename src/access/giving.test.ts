import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { apiKeyId, epochMs, personId, realmId, sessionId, tenantId } from '../kernel/brand.ts';
import type { Actor, KnownPrincipal } from '../kernel/principal.ts';
import { anonymous } from '../kernel/principal.ts';
import { inTenant } from '../kernel/tx.ts';
import { createMemoryBus, createSqliteStorage, type Storage } from '../storage/index.ts';
import { createTestClock } from '../testing/index.ts';
import { type Access, accessMigrations, catalogueOf, createAccess } from './index.ts';

const NORTH = tenantId('north');
const SOUTH = tenantId('south');
const operator: Actor = { principal: { kind: 'operator', tenantId: NORTH } };
const ida = {
  kind: 'person',
  personId: personId('ida'),
  sessionId: sessionId('session'),
  realmId: realmId('realm'),
  tenantId: NORTH,
  username: 'ida',
  authenticatedAt: epochMs(0),
} as const;

let storage: Storage;
let access: Access;
before(async () => {
  const clock = createTestClock();
  storage = createSqliteStorage({ file: ':memory:', clock });
  await storage.migrate(accessMigrations);
  const audit = { record: async () => undefined };
  access = createAccess({ storage, audit, bus: createMemoryBus(), clock, catalogue: catalogueOf([]) });
  for (const tenant of [NORTH, SOUTH]) await storage.write(inTenant(tenant), access.seedRoles);
});
after(() => storage.close());

const grant = (...roles: string[]) =>
  storage.write(inTenant(NORTH), (tx) => access.grant(tx, operator, NORTH, ida.personId, roles));
const give = (actor: Actor, permissions: readonly string[], tenant = NORTH) =>
  storage.write(inTenant(tenant), (tx) => access.assertHolds(tx, actor, tenant, permissions));

test('whoever holds a right may give it, in the tenant where they hold it', async () => {
  await grant('analyst');
  await give({ principal: ida }, ['analyze', 'write']);
  await assert.rejects(give({ principal: ida }, ['analyze', 'admin']), { code: 'ACCESS_ESCALATION' });
  await assert.rejects(give({ principal: ida }, ['analyze'], SOUTH), { code: 'ACCESS_ESCALATION' });
  const key: KnownPrincipal = { kind: 'api-key', apiKeyId: apiKeyId('key'), tenantId: NORTH, scopes: ['write'] };
  await give({ principal: key }, ['write']);
  await assert.rejects(give({ principal: key }, ['write'], SOUTH), { code: 'ACCESS_ESCALATION' });
  await assert.rejects(give({ principal: anonymous }, ['read']), { code: 'ACCESS_ESCALATION' });
  await give(operator, ['admin', 'read']);
  await assert.rejects(give(operator, ['fly']), { code: 'ACCESS_PERMISSION_UNKNOWN' });
});

// Attack: a key is made with a right that is just being taken away; memory still has it.
test('whether a right may be given is asked in the write that gives it', async () => {
  await grant('analyst');
  assert.ok((await access.permissionsOf(ida, NORTH)).includes('analyze'));
  const [, given] = await Promise.allSettled([grant(), give({ principal: ida }, ['analyze'])]);
  assert.equal(given?.status === 'rejected' && given.reason.code, 'ACCESS_ESCALATION');
});
