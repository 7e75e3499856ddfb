import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { MAIN_TENANT } from '../../../src/tenants/index.ts';
import { KIT_PASSWORD } from '../../../src/testing/index.ts';
import { startVillage, type Village } from './aivillage-kit.ts';

let village: Village;
before(async () => {
  village = await startVillage();
});
after(() => village.close());

const credentials = (username: string) => ({ username, password: KIT_PASSWORD });

/** Made by the operator, who needs no second factor. */
async function addMember({ twinkeep: { house } }: Village, username: string): Promise<void> {
  const operator = { principal: { kind: 'operator', tenantId: MAIN_TENANT } } as const;
  await house.people.create(operator, MAIN_TENANT, { username, password: KIT_PASSWORD, roles: ['viewer'] });
}

test('V13: a sign-in gives both tokens, a refresh the next ones, and a logout ends them', async () => {
  await village.person('vera', 'viewer');
  const { json: first, status } = await village.call('POST', '/auth/login', { body: credentials('vera') });
  assert.equal(status, 200);
  assert.deepEqual(Object.keys(first).sort(), ['access_token', 'expires_in', 'refresh_token', 'token_type']);
  const body = { refresh_token: first.refresh_token };
  const { json: next } = await village.call('POST', '/auth/refresh', { body });
  assert.notEqual(next.refresh_token, first.refresh_token);
  const token = next.access_token;
  const out = await village.call('POST', '/auth/logout', { token });
  assert.ok(out.status === 200 || out.status === 204);
  assert.equal((await village.call('GET', '/auth/sessions', { token })).status, 401);
  // The session is validated: a refresh token does not outlive it.
  const late = await village.call('POST', '/auth/refresh', { body: { refresh_token: next.refresh_token } });
  assert.equal(late.status, 401);
});

test('V13, V06: who has a second factor gets a token for it alone, and each method finishes the sign-in', async () => {
  await village.person('mona', 'viewer');
  const { secret, backupCodes } = await village.enrol(await village.login('mona'));
  const { json: asked, status } = await village.call('POST', '/auth/login', { body: credentials('mona') });
  assert.equal(status, 200);
  assert.equal(asked.mfa_required, true);
  assert.equal(asked.access_token, undefined);
  assert.deepEqual(asked.methods, ['totp', 'backup_code']);
  assert.equal(typeof asked.expires_in, 'number');
  const finish = (body: object) =>
    village.call('POST', '/auth/mfa/verify', { body: { mfa_token: asked.mfa_token, ...body } });
  assert.equal((await finish({ code: '000000' })).status, 401);
  const passed = await finish({ code: village.codeOf(secret), method: 'totp' });
  assert.equal(passed.status, 200, passed.text);
  assert.equal((await village.call('GET', '/auth/sessions', { token: passed.json.access_token })).status, 200);
  const again = await village.call('POST', '/auth/login', { body: credentials('mona') });
  const body = { mfa_token: again.json.mfa_token, code: backupCodes[0], method: 'backup_code' };
  assert.equal((await village.call('POST', '/auth/mfa/verify', { body })).status, 200);
});

// Attack: the token of the second step is presented as if it were one of a session, or a second time.
test('V13: the token of the second step opens nothing else, and works once', async () => {
  await village.person('nils', 'viewer');
  const { secret } = await village.enrol(await village.login('nils'));
  const { json } = await village.call('POST', '/auth/login', { body: credentials('nils') });
  const { mfa_token: ticket } = json;
  assert.equal((await village.call('GET', '/auth/sessions', { token: ticket })).status, 401);
  assert.equal((await village.call('POST', '/auth/refresh', { body: { refresh_token: ticket } })).status, 401);
  const body = { mfa_token: ticket, code: village.codeOf(secret) };
  assert.equal((await village.call('POST', '/auth/mfa/verify', { body })).status, 200);
  village.clock.advance(30_000);
  const late = { mfa_token: ticket, code: village.codeOf(secret) };
  assert.equal((await village.call('POST', '/auth/mfa/verify', { body: late })).status, 401);
});

test('V09: where policy wants a second factor of administrators, their sign-in sets one up', async () => {
  const strict = await startVillage({}, { config: { mfa: { policy: { requiredFor: ['admin'] } } } });
  try {
    const { json: asked } = await strict.call('POST', '/auth/login', { body: credentials('admin') });
    assert.equal(asked.mfa_required, true);
    assert.equal(asked.mfa_setup_required, true);
    const { mfa_token } = asked;
    const begun = await strict.call('POST', '/auth/mfa/setup', { body: { mfa_token, method: 'totp' } });
    assert.equal(begun.status, 200, begun.text);
    const code = strict.codeOf(begun.json.secret);
    const done = await strict.call('POST', '/auth/mfa/verify', { body: { mfa_token, code } });
    assert.equal(done.status, 200, done.text);
    assert.equal(done.json.backup_codes.length, 10);
    assert.equal((await strict.call('GET', '/security/status', { token: done.json.access_token })).status, 200);
    // Open to everybody: a member whom policy does not ask gets in without, and sets one up by themselves.
    const body = { username: 'moni', password: KIT_PASSWORD, roles: ['viewer'] };
    const token = done.json.access_token;
    const issued = await strict.call('POST', '/v1/users', { token, body });
    assert.equal(issued.status, 401, 'a token of the profile opens the profile alone');
    await addMember(strict, 'moni');
    assert.equal((await strict.enrol(await strict.login('moni'))).backupCodes.length, 10);
  } finally {
    await strict.close();
  }
});

// Attack: a page of another site, or nobody at all, calls the routes that also take tickets.
test('V14: without a token and without a ticket nothing is set up, verified or shown', async () => {
  for (const path of ['/auth/mfa/setup', '/auth/mfa/verify'])
    assert.equal((await village.call('POST', path, { body: {} })).status, 401, path);
  for (const path of ['/auth/mfa/backup-codes', '/auth/sessions'])
    assert.equal((await village.call('GET', path)).status, 401, path);
  assert.equal((await village.call('DELETE', '/auth/mfa/disable')).status, 401);
  assert.equal((await village.call('POST', '/auth/logout-all')).status, 401);
});
