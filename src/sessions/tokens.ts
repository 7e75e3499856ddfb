import { z } from 'zod';
import { signEd25519, verifyEd25519 } from '../crypto/index.ts';
import { type EpochMs, epochMs, personId, realmId, sessionId, tenantId } from '../kernel/brand.ts';
import type { PersonPrincipal } from '../kernel/principal.ts';
import { newUuid } from '../kernel/random.ts';
import { sessionFault } from './errors.ts';
import { decoded, momentOf, secondsOf } from './jwt.ts';
import { acrOf } from './proof.ts';
import type { Revocations } from './revocations.ts';
import { type Jwks, openTokenKeys, type TokenKeyDeps, type TokenKeys } from './token-keys.ts';
import { createVerifiedCache, type VerifiedToken } from './verified-cache.ts';

export interface TokenDeps extends Omit<TokenKeyDeps, 'lifeMs'> {
  readonly revocations: Revocations;
  readonly accessMs: number;
}

/** The native issuer's tokens and the keys that sign them. */
export interface NativeTokens extends Tokens {
  readonly keys: TokenKeys;
}

/** Whom a token is for. What ends all sessions up to a moment ends those begun by then, whenever they gave a token. */
export type TokenSubject = PersonPrincipal & { readonly begunAt?: EpochMs | undefined };

/** Access tokens of one issuer; they open what is that issuer's, and nothing else. */
export interface Tokens {
  /** No token of it lives longer. */
  readonly accessMs: number;
  /**
   * @param notAfter no token outlives it: when the session ends, say
   * @param amr how the holder proved who they are; by a password unless told
   * @param fresh false for what a refresh gave, where a profile's back ends look for that
   */
  sign(holder: TokenSubject, notAfter?: EpochMs, amr?: readonly string[], fresh?: boolean): Promise<string>;
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
  const read = (token: string) => decoded(token, () => readToken(token, keys, deps, clock.now()));

  return {
    accessMs,
    keys,
    get jwks() {
      return keys.jwks;
    },
    verify: createVerifiedCache({ clock, revocations, read }),
    sign: async (holder, notAfter = LATEST, amr = BY_PASSWORD) => {
      const { kid, privateKey } = keys.current();
      const now = clock.now();
      const head = { alg: 'EdDSA', typ: 'at+jwt', kid };
      const claims = {
        client_id: 'twinkeep',
        sid: holder.sessionId,
        realm: holder.realmId,
        tenant: holder.tenantId,
        name: holder.username,
        amr,
        acr: acrOf(amr),
        auth_time: secondsOf(holder.authenticatedAt),
        begun: holder.begunAt,
        iss: issuer,
        aud: issuer,
        sub: holder.personId,
        jti: newUuid(clock, random),
        iat: secondsOf(now),
        exp: secondsOf(Math.min(now + accessMs, notAfter)),
      };
      // Here too, jose would go to another thread and back, which costs several times what the signature does.
      const signed = `${partOf(head)}.${partOf(claims)}`;
      return `${signed}.${signEd25519(privateKey, Buffer.from(signed)).toString('base64url')}`;
    },
  };
}

/** All that is believed of a token; signed by us or not, each is to be of its kind. */
const accessClaims = z.object({
  ...{ iss: z.string(), aud: z.string(), sub: z.string(), sid: z.string(), realm: z.string(), tenant: z.string() },
  ...{ name: z.string(), jti: z.string(), iat: z.number(), exp: z.number(), auth_time: z.number() },
  nbf: z.number().optional(),
  begun: z.int().nonnegative().optional(), // in milliseconds; absent from tokens of before it was told
});

/**
 * Signature first, by our own keys alone. Not by jose, for that goes to another thread and back: here, one strict form
 * and one algorithm cost half of it. `decoded` has seen to the one spelling and to the members of the header.
 */
async function readToken(
  token: string,
  keys: TokenKeys,
  { issuer, accessMs }: Pick<TokenDeps, 'issuer' | 'accessMs'>,
  now: EpochMs,
): Promise<VerifiedToken> {
  const [head = '', body = '', signature = ''] = token.split('.');
  const { alg, typ, kid } = accessHeader.parse(jsonOf(head));
  const key = alg === 'EdDSA' && typ === 'at+jwt' ? await keys.find(kid) : undefined;
  if (key === undefined) throw sessionFault('SESSION_TOKEN_INVALID');
  const signed = Buffer.from(`${head}.${body}`);
  if (!verifyEd25519(key.publicKey, signed, Buffer.from(signature, 'base64url')))
    throw sessionFault('SESSION_TOKEN_INVALID');
  const claims = accessClaims.parse(jsonOf(body));
  const early = claims.nbf !== undefined && claims.nbf > secondsOf(now);
  if (claims.iss !== issuer || claims.aud !== issuer || early) throw sessionFault('SESSION_TOKEN_INVALID');
  if (claims.exp <= secondsOf(now)) throw sessionFault('SESSION_EXPIRED');
  return { ...verifiedOf(claims, accessMs), key }; // of one that has ended too: it was good once, which a made-up token never was
}

const accessHeader = z.object({ alg: z.string(), typ: z.string(), kid: z.string() });
const partOf = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
const jsonOf = (part: string): unknown => JSON.parse(utf8.decode(Buffer.from(part, 'base64url')));
const utf8 = new TextDecoder('utf-8', { fatal: true });

/** A token of a time when lives were longer ends when one of today would. */
function verifiedOf(claims: z.output<typeof accessClaims>, accessMs: number): VerifiedToken {
  const { sub, sid, realm, tenant, name, jti, exp, auth_time, begun } = claims;
  const [issuedAt, end] = [momentOf(jti), epochMs(exp * 1_000)];
  return {
    principal: {
      kind: 'person',
      personId: personId(sub),
      sessionId: sessionId(sid),
      realmId: realmId(realm),
      tenantId: tenantId(tenant),
      username: name,
      authenticatedAt: epochMs(auth_time * 1_000),
    },
    issuedAt: epochMs(begun ?? issuedAt),
    tokenId: jti,
    expiresAt: epochMs(Math.min(end, issuedAt + accessMs)),
  };
}
