import type { KeyObject } from 'node:crypto';
import { jwtVerify, SignJWT } from 'jose';
import {
  decodeBase64url,
  ed25519Thumbprint,
  exportEd25519Private,
  exportEd25519Public,
  generateEd25519,
  importEd25519Private,
} from '../crypto/index.ts';
import { type EpochMs, epochMs, personId, realmId, sessionId, tenantId } from '../kernel/brand.ts';
import type { Clock } from '../kernel/clock.ts';
import { TwinkeepError } from '../kernel/errors.ts';
import type { PersonPrincipal } from '../kernel/principal.ts';
import { newUuid, type Random } from '../kernel/random.ts';
import { type Json, platform } from '../kernel/tx.ts';
import type { Storage } from '../storage/index.ts';
import type { FieldPlace, Vault } from '../vault/index.ts';
import { sessionFault } from './errors.ts';
import type { Revocations } from './revocations.ts';
import { sessionStore, type TokenKeyRow } from './store.ts';

export interface TokenDeps {
  readonly storage: Storage;
  readonly vault: Vault;
  readonly clock: Clock;
  readonly random: Random;
  readonly revocations: Revocations;
  readonly accessMs: number;
  /** The `iss` of tokens, and their `aud`: this issuer's tokens are for its own routes alone. */
  readonly issuer: string;
}

/** Access tokens of the native issuer: `at+jwt` signed with Ed25519. @see RFC 9068 */
export interface Tokens {
  /** @param notAfter when the session ends at the latest: no token of it lives longer */
  sign(holder: PersonPrincipal, notAfter?: EpochMs): Promise<string>;
  /**
   * Who a token stands for; held against revocations also when it was verified before.
   *
   * @throws SESSION_TOKEN_INVALID, SESSION_EXPIRED, SESSION_REVOKED, SESSION_FEED_STALE
   */
  verify(token: string): PersonPrincipal | Promise<PersonPrincipal>;
  /** The public keys. @see RFC 7517 */
  readonly jwks: { readonly keys: readonly Json[] };
}

interface Verified {
  readonly principal: PersonPrincipal;
  readonly issuedAt: EpochMs;
  readonly expiresAt: EpochMs;
}

const MAX_VERIFIED = 10_000;
const MAX_TOKEN_LENGTH = 4_096;
const LATEST = epochMs(Number.MAX_SAFE_INTEGER);

export async function openTokens(deps: TokenDeps): Promise<Tokens> {
  const { clock, random, revocations, accessMs, issuer } = deps;
  const keys = await openKeys(deps);
  const verified = new Map<string, Verified>();

  function admit({ principal, issuedAt, expiresAt }: Verified): PersonPrincipal {
    if (!revocations.fresh()) throw sessionFault('SESSION_FEED_STALE'); // it may be revoked for all we know
    if (clock.now() >= expiresAt) throw sessionFault('SESSION_EXPIRED');
    if (revocations.revokes({ ...principal, issuedAt })) throw sessionFault('SESSION_REVOKED');
    return principal;
  }

  async function verifyFresh(token: string): Promise<PersonPrincipal> {
    const found = await readToken(token, keys.byKid, issuer, clock.now());
    if (verified.size >= MAX_VERIFIED) dropOldest(verified);
    verified.set(token, found);
    return admit(found);
  }

  return {
    jwks: { keys: keys.jwks },
    sign: (holder, notAfter = LATEST) => {
      const now = Math.floor(clock.now() / 1_000);
      const expires = Math.floor(Math.min(clock.now() + accessMs, notAfter) / 1_000);
      return new SignJWT({
        client_id: 'twinkeep',
        sid: holder.sessionId,
        realm: holder.realmId,
        tenant: holder.tenantId,
        name: holder.username,
        amr: ['pwd'],
        acr: 'urn:twinkeep:acr:password',
        auth_time: Math.floor(holder.authenticatedAt / 1_000),
      })
        .setProtectedHeader({ alg: 'EdDSA', typ: 'at+jwt', kid: keys.current.kid })
        .setIssuer(issuer)
        .setAudience(issuer)
        .setSubject(holder.personId)
        .setJti(newUuid(clock, random))
        .setIssuedAt(now)
        .setExpirationTime(expires)
        .sign(keys.current.privateKey);
    },
    verify: (token) => {
      const known = verified.get(token);
      return known === undefined ? verifyFresh(token) : admit(known);
    },
  };
}

function dropOldest(cache: Map<string, unknown>): void {
  const [oldest] = cache.keys(); // a Map keeps the order of arrival
  if (oldest !== undefined) cache.delete(oldest);
}

