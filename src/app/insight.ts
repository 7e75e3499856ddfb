import { type Access, anyImplies } from '../access/index.ts';
import { type Audit, createLogWatch, type HeadKeeper } from '../audit/index.ts';
import type { Backups } from '../backups/index.ts';
import { type PersonId, personId, type TenantId } from '../kernel/brand.ts';
import { type Clock, seconds } from '../kernel/clock.ts';
import type { Mfa } from '../mfa/index.ts';
import { createChecks, createPosture, type PostureSources } from '../posture/index.ts';
import { type Insight, isLegacy, sessionMsOf } from '../profiles/index.ts';
import { judgeSecret, type Revocations } from '../sessions/index.ts';
import type { HotState, Storage } from '../storage/index.ts';
import type { Tenants } from '../tenants/index.ts';
import type { Keys, OpenMasters } from '../vault/index.ts';
import { placeOf } from './backing.ts';
import type { Config } from './config.ts';
import { defenceOf, transportOf } from './insight-defence.ts';
import { servesTls } from './tls-config.ts';

/** The rooms that evidence comes from. */
export interface InsightDeps {
  readonly config: () => Config;
  readonly issuer: string;
  readonly storage: Storage;
  readonly hot: HotState;
  readonly keyring: { readonly masters: OpenMasters };
  readonly keys: Keys;
  readonly audit: Audit;
  readonly head: HeadKeeper;
  readonly backups: Backups;
  readonly tenants: Tenants;
  readonly access: Access;
  readonly mfa: Mfa;
  readonly revocations: Pick<Revocations, 'fresh'>;
  readonly clock: Clock;
  readonly onError: (error: unknown) => void;
}

/** What can be told of the whole server's security, and where each part of it comes from. */
export function openInsight(deps: InsightDeps): Insight {
  const { clock, onError, keys, mfa } = deps;
  const seen: Seen = { tls: undefined };
  const posture = createPosture({ checks: createChecks({ sources: sourcesOf(deps, seen), clock }), clock, onError });
  return {
    posture,
    noteAsked: ({ secure }) => {
      seen.tls = secure;
    },
    get tls() {
      return hasTls(deps);
    },
    encryption: async (tenant) => {
      const { algorithm, current_version: currentVersion, days_until_rotation: left } = await keys.status(tenant);
      return { algorithm, currentVersion, rotationNeeded: left === 0 };
    },
    sessionHealth: briefly(clock, () => healthOf(deps)),
    methods: mfa.methodsHere,
  };
}

/** What those who ask bring along by asking. */
interface Seen {
  tls: boolean | undefined;
}

function sourcesOf(deps: InsightDeps, seen: Seen): PostureSources {
  const { keys, revocations, audit, config } = deps;
  const log = createLogWatch({ ...deps, key: audit.key });
  return {
    settings: () => ({ ...settingsOf(deps), seenTls: seen.tls }),
    transport: () => transportOf(config(), hasTls(deps), deps.clock),
    defence: () => defenceOf(config()),
    keys: async () => {
      const all = await keys.statusOfAll();
      const versions = all.flatMap((status) => status.versions);
      return {
        tenants: all.length,
        overdue: all.filter(({ days_until_rotation: left }) => left === 0).length,
        algorithms: [...new Set(all.map(({ algorithm }) => algorithm))],
        readBy: [...new Set(versions.filter(({ state }) => state === 'read-only').map(({ algorithm }) => algorithm))],
      };
    },
    people: () => peopleOf(deps),
    feedIsFresh: () => revocations.fresh(),
    log: log.state,
    backups: async () => {
      const place = placeOf(config());
      return place.dialect === 'sqlite' && place.file === ':memory:' ? undefined : backupsOf(deps);
    },
  };
}

/** Ours, or that of a proxy in front of us, which the address tells that people use. */
const hasTls = ({ config, issuer }: InsightDeps): boolean =>
  servesTls(config().tls) || (config().accounts.publicUrl ?? issuer).startsWith('https://');

