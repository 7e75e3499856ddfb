import { jwtVerify, SignJWT } from 'jose';
import { type EpochMs, epochMs, personId, realmId, sessionId, tenantId } from '../kernel/brand.ts';
import type { PersonPrincipal } from '../kernel/principal.ts';
import { newUuid } from '../kernel/random.ts';
import { sessionFault } from './errors.ts';
import { decoded, momentOf, secondsOf } from './jwt.ts';
import { acrOf } from './proof.ts';
import type { Revocations } from './revocations.ts';
import { type Jwks, openTokenKeys, type TokenKeyDeps, type TokenKeys, type VerifyingKey } from './token-keys.ts';
import { createVerifiedCache, type VerifiedToken } from './verified-cache.ts';

export interface TokenDeps extends Omit<TokenKeyDeps, 'lifeMs'> {
  readonly revocations: Revocations;
  readonly accessMs: number;
}

/** The native issuer's tokens and the keys that sign them. */
export interface NativeTokens extends Tokens {
  readonly keys: TokenKeys;
}

/** Access tokens of one issuer; they open what is that issuer's, and nothing else. */
export interface Tokens {
  /** No token of it lives longer. */
  readonly accessMs: number;
  /**
   * @param notAfter no token outlives it: when the session ends, say
   * @param amr how the holder proved who they are; by a password unless told
   */
  sign(holder: PersonPrincipal, notAfter?: EpochMs, amr?: readonly string[]): Promise<string>;
  /**
   * Who a token stands for; held against revocations also when it was verified before.
   *
   * @throws SESSION_TOKEN_INVALID, SESSION_EXPIRED, SESSION_REVOKED, SESSION_FEED_STALE
   */
  verify(token: string): PersonPrincipal | Promise<PersonPrincipal>;
  /** The public keys; none where a secret is shared instead. */
  readonly jwks: Jwks;
}

export const BY_PASSWORD: readonly string[] = ['pwd'];
export const LATEST = epochMs(Number.MAX_SAFE_INTEGER);

/** The native issuer: `at+jwt` signed with Ed25519, its `aud` its own `iss`. @see RFC 9068 */
export async function openTokens(deps: TokenDeps): Promise<NativeTokens> {
  const { clock, random, revocations, accessMs, issuer } = deps;
  const keys = await openTokenKeys({ ...deps, lifeMs: accessMs });
  const read = (token: string) => decoded(token, () => readToken(token, keys, issuer, clock.now()));

  return {
    accessMs,
    keys,
    get jwks() {
      return keys.jwks;
    },
    verify: createVerifiedCache({ clock, revocations, read }),
    sign: (holder, notAfter = LATEST, amr = BY_PASSWORD) => {
      const { kid, privateKey } = keys.current();
      return new SignJWT({
        client_id: 'twinkeep',
        sid: holder.sessionId,
        realm: holder.realmId,
        tenant: holder.tenantId,
        name: holder.username,
        amr,
        acr: acrOf(amr),
        auth_time: secondsOf(holder.authenticatedAt),
      })
        .setProtectedHeader({ alg: 'EdDSA', typ: 'at+jwt', kid })
        .setIssuer(issuer)
        .setAudience(issuer)
        .setSubject(holder.personId)
        .setJti(newUuid(clock, random))
        .setIssuedAt(secondsOf(clock.now()))
        .setExpirationTime(secondsOf(Math.min(clock.now() + accessMs, notAfter)))
        .sign(privateKey);
    },
  };
}

const CLAIMS = ['sub', 'sid', 'realm', 'tenant', 'name', 'iat', 'exp', 'auth_time', 'jti'];

async function readToken(token: string, keys: TokenKeys, issuer: string, now: EpochMs): Promise<VerifiedToken> {
  let key: VerifyingKey | undefined;
  const { payload } = await jwtVerify(
    token,
    async ({ kid }) => {
      key = await keys.find(kid ?? '');
      if (key === undefined) throw sessionFault('SESSION_TOKEN_INVALID');
      return key.publicKey;
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
  return { ...verifiedOf(payload), key }; // of one that has ended too: it was good once, which a made-up token never was
}

function verifiedOf(payload: Readonly<Record<string, unknown>>): VerifiedToken {
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
    issuedAt: momentOf(text('jti')),
    tokenId: text('jti'),
    expiresAt: ms('exp'),
  };
}
