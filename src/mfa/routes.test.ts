import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import type { Input, Reply, Route } from '../http/index.ts';
import { type EpochMs, epochMs, realmId, requestId, sessionId } from '../kernel/brand.ts';
import { anonymous, type Principal } from '../kernel/principal.ts';
import { ada, createMfaKit, fault, fromBase32, PLANT } from './mfa-kit.contract.ts';
import { mfaPolicyRoutes } from './policy-routes.ts';
import { mfaRoutes } from './routes.ts';

const caller: Principal = {
  kind: 'person',
  personId: ada.id,
  sessionId: sessionId('s1'),
  realmId: realmId('main'),
  tenantId: PLANT,
  username: ada.username,
  authenticatedAt: epochMs(0),
};

function inputOf(route: Route, given: { id?: string; body?: unknown; as?: Principal }, receivedAt: EpochMs): Input {
  const context = {
    ...{ requestId: requestId('r1'), receivedAt, address: '192.0.2.7', addressBlock: '192.0.2.7', secure: true },
    ...{ operator: false, method: route.method, url: route.path, headers: {} },
  };
  return {
    ...{ context, caller: given.as ?? caller, tenantId: PLANT, query: undefined, stream: undefined },
    params: route.params?.parse({ id: given.id }),
    body: route.body?.parse(given.body),
  };
}

/** Calls routes as the line does: what comes in is parsed, what goes out is held to the route's own schema. */
async function surface() {
  const kit = await createMfaKit();
  const routes = [...mfaRoutes(kit.mfa), ...mfaPolicyRoutes(kit.mfa.policy, kit.storage)];
  async function call(line: string, given: { id?: string; body?: unknown; as?: Principal } = {}): Promise<Reply> {
    const route = routes.find(({ method, path }) => `${method} ${path}` === line) ?? assert.fail(line);
    const input = inputOf(route, given, kit.clock.now());
    const reply = await route.handle(input);
    const schema = route.replies[reply.status];
    if (schema instanceof z.ZodType) schema.parse(reply.body);
    else assert.equal(schema, 'nothing');
    return reply;
  }
  return { ...kit, routes, call };
}

test('an app is set up, listed and removed over its routes', async () => {
  const { call, code, mfa } = await surface();
  const begun = await call('POST /v1/mfa/totp', { body: { label: 'phone' } });
  const { factor_id: id, secret } = z.object({ factor_id: z.string(), secret: z.string() }).parse(begun.body);
  assert.equal(begun.status, 201);
  await assert.rejects(call('POST /v1/mfa/factors/:id/confirm', { id, body: { code: '0' } }), fault('MFA_CODE_WRONG'));
  const confirmed = await call('POST /v1/mfa/factors/:id/confirm', { id, body: { code: code(fromBase32(secret)) } });
  const { backup_codes: codes } = z.object({ backup_codes: z.array(z.string()) }).parse(confirmed.body);
  assert.equal(codes.length, 10);
  for (const used of codes.slice(0, 8)) await mfa.verify({ principal: anonymous }, ada.id, { code: used });
  const shown = z.object({ backup_codes_left: z.int(), backup_codes_few: z.boolean(), enrolled: z.boolean() });
  const overview = shown.parse((await call('GET /v1/mfa')).body);
  assert.deepEqual(overview, { backup_codes_left: 2, backup_codes_few: true, enrolled: true });
  const { items } = z.object({ items: z.array(z.unknown()) }).parse((await call('GET /v1/mfa/backup-codes')).body);
  assert.equal(items.length, 10);
  assert.equal((await call('POST /v1/mfa/backup-codes')).status, 201);
  assert.equal((await call('DELETE /v1/mfa/factors/:id', { id })).status, 204);
  assert.equal(shown.parse((await call('GET /v1/mfa')).body).backup_codes_few, false);
});

test('codes by e-mail are begun, sent again and confirmed over their routes', async () => {
  const { call, lastCode } = await surface();
  const begun = await call('POST /v1/mfa/codes', { body: { method: 'email', to: 'ada@b.example' } });
  const { factor_id: id } = z.object({ factor_id: z.string() }).parse(begun.body);
  assert.deepEqual((await call('POST /v1/mfa/factors/:id/code', { id })).body, {
    hint: 'a…@b.example',
    expires_in: 600,
  });
  assert.equal((await call('POST /v1/mfa/factors/:id/confirm', { id, body: { code: lastCode() } })).status, 200);
});

test('a policy is read and set over its routes', async () => {
  const { call } = await surface();
  const policy = { required_for: ['admin'], methods: ['passkey', 'totp'], remember_ms: 0 };
  assert.deepEqual((await call('PUT /v1/mfa/policy', { body: policy })).body, policy);
  assert.deepEqual((await call('GET /v1/mfa/policy')).body, policy);
});

// Attack: a stolen session of yesterday adds a factor, removes one, or reads the backup codes.
test('every route that changes or shows a secret asks for a fresh proof', async () => {
  const { routes } = await surface();
  const open = routes.filter(({ access }) => !('provedWithinMs' in access || 'secondFactorWithinMs' in access));
  assert.deepEqual(open.map(({ method, path }) => `${method} ${path}`).sort(), [
    'GET /v1/mfa',
    'GET /v1/mfa/policy',
    'POST /v1/mfa/factors/:id/code',
  ]);
});

// Attack: what is no number and no address, in the hope that something is sent to it.
test('a destination that is none is refused before anything is counted', async () => {
  const { call, sent } = await surface();
  const bad = ['', '+49', 'ada', '+49 30 123456', 'a@b.example\nBcc: c@d.example', `+49${'1'.repeat(20)}`, '\0', 7];
  for (const to of bad) {
    for (const method of ['sms', 'email'])
      await assert.rejects(call('POST /v1/mfa/codes', { body: { method, to } }), z.ZodError, String(to));
  }
  assert.deepEqual(sent, []);
});

test('a key of a machine has no second factors', async () => {
  const { call } = await surface();
  await assert.rejects(call('GET /v1/mfa', { as: anonymous }), fault('MFA_FACTOR_UNKNOWN'));
});
