import { type Access, catalogueOf, createAccess } from '../access/index.ts';
import { type ApiKeys, apiKeyRoutes, createApiKeys } from '../apikeys/index.ts';
import { type Audit, type AuditDeps, auditRoutes, createAudit, type HeadKeeper } from '../audit/index.ts';
import { type Argon2Cost, createBcrypt, createHashQueue, createPasswordHasher } from '../crypto/index.ts';
import { type AlertConfig, createDelivery, type Delivery, deliveryRoutes } from '../delivery/index.ts';
import {
  type Anomalies,
  type Blocks,
  blockRoutes,
  createDetection,
  type Detection,
  type Failures,
  ruleRoutes,
  type Suspicion,
} from '../detection/index.ts';
import {
  type Accounts,
  type Attempts,
  createEndsOfMember,
  createMembers,
  createTenancy,
  memberRoutes,
  type People,
  peopleRoutes,
  type SignIn,
  tenancyRoutes,
} from '../flows/index.ts';
import type { Route } from '../http/index.ts';
import { createIdentity, type Identity, passwordSchemeOf } from '../identity/index.ts';
import type { Clock } from '../kernel/clock.ts';
import type { Random } from '../kernel/random.ts';
import { createLimits, type Limits } from '../limits/index.ts';
import type { Metrics } from '../metrics/index.ts';
import { type Mfa, TICKET_MS } from '../mfa/index.ts';
import { isLegacy } from '../profiles/index.ts';
import {
  createReadingStream,
  createReadings,
  type Readings,
  readingRoutes,
  readingStreamRoutes,
} from '../readings/index.ts';
import {
  type Assertions,
  assertionJwksRoute,
  createPlaces,
  createRevocationFeed,
  createRevocations,
  createSessions,
  openAssertions,
  openTokens,
  type Revocations,
  revocationRoutes,
  type Sessions,
  sessionRoutes,
  type TokenKeys,
  type Tokens,
  tokenKeyRoutes,
} from '../sessions/index.ts';
import type { Bus, HotState, Storage } from '../storage/index.ts';
import { createTenants, MAIN_TENANT, type Tenants } from '../tenants/index.ts';
import { type Keys, type OpenMasters, openVault, type Rewrap, type Vault } from '../vault/index.ts';
import type { AskedProofs } from './asked-proofs.ts';
import { createAttackNews } from './attack-news.ts';
import { countingExcepted, createAttackTally } from './attack-tally.ts';
import { type Attacks, createAttacks } from './attacks.ts';
import { type Backing, openBacking } from './backing.ts';
import type { BlockNews } from './block-news.ts';
import { openBlocking } from './blocking.ts';
import { ASKED } from './catalogue.ts';
import type { Config } from './config.ts';
import { type Entering, openEntering } from './entering.ts';
import { openInsight } from './insight.ts';
import { openKeeping } from './keeping.ts';
import type { MasterKeyring } from './master-keys.ts';
import { type FieldFunctionsOf, profileFields } from './profile-keys.ts';
import { createSignInNews } from './sign-in-news.ts';
import { openUnusualUse } from './unusual-use.ts';
import { hashersOf } from './worker-ground.ts';