function settingsOf(deps: InsightDeps) {
  const { production, limits, corsOrigins, profiles, profile, sessions, accounts } = deps.config();
  const served = profiles.filter(isLegacy);
  const isShort = (secret: string | undefined): boolean => secret === undefined || judgeSecret(secret).kind !== 'good';
  const { accessMs, absoluteMs, maxPerPerson } = sessions;
  return {
    production,
    tls: hasTls(deps),
    masterKeyFrom: deps.keyring.masters.state.provider,
    limits: limits.enabled,
    shortSecrets: served.filter((name) => isShort(profile[name].secret?.reveal())),
    openCors: [corsOrigins, ...served.map((name) => profile[name].corsOrigins)].some((all) => all.includes('*')),
    sessions: {
      accessMs: Math.max(accessMs, ...served.map((name) => profile[name].accessMs)),
      absoluteMs: Math.max(absoluteMs, ...served.map((name) => sessionMsOf(name, profile[name]))),
      maxPerPerson,
    },
    leastPassword: accounts.passwords.minLengthWithoutFactor,
  };
}

/** Counted for a rating, not listed: past so many of each the rest is as good as those. */
const MOST_TENANTS = 100;
const MOST_ADMINISTRATORS = 200;

async function peopleOf({ tenants, mfa, ...deps }: InsightDeps) {
  const all = new Set<PersonId>();
  for (const { id } of (await tenants.list()).slice(0, MOST_TENANTS))
    for (const person of await administratorsOf(deps, id)) if (all.size < MOST_ADMINISTRATORS) all.add(person);
  let withSecondFactor = 0;
  let asked = 0;
  for (const person of all) {
    if (await mfa.isEnrolled(person)) withSecondFactor += 1;
    if ((await mfa.demandOf(person)).required) asked += 1;
  }
  return { administrators: all.size, withSecondFactor, secondFactorRequired: asked === all.size && asked > 0 };
}

async function administratorsOf({ access }: Pick<InsightDeps, 'access'>, tenant: TenantId) {
  const roles = await access.roles(tenant);
  const isHigh = new Set(
    roles.filter(({ permissions }) => anyImplies(permissions, 'admin:users')).map(({ name }) => name),
  );
  return [...(await access.grants(tenant))]
    .filter(([, names]) => names.some((name) => isHigh.has(name)))
    .map(([id]) => personId(id));
}

async function backupsOf({ backups }: InsightDeps) {
  const made = (await backups.list()).filter(({ state, isThere }) => state === 'made' && isThere);
  const drilled = made.filter(({ drillResult }) => drillResult === 'good');
  return {
    newestAt: newestOf(made.map(({ createdAt }) => createdAt)),
    drilledAt: newestOf(drilled.map(({ drilledAt }) => drilledAt)),
    warnings: (await backups.warnings()).length,
  };
}

function newestOf<Time extends number>(times: readonly (Time | undefined)[]): Time | undefined {
  return times.reduce((newest, at) => (at !== undefined && at > (newest ?? -1) ? at : newest), undefined);
}

/** @returns what sessions rest upon: the feed of revocations, the database, and Redis where it is used */
async function healthOf({ config, storage, hot, revocations }: InsightDeps): ReturnType<Insight['sessionHealth']> {
  const isThere = (probe: Promise<unknown>): Promise<boolean> =>
    probe.then(
      () => true,
      () => false,
    );
  const usesRedis = config().redisUrl !== undefined;
  const [database, redis] = await Promise.all([
    isThere(storage.probe()),
    usesRedis ? versionOf(hot) : Promise.resolve('not used'),
  ]);
  const status = !database || !revocations.fresh() ? 'unhealthy' : redis === AWAY ? 'degraded' : 'healthy';
  return { status, redis };
}

const AWAY = 'unreachable';

async function versionOf(hot: HotState): Promise<string> {
  try {
    await hot.probe();
  } catch {
    return AWAY;
  }
  return (await hot.server?.().catch(() => undefined)) ?? 'unknown'; // a user of Redis may be kept from asking
}

const KEPT_MS = seconds(2);

/** Everybody may ask, and what is asked for costs a look at the database each time. */
function briefly<Answer>(clock: Clock, ask: () => Promise<Answer>): () => Promise<Answer> {
  let kept: { readonly at: number; readonly answer: Promise<Answer> } | undefined;
  return () => {
    const now = clock.now();
    if (kept === undefined || now < kept.at || now - kept.at >= KEPT_MS) kept = { at: now, answer: ask() };
    return kept.answer;
  };
}
