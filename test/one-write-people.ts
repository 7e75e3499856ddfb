import assert from 'node:assert/strict';
import { Secret, TOTP } from 'otpauth';
import { tenantId } from '../src/kernel/brand.ts';
import type { Actor } from '../src/kernel/principal.ts';
import { createSoftAuthenticator } from '../src/mfa/passkey-authenticator.contract.ts';
import { type Answer, KIT_PASSWORD, type Kit } from '../src/testing/index.ts';

/** Something that changes what belongs to people, by whoever may, and where more of it can be seen. */
export interface PersonAct {
  readonly path: string;
  readonly body?: object;
  /** The administrator's, unless it is somebody else or the operator. */
  readonly by?: { readonly token: string } | 'operator';
  /** Whose token shows it, and at which paths. */
  readonly seen?: { readonly token: string; readonly paths: readonly string[] };
}

export interface PersonGround {
  readonly kit: Kit;
  readonly admin: string;
  /** Of a person who has a password and nothing else. */
  readonly own: string;
  /** Other for each test. */
  readonly count: number;
  operate(method: string, path: string, body?: object): Promise<Pick<Answer, 'status' | 'json' | 'text'>>;
}

export const PASSKEYS = { rpId: 'twin.example', origins: ['https://twin.example'] };
const RIVAL = tenantId('rival');
const OPERATOR: Actor = { principal: { kind: 'operator', tenantId: tenantId('main') } };
/** A code is good a step before and after its own. */
const STEP_MS = 30_000;
const NOWHERE_HASH = '$2b$04$abcdefghijklmnopqrstuu5nN7qTn0EoVpT1zXkq0xw3b1sJ8l9Ky';
const FACTORS = ['/v1/mfa', '/v1/devices', '/v1/sessions'];

/** A tenant beside the administrator's. */
export const bringRival = (kit: Kit): Promise<void> => kit.twinkeep.house.createTenant(OPERATOR, RIVAL, 'Rival');

async function asked(answer: Promise<Pick<Answer, 'status' | 'json' | 'text'>>): Promise<Answer['json']> {
  const { status, json, text } = await answer;
  assert.ok(status < 300, text);
  return json;
}

/** Somebody of the other tenant. */
async function rivalOf({ kit, count }: PersonGround): Promise<{ readonly id: string; readonly token: string }> {
  const username = `rival${count}`;
  const wish = { username, password: KIT_PASSWORD, roles: [] };
  const { person } = await kit.twinkeep.house.people.create(OPERATOR, RIVAL, wish);
  return { id: person.id, token: await kit.signIn(username) };
}

async function beginApp({ kit }: PersonGround, token: string) {
  const { factor_id: id, secret } = await asked(kit.call('POST', '/v1/mfa/totp', { token, body: {} }));
  const totp = new TOTP({ secret: Secret.fromBase32(secret) });
  return { id: String(id), code: (off: number) => totp.generate({ timestamp: kit.clock.now() + off }) };
}

/** Somebody who signed in with an app just now. */
async function enrolled(ground: PersonGround) {
  const { kit, count } = ground;
  const username = `enrolled${count}`;
  const { id, token: before } = await kit.person(username, 'viewer');
  const app = await beginApp(ground, before);
  const body = { code: app.code(-STEP_MS) };
  await asked(kit.call('POST', `/v1/mfa/factors/${app.id}/confirm`, { token: before, body }));
  const login = { username, password: KIT_PASSWORD, code: app.code(0) };
  const { access_token: token } = await asked(kit.call('POST', '/v1/login', { body: login }));
  const seen = { token, paths: [...FACTORS, '/v1/mfa/backup-codes'] };
  return { id, factor: app.id, by: { token }, seen };
}

export const PEOPLE_ACTS: Readonly<Record<string, (ground: PersonGround) => Promise<PersonAct>>> = {
  'POST /v1/invitations/accept': async (ground) => {
    const body = { email: `joins${ground.count}@example.com`, roles: ['viewer'] };
    const { link } = await asked(ground.operate('POST', '/v1/invitations', body));
    const { token } = await rivalOf(ground);
    const invitation = new URL(link).hash.slice(1);
    const seen = { token, paths: ['/v1/me'] };
    return { path: '/v1/invitations/accept', body: { invitation }, by: { token }, seen };
  },
  'PUT /v1/users/:id/membership': async (ground) => {
    const { id } = await rivalOf(ground);
    return { path: `/v1/users/${id}/membership`, body: { roles: ['viewer'] }, by: 'operator' };
  },
  'DELETE /v1/users/:id/factors': async (ground) => {
    const { id, seen } = await enrolled(ground);
    return { path: `/v1/users/${id}/factors`, seen };
  },
  'POST /v1/users/import/undo': async ({ kit, admin: token, count }) => {
    const username = `undone${count}`;
    const body = { people: [{ username, password_hash: NOWHERE_HASH, roles: ['viewer'] }] };
    const { results } = await asked(kit.call('POST', '/v1/users/import', { token, body }));
    const [{ id, proof }] = results;
    return { path: '/v1/users/import/undo', body: { people: [{ id, username, proof }] } };
  },

  'POST /v1/mfa/factors/:id/code': async ({ kit, own: token, count }) => {
    const body = { method: 'email', to: `own${count}@example.com` };
    const { factor_id: id } = await asked(kit.call('POST', '/v1/mfa/codes', { token, body }));
    return { path: `/v1/mfa/factors/${id}/code`, by: { token } };
  },
  // Attack: where the entry could not be written the code is used up all the same, and its owner is shut out.
  'POST /v1/mfa/factors/:id/confirm': async (ground) => {
    const app = await beginApp(ground, ground.own);
    return { path: `/v1/mfa/factors/${app.id}/confirm`, body: { code: app.code(0) }, by: { token: ground.own } };
  },
  'DELETE /v1/mfa/factors/:id': async (ground) => {
    const { factor, by, seen } = await enrolled(ground);
    return { path: `/v1/mfa/factors/${factor}`, by, seen };
  },
  'POST /v1/mfa/backup-codes': async (ground) => {
    const { by, seen } = await enrolled(ground);
    return { path: '/v1/mfa/backup-codes', by, seen };
  },
  'POST /v1/mfa/passkeys': async ({ kit, own: token }) => {
    const options = await asked(kit.call('POST', '/v1/mfa/passkeys/options', { token, body: {} }));
    return { path: '/v1/mfa/passkeys', body: { response: createSoftAuthenticator().create(options) }, by: { token } };
  },

  'DELETE /v1/sessions/:id': async ({ kit, own: token, count }) => {
    await kit.signIn(`person${count}`);
    const { items } = await asked(kit.call('GET', '/v1/sessions', { token }));
    const other = items.find(({ current }: { current: boolean }) => !current);
    return { path: `/v1/sessions/${other.id}`, by: { token } };
  },
  'POST /v1/platform/logout-all': async () => ({ path: '/v1/platform/logout-all', by: 'operator' }),
  'POST /v1/tenants': async ({ count }) => ({
    path: '/v1/tenants',
    body: { id: `made${count}`, name: 'Made' },
    by: 'operator',
  }),
};
