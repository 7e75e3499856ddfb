import { type Access, accessFault, accessMigrations, catalogueOf, createAccess } from '../access/index.ts';
import { type ApiKeys, apiKeyFault, apiKeyMigrations, apiKeyRoutes, createApiKeys } from '../apikeys/index.ts';
import {
  type Audit,
  type AuditDeps,
  auditFault,
  auditMigrations,
  auditRoutes,
  createAudit,
  type HeadKeeper,
} from '../audit/index.ts';
import { createBcrypt, createHashQueue, createPasswordHasher, cryptoFault } from '../crypto/index.ts';
import {
  type AlertConfig,
  createDelivery,
  type Delivery,
  deliveryFault,
  deliveryMigrations,
  deliveryRoutes,
} from '../delivery/index.ts';
import {
  type Blocks,
  blockRoutes,
  createBlocks,
  createDetection,
  createFailures,
  type Detection,
  detectionFault,
  detectionMigrations,
  type FailurePolicy,
  type Failures,
} from '../detection/index.ts';
import {
  createPeople,
  createSignIn,
  createTenancy,
  type People,
  peopleRoutes,
  type SignIn,
  signInRoute,
  tenancyRoutes,
} from '../flows/index.ts';
import { gatewayFault } from '../gateway/index.ts';
import { createAddressReader, httpFault, type Route } from '../http/index.ts';
import { createIdentity, type Identity, identityFault, identityMigrations } from '../identity/index.ts';
import type { Clock } from '../kernel/clock.ts';
import type { FaultTable } from '../kernel/errors.ts';
import type { Random } from '../kernel/random.ts';
import { createLimits, type Limits, limitFault } from '../limits/index.ts';
import type { Metrics } from '../metrics/index.ts';
import { isLegacy } from '../profiles/index.ts';
import { createReadings, type Readings, readingFault, readingMigrations, readingRoutes } from '../readings/index.ts';
import {
  type Assertions,
  assertionJwksRoute,
  createRevocations,
  createSessions,
  openAssertions,
  openTokens,
  type Revocations,
  type Sessions,
  sessionFault,
  sessionMigrations,
  sessionRoutes,
  type Tokens,
} from '../sessions/index.ts';
import type { Bus, HotState, Migration, Storage } from '../storage/index.ts';
import { storageFault } from '../storage/index.ts';
import { createTenants, MAIN_TENANT, type Tenants, tenantFault, tenantMigrations } from '../tenants/index.ts';
import { type MasterKey, openVault, type Vault, vaultFault, vaultMigrations } from '../vault/index.ts';
import { type BlockNews, createBlockNews } from './block-news.ts';
import type { Config } from './config.ts';
import { appFault } from './errors.ts';
import { hashersOf } from './worker-ground.ts';

export interface RoomDeps {
  readonly config: Config;
  readonly issuer: string;
  readonly storage: Storage;
  readonly hot: HotState;
  readonly bus: Bus;
  readonly master: MasterKey;
  /** Where the newest signed head of the audit log is remembered. */
  readonly head: HeadKeeper;
  readonly clock: Clock;
  readonly random: Random;
  readonly metrics: Metrics;
  /** Given where another thread of this process numbers and signs the log. */
  readonly integrator?: AuditDeps['integrator'];
  readonly alerts?: AlertConfig | undefined;
  /** Names this process among those that share a database. */
  readonly holder: string;
  readonly onError: (error: unknown) => void;
}

/** Work that is done again and again. */
export interface Job {
  readonly name: string;
  readonly everyMs: number;
  /** By every process for itself; otherwise by one of those that share a database. */
  readonly perProcess?: boolean;
  readonly run: () => Promise<void>;
}

/** The rooms of one Twinkeep, opened and tied together. */
export interface House {
  readonly vault: Vault;
  readonly audit: Audit;
  readonly tenants: Tenants;
  readonly identity: Identity;
  readonly access: Access;
  readonly revocations: Revocations;
  readonly tokens: Tokens;
  readonly sessions: Sessions;
  readonly apiKeys: ApiKeys;
  readonly limits: Limits;
  readonly detection: Detection;
  readonly blocks: Blocks;
  readonly failures: Failures;
  readonly blockNews: BlockNews;
  readonly delivery: Delivery;
  readonly readings: Readings;
  /** Every permission that a role or key may hold. */
  readonly catalogue: Set<string>;
  readonly assertions: Assertions;
  readonly signIn: SignIn;
  readonly people: People;
  /** Takes up what of another configuration the rooms go by, before it is served. */
  adopt(next: Config): void;
  readonly createTenant: ReturnType<typeof createTenancy>;
  /** Of the native API; profiles and the gateway bring their own. */
  readonly routes: readonly Route[];
  readonly jobs: readonly Job[];
}

/** Every table, in no order: each is named by its date. */
export const migrations: readonly Migration[] = [
  ...vaultMigrations,
  ...deliveryMigrations,
  ...auditMigrations,
  ...tenantMigrations,
  ...accessMigrations,
  ...apiKeyMigrations,
  ...identityMigrations,
  ...sessionMigrations,
  ...detectionMigrations,
  ...readingMigrations,
];