export interface RoomDeps {
  readonly config: Config;
  readonly issuer: string;
  readonly storage: Storage;
  readonly hot: HotState;
  readonly bus: Bus;
  readonly keyring: MasterKeyring;
  /** Where the newest signed head of the audit log is remembered. */
  readonly head: HeadKeeper;
  readonly clock: Clock;
  readonly random: Random;
  /** Of new password hashes; tests alone give one, and no configuration can. */
  readonly passwordCost?: Argon2Cost | undefined;
  readonly metrics: Metrics;
  /** Given where another thread of this process numbers and signs the log. */
  readonly integrator?: AuditDeps['integrator'];
  readonly alerts?: AlertConfig | undefined;
  /** Names this process among those that share a database. */
  readonly holder: string;
  readonly onWarn: (message: string, facts?: Readonly<Record<string, string | number>>) => void;
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
  readonly masters: OpenMasters;
  readonly keys: Keys;
  readonly rewrap: Rewrap;
  readonly backups: Backing['backups'];
  /** Takes up what the settings ask of the keys; of one thread of a process. */
  startKeeping(): Promise<void>;
  /** The old field functions of a profile (A10, B13, V01, V04): they write what its `fieldForm` says. */
  readonly fieldFunctions: FieldFunctionsOf;
  readonly audit: Audit;
  readonly tenants: Tenants;
  readonly identity: Identity;
  readonly access: Access;
  readonly endsOfMember: ReturnType<typeof createEndsOfMember>;
  readonly revocations: Revocations;
  readonly tokens: Tokens;
  readonly sessions: Sessions;
  readonly apiKeys: ApiKeys;
  readonly limits: Limits;
  readonly detection: Detection;
  readonly attacks: Attacks;
  readonly blocks: Blocks;
  readonly failures: Failures;
  readonly suspicion: Suspicion;
  readonly anomalies: Anomalies;
  readonly askedProofs: AskedProofs;
  readonly blockNews: BlockNews;
  readonly delivery: Delivery;
  readonly readings: Readings;
  /** Every permission that a role or key may hold. */
  readonly catalogue: Set<string>;
  readonly assertions: Assertions;
  readonly signIn: SignIn;
  readonly stepUp: Entering['stepUp'];
  readonly people: People;
  readonly accounts: Accounts;
  readonly attempts: Attempts;
  readonly mfa: Mfa;
  readonly insight: ReturnType<typeof openInsight>;
  /** Lets those go who wait for revocations or readings. */
  endStreams(): void;
  /** Takes up what of another configuration the rooms go by, before it is served. */
  adopt(next: Config): Promise<void>;
  readonly createTenant: ReturnType<typeof createTenancy>;
  /** Of the native API; profiles and the gateway bring their own. */
  readonly routes: readonly Route[];
  readonly jobs: readonly Job[];
}

