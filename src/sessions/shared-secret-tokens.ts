import { createSecretKey } from 'node:crypto';
import { jwtVerify, SignJWT } from 'jose';
import { z } from 'zod';
import { encodeBase64url, hkdfSha256 } from '../crypto/index.ts';
import { type EpochMs, epochMs, personId, sessionId, tenantId } from '../kernel/brand.ts';
import { type Clock, minutes } from '../kernel/clock.ts';
import type { PersonPrincipal } from '../kernel/principal.ts';
import { newUuid, type Random } from '../kernel/random.ts';
import type { Secret } from '../kernel/secret.ts';
import { type Json, platform } from '../kernel/tx.ts';
import type { Storage } from '../storage/index.ts';
import { sessionFault } from './errors.ts';
import { decoded, momentOf, secondsOf } from './jwt.ts';
import type { Revocations } from './revocations.ts';
import type { SessionRow } from './session.ts';
import { judgeSecret } from './shared-secret.ts';
import { sessionStore } from './store.ts';
import { LATEST, type Tokens } from './tokens.ts';
import { createVerifiedCache, type VerifiedToken } from './verified-cache.ts';

/** The claims by which an older system knows a person: `sub`, and what else it looks at. */
export type LegacyClaims = { readonly sub: string } & { readonly [name: string]: Json };

export interface SharedSecretTokenDeps {
  readonly profile: string;
  /** What the profile's old back ends verify with too. */
  readonly secret: Secret;
  /** The `iss` of the profile's tokens: no two profiles have the same. */
  readonly issuer: string;
  /** PyJWT and python-jose refuse a token with an `aud` that they were not told to expect; without it there is none. */
  readonly audience?: string | undefined;
  readonly accessMs: number;
  readonly storage: Storage;
  readonly clock: Clock;
  readonly random: Random;
  readonly revocations: Revocations;
  /** Information for old back ends alone: nothing of it is believed when the token comes back. */
  readonly claimsOf: (holder: PersonPrincipal) => LegacyClaims | Promise<LegacyClaims>;
}

const SKEW_MS = minutes(1);
const KID_BYTES = 12;

/**
 * The issuer of an older system's tokens: HS256 under a secret that its back ends share.
 *
 * Whoever knows such a secret can sign, so a signature proves less here than the native issuer's. A token is worth no
 * more than the live session that it names, which must be of this profile and this person: with the secret alone, read
 * from an old back end or guessed, nobody becomes anybody. Rights are never read from it.
 *
 * @throws SESSION_SECRET_WEAK
 */
export function createSharedSecretTokens(deps: SharedSecretTokenDeps): Tokens {
  const { profile, issuer, audience, accessMs, clock, random, revocations, claimsOf } = deps;
  const { key, kid } = openSecret(deps.secret, profile);

  async function readClaims(token: string): Promise<Claims> {
    const { payload } = await jwtVerify(
      token,
      (header) => {
        if (header.kid !== kid) throw sessionFault('SESSION_TOKEN_INVALID'); // another profile's, under the same secret
        return key;
      },
      {
        issuer,
        ...(audience === undefined ? {} : { audience }),
        typ: 'JWT',
        algorithms: ['HS256'],
        currentDate: new Date(clock.now()),
      },
    );
    if (audience === undefined && payload.aud !== undefined) throw sessionFault('SESSION_TOKEN_INVALID');
    return claims.parse(payload);
  }

  async function read(token: string): Promise<VerifiedToken> {
    const found = await decoded(token, async () => placed(await readClaims(token), accessMs, clock.now()));
    const session = await deps.storage.read(platform, (tx) => sessionStore.get(tx, found.sid));
    return verifiedOf(found, session, profile);
  }

  return {
    accessMs,
    jwks: { keys: [] },
    verify: createVerifiedCache({ clock, revocations, read }),
    sign: async (holder, notAfter = LATEST) => {
      const legacy = await claimsOf(holder);
      const jti = newUuid(clock, random);
      const at = momentOf(jti);
      const token = new SignJWT({
        fresh: true,
        ...legacy,
        type: 'access',
        sid: holder.sessionId,
        twinkeep: { person: holder.personId, tenant: holder.tenantId, name: holder.username },
      })
        .setProtectedHeader({ alg: 'HS256', typ: 'JWT', kid })
        .setIssuer(issuer)
        .setJti(jti)
        .setIssuedAt(secondsOf(at))
        .setExpirationTime(secondsOf(Math.min(at + accessMs, notAfter)));
      return (audience === undefined ? token : token.setAudience(audience)).sign(key);
    },
  };
}

/** The `kid` is drawn from secret and profile, so that it says which secret it is and helps nobody to find it. */
function openSecret(secret: Secret, profile: string) {
  const text = secret.reveal();
  const verdict = judgeSecret(text);
  if (verdict.kind === 'refused') {
    const fix = 'set one of 32 random bytes: openssl rand -base64 32';
    throw sessionFault('SESSION_SECRET_WEAK', { profile, reason: verdict.reason, fix });
  }
  const bytes = Buffer.from(text);
  const info = Buffer.from(`twinkeep shared secret kid ${profile}`);
  const kid = encodeBase64url(hkdfSha256(bytes, { salt: Buffer.alloc(0), info, length: KID_BYTES }));
  return { key: createSecretKey(bytes), kid };
}

const claims = z.object({
  sub: z.string().min(1),
  type: z.literal('access'),
  jti: z.string(),
  iat: z.int(),
  exp: z.int(),
  sid: z.string().transform(sessionId),
  twinkeep: z.strictObject({
    person: z.string().transform(personId),
    tenant: z.string().transform(tenantId),
    name: z.string().min(1),
  }),
});
type Claims = z.output<typeof claims>;

interface Placed extends Claims {
  readonly issuedAt: EpochMs;
}

/** Places a token in time. One that this issuer can't have signed was signed by somebody else who knows the secret. */
function placed(found: Claims, accessMs: number, now: EpochMs): Placed {
  const issuedAt = momentOf(found.jti);
  const own =
    secondsOf(issuedAt) === found.iat &&
    issuedAt <= now + SKEW_MS && // else it would outlive every revocation to come
    found.exp <= secondsOf(issuedAt + accessMs);
  if (!own) throw sessionFault('SESSION_TOKEN_INVALID');
  return { ...found, issuedAt };
}

function verifiedOf(found: Placed, session: SessionRow | undefined, profile: string): VerifiedToken {
  const { person, tenant, name } = found.twinkeep;
  const own =
    session !== undefined && session.profile === profile && session.personId === person && session.tenantId === tenant;
  if (!own) throw sessionFault('SESSION_TOKEN_INVALID');
  if (session.ended) throw sessionFault('SESSION_REVOKED');
  return {
    principal: {
      kind: 'person',
      personId: session.personId,
      sessionId: session.id,
      realmId: session.realmId,
      tenantId: session.tenantId,
      username: name,
      authenticatedAt: session.authenticatedAt,
    },
    issuedAt: found.issuedAt,
    expiresAt: epochMs(Math.min(found.exp * 1_000, session.expiresAt)),
  };
}