/** Every code that a client can meet, by room; `docs/errors.md` is printed from it. */
export const faultTables: Readonly<Record<string, FaultTable>> = {
  http: httpFault.table,
  storage: storageFault.table,
  crypto: cryptoFault.table,
  vault: vaultFault.table,
  delivery: deliveryFault.table,
  audit: auditFault.table,
  tenants: tenantFault.table,
  identity: identityFault.table,
  sessions: sessionFault.table,
  access: accessFault.table,
  apikeys: apiKeyFault.table,
  limits: limitFault.table,
  detection: detectionFault.table,
  gateway: gatewayFault.table,
  readings: readingFault.table,
  app: appFault.table,
};

/** What routes ask for; the catalogue that roles and keys are checked against is made of it. */
const ASKED = [
  'read:meter_data',
  'write:meter_data',
  'delete:meter_data',
  'admin:users',
  'admin:api_keys',
  'admin:audit',
  'admin:webhooks',
  'platform:tenants',
  'platform:blocks',
  'platform:config',
] as const;

/** Opens every room, lowest floor first. The database is migrated already. */
export async function openHouse(deps: RoomDeps): Promise<House> {
  const { config, issuer, storage, hot, bus, clock, random, onError } = deps;
  const vault = await openVault(deps);
  const audit = await createAudit({ ...deps, vault });

  const tenants = createTenants({ storage, audit, clock });
  const queue = createHashQueue({ concurrency: hashersOf(config.workers) });
  const identity = createIdentity({ storage, audit, hasher: createPasswordHasher({ random, queue }), clock, random });
  const catalogue = new Set(catalogueOf(ASKED));
  const access = createAccess({ storage, audit, bus, clock, catalogue });
  const apiKeys = createApiKeys({ storage, audit, bus, clock, random, bcrypt: createBcrypt({ queue }) });
  const limits = createLimits({ hot, config: config.limits });
  const delivery = await createDelivery({
    ...deps,
    config: config.delivery,
    audit,
    fields: vault.fields,
    home: MAIN_TENANT,
    inherits: storage.dialect === 'sqlite' && deps.integrator === undefined,
  });
  const detection = createDetection();
  const isTrustedProxy = createAddressReader(config.trustedProxies).trusts;
  const blockNews = createBlockNews(delivery);
  const blocks = createBlocks({
    ...deps,
    audit,
    config: config.detection,
    announce: blockNews.announce,
    isTrustedProxy,
  });
  let policyOf = failurePolicyOf(config);
  const failures = createFailures({
    ...deps,
    blocks,
    config: config.detection,
    policyOf: (profile) => policyOf(profile),
  });
  const readings = createReadings({ storage, vault, audit, clock, config: config.readings });

  const { accessMs } = config.sessions;
  const revocations = createRevocations({ storage, bus, clock, random, accessMs: longestAccessMs(config), onError });
  const tokens = await openTokens({ storage, vault, clock, random, revocations, accessMs, issuer });
  const rolesOf = access.rolesOf;
  const assertions = await openAssertions({ storage, vault, bus, clock, random, revocations, issuer, rolesOf });
  const sessions = createSessions({
    storage,
    audit,
    subjects: vault.subjects,
    tokens,
    revocations,
    clock,
    random,
    config: config.sessions,
    usernameOf: identity.activeName,
  });

  const createTenant = createTenancy({ storage, tenants, access });
  const people = createPeople({ storage, identity, tenants, access, sessions });
  const signIn = createSignIn({ identity, sessions, tenants, limits, audit, failures });

  const routes = [
    signInRoute(signIn),
    ...sessionRoutes(sessions, tokens),
    assertionJwksRoute(assertions),
    ...peopleRoutes(people, access),
    ...tenancyRoutes({ storage, tenants, access }),
    ...apiKeyRoutes(apiKeys, access.assertHolds),
    ...readingRoutes(readings),
    ...auditRoutes(audit, storage),
    ...blockRoutes(blocks, clock),
    ...deliveryRoutes(delivery),
  ];
  const jobs: readonly Job[] = [
    { name: 'sessions.prune', everyMs: 600_000, run: sessions.prune },
    { name: 'detection.prune', everyMs: 3_600_000, run: blocks.prune },
    ...delivery.jobs,
    { name: 'apikeys.use', everyMs: 10_000, perProcess: true, run: apiKeys.flushUse },
  ];
  const callers = { tenants, identity, access, revocations, tokens, assertions, sessions, apiKeys };
  const adopt = (next: Config): void => {
    revocations.keepFor(longestAccessMs(next));
    policyOf = failurePolicyOf(next);
  };
  const defence = { limits, detection, blocks, blockNews, failures };
  return {
    vault,
    audit,
    ...callers,
    ...defence,
    delivery,
    readings,
    catalogue,
    signIn,
    people,
    adopt,
    createTenant,
    routes,
    jobs,
  };
}

/** A revocation is remembered until no token from before it can be alive, whichever profile issued it. */
function longestAccessMs({ sessions, profiles, profile }: Config): number {
  return Math.max(sessions.accessMs, ...profiles.filter(isLegacy).map((name) => profile[name].accessMs));
}

/** A profile may say that its blocks stay (X17); all else is as configured for all. */
function failurePolicyOf({
  detection,
  profile,
}: Pick<Config, 'detection' | 'profile'>): (name: string) => FailurePolicy {
  const { failures, windowMs, blockMs, permanent } = detection;
  return (name) => ({
    failures,
    windowMs,
    blockMs,
    permanent: permanent || (isLegacy(name) && profile[name].permanentBlocks),
  });
}
