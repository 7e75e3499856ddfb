import { z } from 'zod';
import type { Audit } from '../audit/index.ts';
import type { Failures } from '../detection/index.ts';
import { actorOf, type Context, defineRoute, headerText, idText, type Route, storableText } from '../http/index.ts';
import { type Identity, identityFault, type Person, usernameKey } from '../identity/index.ts';
import { type TenantId, tenantId } from '../kernel/brand.ts';
import { anonymous } from '../kernel/principal.ts';
import type { Tx } from '../kernel/tx.ts';
import type { Limits } from '../limits/index.ts';
import { type Grant, grantReply, replyOf, type Sessions, type Terms } from '../sessions/index.ts';
import { MAIN_REALM, type Tenants, tenantFault } from '../tenants/index.ts';

export interface SignInDeps {
  readonly identity: Identity;
  readonly sessions: Sessions;
  readonly tenants: Tenants;
  readonly limits: Limits;
  readonly audit: Audit;
  readonly failures: Failures;
}

export interface Credentials {
  readonly username: string;
  readonly password: string;
  /** Where the session is to act; the oldest membership unless told. */
  readonly tenant?: string | undefined;
}

/**
 * Signs a person in by password.
 *
 * Unknown name, wrong password and disabled person get the same answer after the same work; only the audit log knows.
 *
 * @throws IDENTITY_CREDENTIALS, LIMIT_EXCEEDED, CRYPTO_BUSY, TENANT_FOREIGN, and what may refuse a sign-in's session
 */
export function createSignIn({ identity, sessions, tenants, limits, audit, failures }: SignInDeps) {
  async function refuse(
    context: Context,
    username: string,
    person: Person | undefined,
    profile: string,
  ): Promise<never> {
    audit.noteRefusal(context.addressBlock, {
      ...actorOf(context, anonymous),
      action: 'signin.refused',
      outcome: 'refused',
      ...(person === undefined
        ? { unknownName: username } // kept as a monthly pseudonym: it may be a password typed into the wrong field
        : { object: { type: 'person', id: person.id }, facts: { disabled: person.disabledAt !== undefined } }),
    });
    const { address, addressBlock, requestId } = context;
    await failures.failed({ what: 'password', profile, address, addressBlock, requestId });
    throw identityFault('IDENTITY_CREDENTIALS');
  }

  async function chooseTenant(person: Person, wanted: string | undefined): Promise<TenantId> {
    const own = await tenants.tenantsOf(person.id);
    const chosen = wanted === undefined ? own[0] : own.find((id) => id === tenantId(wanted));
    if (chosen === undefined) throw tenantFault('TENANT_FOREIGN');
    return chosen;
  }

  return async function signIn(
    context: Context,
    { username, password, tenant }: Credentials,
    terms?: Terms,
  ): Promise<Grant> {
    await limits.take('sign-in-address', context.addressBlock);
    await limits.take('sign-in-account', usernameKey(username));
    const outcome = await identity.authenticate(MAIN_REALM, username, password);
    if (outcome.kind === 'refused') return refuse(context, username, outcome.person, terms?.profile ?? 'twinkeep');
    failures.succeeded(context.addressBlock);

    const { person } = outcome;
    const tenantOf = await chooseTenant(person, tenant);
    const confirm = (tx: Tx) => identity.confirm(tx, person);
    const subject = {
      confirm,
      personId: person.id,
      username: person.username,
      realmId: person.realmId,
      tenantId: tenantOf,
    };
    const device = { userAgent: headerText(context.headers['user-agent'] ?? '', 256), address: context.address };
    return sessions.start(actorOf(context, anonymous), subject, device, terms);
  };
}

export type SignIn = ReturnType<typeof createSignIn>;

/** Long enough for any passphrase, short enough to hash: what is longer is refused before any work. */
const credentials = z.strictObject({
  username: storableText(1, 128),
  password: storableText(1, 1_024),
  tenant: idText.optional(),
});

export const signInRoute = (signIn: SignIn): Route =>
  defineRoute({
    method: 'POST',
    path: '/v1/login',
    summary: 'Sign in with username and password.',
    access: { kind: 'public', because: 'whoever signs in is not known yet' },
    records: 'self',
    body: credentials,
    replies: { 200: grantReply },
    faults: ['IDENTITY_CREDENTIALS', 'TENANT_FOREIGN', 'CRYPTO_BUSY'],
    handle: async ({ body, context }) => replyOf(await signIn(context, body), context),
  });
