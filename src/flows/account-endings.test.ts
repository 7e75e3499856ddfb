import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { personId } from '../kernel/brand.ts';
import { platform } from '../kernel/tx.ts';
import { MAIN_TENANT } from '../tenants/index.ts';
import { KIT_PASSWORD } from '../testing/index.ts';
import { type AccountsKit, createAccountsKit, PASSWORD } from './accounts-kit.contract.ts';

const operator = { kind: 'operator', tenantId: MAIN_TENANT } as const;

let kit: AccountsKit;
before(async () => {
  kit = await createAccountsKit();
});
after(() => kit.close());

interface Waiting {
  readonly id: string;
  readonly ticket: string;
  /** A browser that stands in for the second factor. */
  readonly remembered: string;
}

/** Somebody with a second factor, one sign-in that waits for it, and a device that is remembered. */
async function waiting(username: string): Promise<Waiting> {
  const { id } = await kit.kit.person(username, 'viewer');
  const { house, storage } = kit.kit.twinkeep;
  await kit.enrol(id, username);
  const body = { username, password: KIT_PASSWORD };
  const { json } = await kit.kit.call('POST', '/v1/login', { body });
  const device = { userAgent: 'test', address: '192.0.2.1' };
  const kept = await storage.write(platform, (tx) =>
    house.sessions.devices.keep(tx, { principal: operator }, personId(id), { device, rememberMs: 60_000 }),
  );
  const now = await house.sessions.devices.known(personId(id), kept.token);
  assert.ok(
    now?.rememberedUntil !== undefined && (await house.mfa.tickets.get(json.second_factor.ticket)) !== undefined,
  );
  return { id, ticket: json.second_factor.ticket, remembered: kept.token };
}

// Attack: whoever knows the old password keeps a sign-in half done, or a remembered browser, until the owner has changed it.
for (const [name, change] of Object.entries({
  'an administrator sets a password': async (id: string) =>
    kit.kit.call('PATCH', `/v1/users/${id}`, { token: await kit.kit.signIn(), body: { password: PASSWORD } }),
  'an administrator disables somebody': async (id: string) =>
    kit.kit.call('PATCH', `/v1/users/${id}`, { token: await kit.kit.signIn(), body: { disabled: true } }),
  'an administrator takes the factors away': async (id: string) =>
    kit.ask('DELETE', `/v1/users/${id}/factors`, undefined, operator),
  'a link that was handed over is used': async (id: string) => {
    const { json } = await kit.ask('POST', `/v1/users/${id}/password-reset`, undefined, operator);
    return kit.ask('POST', '/v1/password/reset', { token: json.token, password: PASSWORD });
  },
  'a link that was mailed is used': async (id: string) => {
    const email = `${id}@example.org`;
    await kit.kit.call('PATCH', `/v1/users/${id}`, { token: await kit.kit.signIn(), body: { email } });
    await kit.ask('POST', '/v1/password/forgot', { email });
    const token = (await kit.letters()).findLast(({ to, text }) => to === email && text.includes('reset#'))?.token;
    return kit.ask('POST', '/v1/password/reset', { token, password: PASSWORD });
  },
}))
  test(`open sign-ins and remembered devices end when ${name}`, async () => {
    const { id, ticket, remembered } = await waiting(`p${name.replaceAll(' ', '').slice(-12)}`);
    const { status } = await change(id);
    assert.ok(status === 200 || status === 204, `${status}`);
    const { mfa, sessions } = kit.kit.twinkeep.house;
    assert.equal(await mfa.tickets.get(ticket), undefined);
    assert.equal((await sessions.devices.known(personId(id), remembered))?.rememberedUntil, undefined);
  });