async function readToken(
  token: string,
  byKid: ReadonlyMap<string, KeyObject>,
  issuer: string,
  now: EpochMs,
): Promise<Verified> {
  const parts = token.split('.');
  // jose takes base64url with junk in it; two spellings of one token would be two entries in every cache and log.
  if (
    token.length > MAX_TOKEN_LENGTH ||
    parts.length !== 3 ||
    parts.some((part) => decodeBase64url(part) === undefined)
  ) {
    throw sessionFault('SESSION_TOKEN_INVALID');
  }
  try {
    const { payload } = await jwtVerify(
      token,
      ({ kid }) => {
        const key = byKid.get(kid ?? '');
        if (key === undefined) throw sessionFault('SESSION_TOKEN_INVALID');
        return key;
      },
      {
        issuer,
        audience: issuer,
        typ: 'at+jwt',
        algorithms: ['EdDSA'],
        currentDate: new Date(now),
        requiredClaims: CLAIMS,
      },
    );
    return verifiedOf(payload);
  } catch (error) {
    if (error instanceof TwinkeepError) throw error;
    const expired = error instanceof Error && 'code' in error && error.code === 'ERR_JWT_EXPIRED';
    throw sessionFault(expired ? 'SESSION_EXPIRED' : 'SESSION_TOKEN_INVALID', {}, error);
  }
}

const CLAIMS = ['sub', 'sid', 'realm', 'tenant', 'name', 'iat', 'exp', 'auth_time', 'jti'];

function verifiedOf(payload: Readonly<Record<string, unknown>>): Verified {
  const text = (name: string): string => String(payload[name]);
  const ms = (name: string): EpochMs => epochMs(Number(payload[name]) * 1_000);
  return {
    principal: {
      kind: 'person',
      personId: personId(text('sub')),
      sessionId: sessionId(text('sid')),
      realmId: realmId(text('realm')),
      tenantId: tenantId(text('tenant')),
      username: text('name'),
      authenticatedAt: ms('auth_time'),
    },
    issuedAt: momentOf(text('jti')), // `iat` tells whole seconds, too coarse to say what came before a revocation
    expiresAt: ms('exp'),
  };
}

/** When a UUIDv7 was made, to the millisecond. @throws SESSION_TOKEN_INVALID for text of another form */
function momentOf(uuid: string): EpochMs {
  if (!UUID_V7.test(uuid)) throw sessionFault('SESSION_TOKEN_INVALID');
  return epochMs(Number.parseInt(uuid.slice(0, 8) + uuid.slice(9, 13), 16));
}

const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$/;

interface Keys {
  readonly current: { readonly kid: string; readonly privateKey: KeyObject };
  readonly byKid: ReadonlyMap<string, KeyObject>;
  readonly jwks: readonly Json[];
}

const PLATFORM = tenantId('platform');
const placeOf = (issuer: string, kid: string): FieldPlace => ({
  table: 'token_key',
  column: 'sealed',
  row: `${issuer}|${kid}`,
});

/** The issuer's keys, the first made at the first start. Private parts are sealed by the vault. */
async function openKeys({ storage, vault, clock, random, issuer }: TokenDeps): Promise<Keys> {
  const fields = await vault.fields(PLATFORM);
  const rows = await storage.write(platform, async (tx): Promise<readonly TokenKeyRow[]> => {
    const present = await sessionStore.keys(tx, issuer);
    if (present.length > 0) return present;
    const pair = generateEd25519(random);
    const kid = ed25519Thumbprint(pair.publicKey);
    const sealed = fields.seal(placeOf(issuer, kid), JSON.stringify(exportEd25519Private(pair.privateKey)));
    const row = { issuer, kid, public: { ...exportEd25519Public(pair.publicKey) }, sealed };
    await sessionStore.addKey(tx, row, clock.now());
    return [row];
  });
  const opened = rows.map(({ kid, sealed }) => {
    const pair = importEd25519Private(JSON.parse(fields.open(placeOf(issuer, kid), sealed)));
    if (pair === undefined) throw new TypeError(`the token key ${kid} is no Ed25519 key`);
    return { kid, ...pair };
  });
  const current = opened.at(-1);
  if (current === undefined) throw new TypeError('an issuer needs a key');
  return {
    current,
    byKid: new Map(opened.map(({ kid, publicKey }) => [kid, publicKey])),
    jwks: opened.map(({ kid, publicKey }) => ({ ...exportEd25519Public(publicKey), kid, use: 'sig', alg: 'EdDSA' })),
  };
}
