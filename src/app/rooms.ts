import { type Access, accessFault, accessMigrations, catalogueOf, createAccess } from '../access/index.ts';
import { type ApiKeys, apiKeyFault, apiKeyMigrations, apiKeyRoutes, createApiKeys } from '../apikeys/index.ts';
import { type Audit, auditFault, auditMigrations, auditRoutes, createAudit, type HeadKeeper } from '../audit/index.ts';
import { createPasswordHasher, cryptoFault } from '../crypto/index.ts';
import { createDetection, type Detection } from '../detection/index.ts';
import {
  createPeople,
  createSignIn,
  createTenancy,
  type People,
  peopleRoutes,
  signInRoute,
  tenancyRoutes,
} from '../flows/index.ts';
import { httpFault, type Route } from '../http/index.ts';
import { createIdentity, type Identity, identityFault, identityMigrations } from '../identity/index.ts';
import type { Clock } from '../kernel/clock.ts';
import type { FaultTable } from '../kernel/errors.ts';
import type { Random } from '../kernel/random.ts';
import { createLimits, type Limits, limitFault } from '../limits/index.ts';
import type { Metrics } from '../metrics/index.ts';
import { createReadings, readingFault, readingMigrations, readingRoutes } from '../readings/index.ts';
import {
  createRevocations,
  createSessions,
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
import { createTenants, type Tenants, tenantFault, tenantMigrations } from '../tenants/index.ts';
import { type MasterKey, openVault, type Vault, vaultFault, vaultMigrations } from '../vault/index.ts';
import type { Config } from './config.ts';
import { appFault } from './errors.ts';

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
  readonly people: People;
  readonly createTenant: ReturnType<typeof createTenancy>;
  readonly routes: readonly Route[];
  readonly jobs: readonly Job[];
}

/** Every table, in no order: each is named by its date. */
export const migrations: readonly Migration[] = [
  ...vaultMigrations,
  ...auditMigrations,
  ...tenantMigrations,
  ...accessMigrations,
  ...apiKeyMigrations,
  ...identityMigrations,
  ...sessionMigrations,
  ...readingMigrations,
];

/** Every code that a client can meet, by room; `docs/errors.md` is printed from it. */
export const faultTables: Readonly<Record<string, FaultTable>> = {
  http: httpFault.table,
  storage: storageFault.table,
  crypto: cryptoFault.table,
  vault: vaultFault.table,
  audit: auditFault.table,
  tenants: tenantFault.table,
  identity: identityFault.table,
  sessions: sessionFault.table,
  access: accessFault.table,
  apikeys: apiKeyFault.table,
  limits: limitFault.table,
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
  'platform:tenants',
] as const;

/** Opens every room, lowest floor first. The database is migrated already. */
export async function openHouse(deps: RoomDeps): Promise<House> {
  const { config, issuer, storage, hot, bus, clock, random, onError } = deps;
  const vault = await openVault(deps);
  const audit = await createAudit({ ...deps, vault });

  const tenants = createTenants({ storage, audit, clock });
  const identity = createIdentity({ storage, audit, hasher: createPasswordHasher({ random }), clock, random });
  const access = createAccess({ storage, audit, bus, clock, catalogue: catalogueOf(ASKED) });
  const apiKeys = createApiKeys({ storage, audit, bus, clock, random });
  const limits = createLimits({ hot, config: config.limits });
  const detection = createDetection();
  const readings = createReadings({ storage, vault, audit, clock, config: config.readings });

  const { accessMs } = config.sessions;
  const revocations = createRevocations({ storage, bus, clock, random, accessMs, onError });
  const tokens = await openTokens({ storage, vault, clock, random, revocations, accessMs, issuer });
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
  const signIn = createSignIn({ identity, sessions, tenants, limits, audit });

  const routes = [
    signInRoute(signIn),
    ...sessionRoutes(sessions, tokens),
    ...peopleRoutes(people, access),
    ...tenancyRoutes({ storage, tenants, access }),
    ...apiKeyRoutes(apiKeys, access.assertHolds),
    ...readingRoutes(readings),
    ...auditRoutes(audit, storage),
  ];
  const jobs: readonly Job[] = [
    { name: 'sessions.prune', everyMs: 600_000, run: sessions.prune },
    { name: 'apikeys.use', everyMs: 10_000, perProcess: true, run: apiKeys.flushUse },
  ];
  const rooms = { vault, audit, tenants, identity, access, revocations, tokens, sessions, apiKeys, limits, detection };
  return { ...rooms, people, createTenant, routes, jobs };
}
