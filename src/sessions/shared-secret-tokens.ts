import { createSecretKey, type KeyObject } from 'node:crypto';
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
import type { FieldPlace, Vault } from '../vault/index.ts';
import { sessionFault } from './errors.ts';
import { decoded, momentOf, secondsOf } from './jwt.ts';
import type { Revocations } from './revocations.ts';
import type { SessionRow } from './session.ts';
import { judgeSecret } from './shared-secret.ts';
import { sessionStore } from './store.ts';
import { BY_PASSWORD, LATEST, type Tokens } from './tokens.ts';
import { createVerifiedCache, type VerifiedToken } from './verified-cache.ts';

/** The claims by which an older system knows a person: `sub`, and what else it looks at. */
export type LegacyClaims = { readonly sub: string } & { readonly [name: string]: Json };

export interface SharedSecretTokenDeps {
  readonly profile: string;
  /** What the profile's old back ends verify with too. */
  readonly secret: Secret;
  /** The one before, whose tokens are good until they run out. */
  readonly previousSecret?: Secret | undefined;
  /** The `iss` of the profile's tokens: no two profiles have the same. */
  readonly issuer: string;
  /** PyJWT and python-jose refuse a token with an `aud` that they were not told to expect; without it there is none. */
  readonly audience?: string | undefined;
  readonly accessMs: number;
  readonly storage: Storage;
  /** Seals into each token who it stands for, which nobody who knows the shared secret can do. */
  readonly vault: Vault;
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
 * Whoever knows such a secret can sign, so a signature proves less here than the native issuer's. Who a token stands for
 * is therefore sealed into it by the vault, bound to its `jti`, and the session that it names must be live and of this
 * profile: with the secret, and all that a back end is told of its callers, nobody becomes anybody. Rights are never
 * read from it.
 *
 * @throws SESSION_SECRET_WEAK
 */
export function createSharedSecretTokens(deps: SharedSecretTokenDeps): Tokens {
  const { profile, issuer, audience, accessMs, vault, clock, random, revocations, claimsOf } = deps;
  const { key, kid } = openSecret(deps.secret, profile);
  const keys = new Map<string | undefined, KeyObject>([[kid, key]]);
  if (deps.previousSecret !== undefined) {
    const previous = openSecret(deps.previousSecret, profile);
    keys.set(previous.kid, previous.key);
  }

  async function readClaims(token: string): Promise<Claims> {
    const { payload } = await jwtVerify(
      token,
      (header) => {
        const named = keys.get(header.kid);
        if (named === undefined) throw sessionFault('SESSION_TOKEN_INVALID'); // of another profile, under the same secret
        return named;
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

  /** What stands sealed in a token is ours; what stands beside it anybody may have written who knows the secret. */
  async function holderOf({ jti, twinkeep: sealed, ...beside }: Claims): Promise<Holder> {
    const fields = await vault.fields(PLATFORM);
    const found = holder.parse(JSON.parse(opened(() => fields.open(placeOf(profile, jti), sealed))));
    const same = found.sid === beside.sid && found.iat === beside.iat && found.exp === beside.exp;
    const issuedAt = momentOf(jti);
    if (!same || issuedAt > clock.now() + SKEW_MS) throw sessionFault('SESSION_TOKEN_INVALID');
    return { ...found, issuedAt, tokenId: jti };
  }

  async function read(token: string): Promise<VerifiedToken> {
    const found = await decoded(token, async () => holderOf(await readClaims(token)));
    const session = await deps.storage.read(platform, (tx) => sessionStore.get(tx, found.sid));
    return verifiedOf(found, session, profile, accessMs);
  }

  return {
    accessMs,
    jwks: { keys: [] },
    verify: createVerifiedCache({ clock, revocations, read }),
    sign: async (principal, notAfter = LATEST, amr = BY_PASSWORD, fresh = true) => {
      const legacy = await claimsOf(principal);
      const jti = newUuid(clock, random);
      const at = momentOf(jti);
      const [iat, exp] = [secondsOf(at), secondsOf(Math.min(at + accessMs, notAfter))];
      const { personId: person, tenantId: tenant, username: name, sessionId: sid, authenticatedAt: auth } = principal;
      const fields = await vault.fields(PLATFORM);
      const said = { person, tenant, name, sid, iat, exp, amr, auth };
      const sealed = fields.seal(placeOf(profile, jti), JSON.stringify(said));
      const token = new SignJWT({ fresh, ...legacy, type: 'access', sid, twinkeep: sealed })
        .setProtectedHeader({ alg: 'HS256', typ: 'JWT', kid })
        .setIssuer(issuer)
        .setJti(jti)
        .setIssuedAt(iat)
        .setExpirationTime(exp);
      return (audience === undefined ? token : token.setAudience(audience)).sign(key);
    },
  };
}

/** What does not open was not sealed for this token. */
function opened(open: () => string): string {
  try {
    return open();
  } catch (error) {
    throw sessionFault('SESSION_TOKEN_INVALID', {}, error);
  }
}

const PLATFORM = tenantId('platform');
const placeOf = (profile: string, jti: string): FieldPlace => ({ table: 'shared_token', column: profile, row: jti });

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
  sid: z.string(),
  twinkeep: z.string().max(2_048),
});
type Claims = z.output<typeof claims>;

const holder = z.strictObject({
  person: z.string().transform(personId),
  tenant: z.string().transform(tenantId),
  name: z.string().min(1),
  sid: z.string().transform(sessionId),
  iat: z.int(),
  exp: z.int(),
  amr: z.array(z.string()).optional(), // absent from tokens of before it was told, like the next one
  auth: z.int().transform(epochMs).optional(),
});
type Holder = z.output<typeof holder> & { readonly issuedAt: EpochMs; readonly tokenId: string };

/** A token of a time when lives were longer ends when one of today would, as one that ran out. */
function verifiedOf(
  { person, tenant, name, exp, auth, issuedAt, tokenId }: Holder,
  session: SessionRow | undefined,
  profile: string,
  accessMs: number,
): VerifiedToken {
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
      authenticatedAt: auth ?? session.authenticatedAt,
    },
    issuedAt: session.authenticatedAt,
    tokenId,
    expiresAt: epochMs(Math.min(exp * 1_000, issuedAt + accessMs, session.expiresAt)),
  };
}
