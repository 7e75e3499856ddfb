import { setTimeout as pause } from 'node:timers/promises';
import type { Access } from '../access/index.ts';
import type { ApiKeys } from '../apikeys/index.ts';
import type { Audit } from '../audit/index.ts';
import type { PasswordHasher } from '../crypto/index.ts';
import type { AlertConfig, Delivery } from '../delivery/index.ts';
import type { Failures } from '../detection/index.ts';
import {
  type Accounts,
  type Attempts,
  accountAdminRoutes,
  accountPageRoutes,
  accountRoutes,
  assertStaysGoverned,
  createAccountMails,
  createAccounts,
  createAttempts,
  createEvenTime,
  createIncidents,
  createPeople,
  createSignIn,
  createStepUp,
  incidentRoutes,
  loginRoutes,
  type People,
  type SignIn,
} from '../flows/index.ts';
import type { Route } from '../http/index.ts';
import { createPeopleImport, type Identity, peopleImportRoutes } from '../identity/index.ts';
import { type PersonId, sessionId, type TenantId } from '../kernel/brand.ts';
import type { Clock } from '../kernel/clock.ts';
import type { Random } from '../kernel/random.ts';
import type { Tx } from '../kernel/tx.ts';
import type { Limits } from '../limits/index.ts';
import { createMfa, type Mfa, mfaPolicyRoutes, mfaRoutes, passkeyRoutes } from '../mfa/index.ts';
import type { Revocations, Sessions } from '../sessions/index.ts';
import type { Bus, HotState, Storage } from '../storage/index.ts';
import { MAIN_REALM, type Tenants } from '../tenants/index.ts';
import type { Vault } from '../vault/index.ts';
import type { Config } from './config.ts';

export interface EnteringDeps {
  readonly config: Config;
  readonly issuer: string;
  readonly storage: Storage;
  readonly vault: Vault;
  readonly audit: Audit;
  readonly delivery: Delivery;
  readonly alerts: AlertConfig | undefined;
  readonly hot: HotState;
  readonly bus: Bus;
  readonly limits: Limits;
  readonly failures: Failures;
  readonly identity: Identity;
  readonly hasher: Pick<PasswordHasher, 'coverOf' | 'dearestMs'>;
  readonly tenants: Tenants;
  readonly access: Access;
  readonly apiKeys: ApiKeys;
  readonly sessions: Sessions;
  readonly revocations: Revocations;
  readonly clock: Clock;
  readonly random: Random;
  /** Forgets how a person uses the system, with the account. */
  readonly forgetUse: (tx: Tx, person: PersonId) => Promise<void>;
  /** Throws for a person or device that is blocked. */
  readonly assertOpen: (person: PersonId, knownDeviceId?: string) => void;
  readonly onError: (error: unknown) => void;
}

/** How people get in: their accounts, their second factors, and the steps of a sign-in. */
export interface Entering {
  readonly mfa: Mfa;
  readonly signIn: SignIn;
  readonly stepUp: ReturnType<typeof createStepUp>;
  readonly accounts: Accounts;
  readonly people: People;
  /** The budget of guesses that all ways in share. */
  readonly attempts: Attempts;
  readonly routes: readonly Route[];
  readonly jobs: readonly { readonly name: string; readonly everyMs: number; readonly run: () => Promise<void> }[];
}

/** No session has it: what is asked of revocations concerns a person who has none yet. */
const NO_SESSION = sessionId('none');

