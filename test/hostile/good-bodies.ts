import { KIT_PASSWORD } from '../../src/testing/index.ts';

const PLACE = { table: 'users', column: 'email', row: '17' };
export const UNKNOWN_VERSION = 'v_20200101_000000_0000';
const SEALED = `tk1.${UNKNOWN_VERSION}.AAAA`;
const TICKET = 'A'.repeat(43);
const NEW_PASSWORD = 'another horse of a battery';

type Body = Readonly<Record<string, unknown>>;

/** As a browser's `toJSON` gives them, of no authenticator that there is. */
const MADE_PASSKEY = {
  id: 'AAAA',
  rawId: 'AAAA',
  type: 'public-key',
  response: { clientDataJSON: 'e30', attestationObject: 'oA', transports: ['usb'] },
  clientExtensionResults: {},
};
const GIVEN_PASSKEY = {
  ...{ id: 'AAAA', rawId: 'AAAA', type: 'public-key', clientExtensionResults: {} },
  response: { clientDataJSON: 'e30', authenticatorData: 'AAAA', signature: 'AAAA' },
};

const PEOPLE: Readonly<Record<string, Body>> = {
  'POST /v1/register': { username: 'newcomer', password: NEW_PASSWORD, email: 'newcomer@example.org' },
  'POST /v1/email/verify': { token: TICKET, password: NEW_PASSWORD },
  'POST /v1/email': { current: KIT_PASSWORD, email: 'moved@example.org' },
  'POST /v1/password/forgot': { email: 'somebody@example.org' },
  'POST /v1/password/reset': { token: TICKET, password: NEW_PASSWORD },
  'POST /v1/password/check': { password: NEW_PASSWORD, username: 'newcomer', email: 'newcomer@example.org' },
  'POST /v1/password': { current: 'not that of the administrator', password: NEW_PASSWORD }, // who signs in here again
  'POST /v1/invitations': { email: 'guest@example.org', roles: ['viewer'] },
  'POST /v1/invitations/accept': { invitation: TICKET },
  'POST /v1/users': { username: 'made', password: KIT_PASSWORD, roles: ['viewer'], email: 'made@example.org' },
  'PATCH /v1/users/:id': { roles: ['viewer'], password: KIT_PASSWORD, email: 'somebody@example.org' },
  'POST /v1/users/:id/compromised': { reason: 'made', keep_factors: true },
  'PUT /v1/users/:id/membership': { roles: ['viewer'] },
  'POST /v1/users/import': {
    people: [{ username: 'foreign', password_hash: '$2b$04$x', email: 'foreign@example.org', roles: ['viewer'] }],
    from: 'csv',
    dry_run: true,
  },
  'POST /v1/users/import/undo': {
    people: [{ id: '01990000-0000-7000-8000-000000000000', username: 'foreign', proof: 'A'.repeat(22) }],
  },
};

const SIGN_IN: Readonly<Record<string, Body>> = {
  'POST /v1/login': {
    ...{ username: 'admin', password: KIT_PASSWORD, tenant: 'main', code: '123456' },
    ...{ remember_device: false, delivery: 'body' },
  },
  'POST /v1/login/challenge': { ticket: TICKET, factor_id: 'made', method: 'sms' },
  'POST /v1/login/verify': {
    ...{ ticket: TICKET, method: 'totp', factor_id: 'made', code: '123456', passkey: GIVEN_PASSKEY },
    ...{ remember_device: true, delivery: 'cookie' },
  },
  'POST /v1/login/enrol': { ticket: TICKET, method: 'email', to: 'somebody@example.org' },
  'POST /v1/login/passkey': { passkey: GIVEN_PASSKEY, remember_device: false, delivery: 'both' },
  'POST /v1/step-up/challenge': { factor_id: 'made', method: 'totp' },
  'POST /v1/step-up': { password: 'wrong', method: 'totp', factor_id: 'made', code: '123456', passkey: GIVEN_PASSKEY },
  'POST /v1/token/refresh': { refresh_token: `tkr_${'A'.repeat(43)}` },
  'POST /v1/tokens/revoke': { jti: 'made' },
  'POST /v1/mfa/totp': { label: 'made' },
  'POST /v1/mfa/codes': { method: 'email', to: 'somebody@example.org', label: 'made' },
  'POST /v1/mfa/factors/:id/confirm': { code: '123456' },
  'PUT /v1/mfa/policy': { required_for: ['auditor'], methods: ['totp'], remember_ms: 0 },
  'POST /v1/mfa/passkeys/options': { passwordless: true },
  'POST /v1/mfa/passkeys': { response: MADE_PASSKEY, label: 'made' },
};