/** Opens every room, lowest floor first. The database is migrated already. */
export async function openHouse(deps: RoomDeps): Promise<House> {
  let kept = deps.config;
  const { config, issuer, storage, hot, bus, clock, random, onError } = deps;
  const { masters } = deps.keyring;
  const vault = await openVault({ ...deps, masters });
  const audit = await createAudit({ ...deps, vault });

  const tenants = createTenants({ storage, audit, clock });
  const queue = createHashQueue({ concurrency: hashersOf(config.workers) });
  const hasher = createPasswordHasher({ random, queue, cost: deps.passwordCost });
  const identity = createIdentity({
    storage,
    vault,
    audit,
    hasher,
    scheme: passwordSchemeOf(config.accounts),
    passwords: config.accounts.passwords,
    clock,
    random,
    onError,
  });
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
  const stream = createReadingStream({ bus, vault, random, onError, noteRead: audit.noteRead });
  const onStored = stream.publish;
  const readings = createReadings({ storage, vault, audit, clock, config: config.readings, onStored });

  const { accessMs, rotateKeysEveryMs: rotateEveryMs, placesFile } = config.sessions;
  const revocations = createRevocations({ storage, bus, clock, random, accessMs: longestAccessMs(config), onError });
  const signing = { storage, vault, audit, bus, clock, random, issuer, rotateEveryMs, revocations };
  const tokens = await openTokens({ ...signing, accessMs });
  const rolesOf = access.rolesOf;
  const assertions = await openAssertions({ ...signing, rolesOf });
  const tokenKeys = [tokens.keys, assertions.keys];
  const places = placesFile === undefined ? undefined : createPlaces({ file: placesFile, clock, onError });
  const sessions = createSessions({
    storage,
    audit,
    subjects: vault.subjects,
    tokens,
    revocations,
    clock,
    random,
    config: config.sessions,
    fields: vault.fields,
    places,
    notices: createSignInNews({ delivery, identity, onError }),
    usernameOf: identity.activeName,
    assertOpen: (person, device) => blocking.blocks.assertPersonNotBlocked(person, device),
  });

  const { inspection } = config.detection;
  const detection = countingExcepted(createDetection(inspection), inspection, deps.metrics);
  const blocking = openBlocking({ ...deps, audit, delivery, identity, sessions, tenants, access, apiKeys });
  const { blocks, blockNews, failures, suspicion } = blocking;
  const unusual = await openUnusualUse({ ...deps, audit, delivery, suspicion, places });
  const { anomalies, askedProofs } = unusual;
  const tally = createAttackTally(deps.metrics, deps.onWarn);

  const backing = openBacking({ ...deps, vault, audit });
  const { retainedBy, refreshKeystore } = backing.backups;
  const keepFor = (): number => longestAccessMs(kept);
  const keeping = openKeeping({ ...deps, vault, audit, retainedBy, refreshKeystore, keepFor });

  const createTenant = createTenancy({ storage, tenants, access });
  const alerts = deps.alerts;
  const persons = { vault, audit, delivery, limits, failures, identity, tenants, access, sessions, revocations };
  const { assertPersonNotBlocked: assertOpen } = blocks;
  const { forgetPerson: forgetUse } = anomalies;
  const entering = await openEntering({ ...deps, ...persons, hasher, apiKeys, alerts, assertOpen, forgetUse });
  const { signIn, stepUp, people, accounts, attempts, mfa } = entering;
  const feed = createRevocationFeed({ revocations, keys: tokens.keys, clock, random, accessMs: keepFor });
  const endsOfMember = createEndsOfMember(tenants);

  const routes = [
    ...entering.routes,
    ...sessionRoutes(sessions, tokens, endsOfMember),
    ...revocationRoutes(feed),
    assertionJwksRoute(assertions),
    ...tokenKeyRoutes(tokenKeys),
    ...peopleRoutes(people, access),
    ...tenancyRoutes({ storage, tenants, access }),
    ...memberRoutes(createMembers({ storage, audit, identity, tenants, access, sessions, apiKeys })),
    ...apiKeyRoutes(apiKeys, access.assertHolds),
    ...readingRoutes(readings),
    ...readingStreamRoutes(stream, { origins: config.corsOrigins.filter((origin) => origin !== '*') }),
    ...auditRoutes(audit, storage),
    ...blockRoutes(blocks, clock),
    ...ruleRoutes(detection),
    ...unusual.routes,
    ...deliveryRoutes(delivery),
    ...keeping.routes,
    ...backing.routes,
  ];
  const jobs: readonly Job[] = [
    ...entering.jobs,
    { name: 'sessions.use', everyMs: 15_000, perProcess: true, run: sessions.flushUse },
    ...tokenKeyJobs(tokenKeys, storage),
    ...keeping.jobs,
    ...backing.jobs,
    { name: 'sessions.prune', everyMs: 600_000, run: sessions.prune },
    { name: 'detection.prune', everyMs: 3_600_000, run: blocks.prune },
    { name: 'detection.tell', everyMs: 60_000, perProcess: true, run: async () => tally.tellOfMinute() },
    ...unusual.jobs,
    ...delivery.jobs,
    { name: 'apikeys.use', everyMs: 10_000, perProcess: true, run: apiKeys.flushUse },
  ];
  const callers = { tenants, identity, access, endsOfMember, revocations, tokens, assertions, sessions, apiKeys };
  const adopt = async (next: Config): Promise<void> => {
    await revocations.keepFor(longestAccessMs(next));
    kept = next;
    blocking.adopt(next);
  };
  const attacks = createAttacks({ audit, suspicion, tally, news: createAttackNews({ ...deps, delivery }) });
  const defence = { limits, detection, attacks, blocks, blockNews, failures, suspicion, anomalies, askedProofs };
  return {
    vault,
    masters,
    startKeeping: async () => {
      await keeping.start();
      await backing.start();
    },
    keys: keeping.keys,
    rewrap: keeping.rewrap,
    backups: backing.backups,
    fieldFunctions: profileFields({ ...deps, vault, keys: keeping.keys, config: () => kept }),
    audit,
    ...callers,
    ...defence,
    delivery,
    readings,
    catalogue,
    signIn,
    stepUp,
    people,
    accounts,
    attempts,
    mfa,
    insight: openInsight({ ...deps, ...callers, ...keeping, ...backing, audit, mfa, config: () => kept }),
    endStreams: () => {
      feed.stop();
      stream.close();
    },
    adopt,
    createTenant,
    routes,
    jobs,
  };
}

/** Where word of a new key can be lost, each process looks for itself, so that an ended one is not believed for long. */
function tokenKeyJobs(issuers: readonly TokenKeys[], { dialect }: Storage): readonly Job[] {
  const each = (act: (keys: TokenKeys) => Promise<void>) => async (): Promise<void> => {
    for (const keys of issuers) await act(keys);
  };
  const upkeep: Job = { name: 'sessions.token-keys', everyMs: 3_600_000, run: each((keys) => keys.upkeep()) };
  const run = each((keys) => keys.refresh());
  return dialect === 'sqlite'
    ? [upkeep]
    : [upkeep, { name: 'sessions.token-keys-read', everyMs: 1_000, perProcess: true, run }];
}

/** A revocation is remembered until no token from before it can be alive, whichever profile issued it. */
function longestAccessMs({ sessions, profiles, profile }: Config): number {
  // A sign-in that waits for its second factor ends with them too.
  return Math.max(TICKET_MS, sessions.accessMs, ...profiles.filter(isLegacy).map((name) => profile[name].accessMs));
}