export async function openEntering(deps: EnteringDeps): Promise<Entering> {
  const { config, issuer, storage, identity, tenants, access, sessions, revocations } = deps;
  const channels = {
    email: (config.delivery.smtp ?? deps.alerts?.email?.smtp) !== undefined,
    sms: (config.delivery.sms ?? deps.alerts?.sms?.provider) !== undefined,
  };
  const emailOf = (tx: Tx, person: PersonId) => addressOf(identity, tx, person);
  const membershipsOf = (person: PersonId) => rolesByTenant(tenants, access, person);
  const mfa = await createMfa({ ...deps, config: config.mfa, channels, emailOf, membershipsOf });

  const attempts = createAttempts({ limits: deps.limits, config: config.limits });
  const elapsed = (): number => performance.now();
  const { refusalMs } = config.limits;
  const dearestMs = (): number => (refusalMs === 0 ? 0 : deps.hasher.dearestMs());
  const evenTime = createEvenTime({ elapsed, wait: (ms) => pause(ms), leastMs: refusalMs, dearestMs });
  const endedSince = (ticket: { personId: PersonId; tenantId: TenantId; openedAt: Parameters<typeof issued>[0] }) =>
    revocations.revokes({ ...issued(ticket.openedAt), personId: ticket.personId, tenantId: ticket.tenantId });
  const entry = { ...deps, mfa, attempts, evenTime };
  const signIn = createSignIn({ ...entry, endedSince });
  const stepUp = createStepUp(entry);

  const publicUrl = config.accounts.publicUrl ?? (URL.canParse(issuer) ? issuer : undefined);
  const mails = createAccountMails({ ...deps, config: config.accounts, publicUrl, canMail: channels.email });
  const accounts = createAccounts({ ...entry, mails, config: config.accounts });
  const importing = createPeopleImport({
    ...deps,
    realm: MAIN_REALM,
    admit: async (tx, actor, tenant, person, roles) => {
      await tenants.addMember(tx, person, tenant);
      if (roles.length > 0) await access.grant(tx, actor, tenant, person, roles);
    },
    assertCovers: (tx, actor, tenant, person) => access.assertCovers(tx, actor, tenant, person),
    withdraw: async (tx, actor, tenant, person) => void (await access.grant(tx, actor, tenant, person, [])),
    stayGoverned: assertStaysGoverned,
    shutOut: async (tx, actor, person) => {
      await sessions.endAll(tx, actor, person, 'import undone');
      await mfa.tickets.closeAll(tx, person);
    },
    tenantsOf: tenants.tenantsOf,
    lacking: async (passwordHash) => {
      const needed = refusalMs === 0 ? 0 : await deps.hasher.coverOf(passwordHash);
      return needed > refusalMs ? needed : undefined;
    },
  });
  return {
    mfa,
    signIn,
    stepUp,
    accounts,
    attempts,
    people: createPeople({ storage, identity, tenants, access, sessions, mfa, mails }),
    routes: [
      ...loginRoutes({ signIn, stepUp, csrf: sessions.csrf }),
      ...accountRoutes(accounts, identity),
      ...accountAdminRoutes(accounts),
      ...accountPageRoutes(),
      ...incidentRoutes(createIncidents({ ...entry, mails, memberOf: accounts.memberOf })),
      ...peopleImportRoutes(importing),
      ...mfaRoutes(mfa),
      ...mfaPolicyRoutes(mfa.policy, storage),
      ...passkeyRoutes(mfa.passkeys),
    ],
    jobs: [
      { name: 'mfa.prune', everyMs: 600_000, run: mfa.prune },
      { name: 'accounts.prune', everyMs: 3_600_000, run: async () => void (await accounts.prune()) },
    ],
  };
}

const issued = (issuedAt: Parameters<Revocations['revokes']>[0]['issuedAt']) => ({ issuedAt, sessionId: NO_SESSION });

/** Where a person is reached; `undefined` where there is no address that opens. */
export async function addressOf(identity: Identity, tx: Tx, id: PersonId): Promise<string | undefined> {
  return identity.emails.ofId(tx, id);
}

async function rolesByTenant(
  tenants: Tenants,
  access: Access,
  person: PersonId,
): Promise<ReadonlyMap<TenantId, readonly string[]>> {
  const roles = new Map<TenantId, readonly string[]>();
  for (const tenant of await tenants.tenantsOf(person)) {
    roles.set(tenant, await access.rolesOf({ kind: 'person', personId: person }, tenant));
  }
  return roles;
}