const VAULT: Readonly<Record<string, Body>> = {
  'POST /v1/token-keys/rotate': { emergency: false },
  'POST /v1/vault/seal': { ...PLACE, text: 'x' },
  'POST /v1/vault/open': { ...PLACE, sealed: SEALED },
  'POST /v1/vault/seal/batch': { items: [{ ...PLACE, text: 'x' }] },
  'POST /v1/vault/open/batch': { items: [{ ...PLACE, sealed: SEALED }] },
  'POST /v1/vault/rewrap/batch': { items: [{ ...PLACE, sealed: SEALED }] },
  'POST /v1/vault/index': { table: 'users', column: 'email', text: 'x', normalise: 'fold', prefix: 1 },
  'POST /v1/vault/keys/rotate': { reason: 'manual' },
  'POST /v1/vault/keys/rotate-all': { reason: 'manual' },
  'POST /v1/vault/keys/import': { algorithm: 'fernet', key: Buffer.alloc(32, 7).toString('base64url') },
  'POST /v1/vault/keys/:version/destroy': { external_rewrapped: true, tenant: 'main' },
  'POST /v1/vault/master/shares': { threshold: 2, count: 3 },
  'POST /v1/vault/master/shares/confirm': { set: '0123abcd' },
  'POST /v1/vault/rewrap': { for_ms: 1, urgent: true },
};

/** A body that each route would take, to spoil it in one thing alone; a route with a body and without a row fails. */
export const GOOD: Readonly<Record<string, Body>> = {
  ...PEOPLE,
  ...SIGN_IN,
  ...VAULT,
  'POST /v1/tenants': { id: 'made', name: 'Made' },
  'POST /v1/api-keys': { name: 'made', scopes: ['read'] },
  'POST /v1/api-keys/import': { keys: {}, scopes: ['read'] },
  'POST /v1/blocks': { address: '203.0.113.9', reason: 'made', ends_in: 60 },
  'POST /v1/webhooks': { url: 'https://hooks.example/made', events: ['*'], description: 'made' },
  'PATCH /v1/webhooks/:id': { url: 'https://hooks.example/made', events: ['*'], description: 'made', state: 'active' },
  'POST /v1/webhooks/:id/replay': { since: '2026-11-21T11:00:00Z' },
  'POST /v1/readings': { meter_id: 'M1', timestamp: '2026-11-21T11:00:00Z', energy_consumption: 1, location: 'x' },
};

/** All that these take has a default, so that an empty object is a request. */
export const TAKES_NOTHING: ReadonlySet<string> = new Set([
  'POST /v1/token-keys/rotate',
  'POST /v1/vault/keys/rotate',
  'POST /v1/vault/keys/rotate-all',
  'POST /v1/vault/keys/:version/destroy',
  'POST /v1/vault/rewrap',
  'POST /v1/token/refresh', // the token may be a cookie's
  'POST /v1/users/:id/compromised',
  'POST /v1/mfa/totp',
  'POST /v1/mfa/passkeys/options',
  'POST /v1/step-up/challenge', // any factor that there is
  'POST /v1/step-up', // what is missing is told by name
]);
