import { SignJWT } from 'jose';
import type { TenantId } from '../kernel/brand.ts';
import { minutes, seconds } from '../kernel/clock.ts';
import { type KnownPrincipal, nameOf } from '../kernel/principal.ts';
import { newUuid } from '../kernel/random.ts';
import type { Bus } from '../storage/index.ts';
import { sessionFault } from './errors.ts';
import { secondsOf } from './jwt.ts';
import type { Revocations, TokenHolder } from './revocations.ts';
import { hasEnded, type Jwks, type KeyEnd, openTokenKeys, type TokenKeyDeps, type TokenKeys } from './token-keys.ts';
import { dropOldest } from './verified-cache.ts';

export interface AssertionDeps extends Omit<TokenKeyDeps, 'lifeMs'> {
  /** That of the native issuer; assertions are signed by `<issuer>/gateway`, with keys of its own. */
  readonly issuer: string;
  readonly revocations: Revocations;
  readonly bus: Bus;
  /** The names of the roles that somebody has in a tenant. */
  readonly rolesOf: (caller: KnownPrincipal, tenantId: TenantId) => readonly string[] | Promise<readonly string[]>;
}

/** By which the gateway tells a back end who calls: a JWT that is good for 90 seconds and for that back end alone. */
export interface Assertions {
  /**
   * @param audience the back end's name
   * @returns at once where one was made for the same caller within the last minute
   * @throws SESSION_REVOKED, SESSION_FEED_STALE
   */
  of(caller: KnownPrincipal, tenantId: TenantId, audience: string): string | Promise<string>;
  readonly jwks: Jwks;
  readonly keys: TokenKeys;
}

/** Its `typ`, which no access token has. @see RFC 8725 §3.11 */
const TYPE = 'twinkeep-assertion+jwt';
const CACHED_MS = minutes(1);
const LIFE_MS = CACHED_MS + seconds(30); // what is handed out from the cache at the last moment must still arrive
const UNHEARD_MS = seconds(1);
const MAX_CACHED = 10_000;
const TOPIC = 'access.changed';

interface Made {
  readonly token: string;
  readonly caller: KnownPrincipal;
  /** What is held against revocations; API keys are verified anew at each request. */
  readonly holder: TokenHolder | undefined;
  /** As the topic names whose rights have changed. */
  readonly rights: string;
  readonly madeAt: number;
  /** Which an emergency may end. */
  readonly key: KeyEnd;
}

export async function openAssertions(deps: AssertionDeps): Promise<Assertions> {
  const { clock, revocations, bus } = deps;
  const issuer = `${deps.issuer}/gateway`;
  const keys = await openTokenKeys({ ...deps, issuer, lifeMs: LIFE_MS });
  const cache = new Map<string, Made>();
  let changes = 0;
  let gaps = bus.gaps();

  bus.subscribe(TOPIC, (rights) => {
    changes++;
    for (const [key, made] of cache) if (made.rights === rights) cache.delete(key);
  });

  function isGood(made: Made, caller: KnownPrincipal): boolean {
    // Where a changed right may have gone unheard, nothing older than the second that every change is granted.
    const maxAgeMs = bus.healthy() ? CACHED_MS : UNHEARD_MS;
    if (clock.now() - made.madeAt >= maxAgeMs || !isSame(made.caller, caller)) return false;
    if (hasEnded(made.key, clock.now())) return false;
    return made.holder === undefined || !revocations.revokes(made.holder);
  }

  async function make(key: string, caller: KnownPrincipal, tenantId: TenantId, audience: string): Promise<string> {
    const before = changes;
    const madeAt = clock.now();
    const holder = caller.kind === 'person' ? { ...holderOf(caller, tenantId), issuedAt: madeAt } : undefined;
    const roles = await deps.rolesOf(caller, tenantId);
    const signing = keys.current();
    const token = await new SignJWT({ tenant: tenantId, roles, ...claimsOf(caller, tenantId) })
      .setProtectedHeader({ alg: 'EdDSA', typ: TYPE, kid: signing.kid })
      .setIssuer(issuer)
      .setAudience(audience)
      .setJti(newUuid(clock, deps.random))
      .setIssuedAt(secondsOf(madeAt))
      .setExpirationTime(secondsOf(madeAt + LIFE_MS))
      .sign(signing.privateKey);
    if (holder !== undefined && revocations.revokes(holder)) throw sessionFault('SESSION_REVOKED'); // perhaps meanwhile
    if (before === changes)
      keep(key, { token, caller, holder, rights: rightsOf(caller, tenantId), madeAt, key: signing });
    return token;
  }

  function keep(key: string, made: Made): void {
    cache.delete(key); // so that it goes to the end of the row
    if (cache.size >= MAX_CACHED) dropOldest(cache);
    cache.set(key, made);
  }

  return {
    keys,
    get jwks() {
      return keys.jwks;
    },
    of: (caller, tenantId, audience) => {
      // Without the feed the session may be over for all we know.
      if (caller.kind === 'person' && !revocations.fresh()) throw sessionFault('SESSION_FEED_STALE');
      if (gaps !== bus.gaps()) {
        gaps = bus.gaps();
        cache.clear(); // somebody's rights may have changed in the gap
      }
      const key = `${idOf(caller)} ${tenantId} ${audience}`;
      const made = cache.get(key);
      return made !== undefined && isGood(made, caller) ? made.token : make(key, caller, tenantId, audience);
    },
  };
}

const holderOf = ({ sessionId, personId }: Extract<KnownPrincipal, { kind: 'person' }>, tenantId: TenantId) => ({
  sessionId,
  personId,
  tenantId,
});

function idOf(caller: KnownPrincipal): string {
  return caller.kind === 'person' ? caller.sessionId : nameOf(caller);
}

function rightsOf(caller: KnownPrincipal, tenantId: TenantId): string {
  return `${tenantId}/${caller.kind === 'person' ? caller.personId : nameOf(caller)}`;
}

/** Whether an assertion for the one says the right thing of the other, both being of one session or key. */
function isSame(made: KnownPrincipal, caller: KnownPrincipal): boolean {
  if (made === caller) return true;
  if (made.kind === 'person' && caller.kind === 'person') {
    const { personId, username, authenticatedAt } = caller;
    return made.personId === personId && made.username === username && made.authenticatedAt === authenticatedAt;
  }
  if (made.kind !== 'api-key' || caller.kind !== 'api-key') return made.kind === caller.kind;
  return made.scopes.length === caller.scopes.length && made.scopes.every((scope, i) => scope === caller.scopes[i]);
}

/** Who calls, in the words of OpenID Connect where it has one. */
function claimsOf(caller: KnownPrincipal, tenantId: TenantId) {
  switch (caller.kind) {
    case 'person':
      return {
        sub: caller.personId,
        name: caller.username,
        sid: caller.sessionId,
        auth_time: secondsOf(caller.authenticatedAt),
        amr: ['pwd'],
      };
    case 'api-key':
      return { sub: nameOf(caller), scopes: caller.tenantId === tenantId ? caller.scopes : [] };
    case 'operator':
      return { sub: 'operator' };
  }
}
