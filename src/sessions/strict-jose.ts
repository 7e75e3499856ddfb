import { createSecretKey, type KeyObject } from 'node:crypto';
import { decodeBase64url, importEd25519Public } from '../crypto/index.ts';

/** What tokens of ours are signed with: Ed25519 natively, HMAC where an older system shares a secret. */
export type OurAlgorithm = 'EdDSA' | 'HS256';

/** A key that verifies, and the name that a token must call it by. */
export interface NamedKey {
  readonly kid: string | undefined;
  readonly key: KeyObject;
}

const MAX_TOKEN_LENGTH = 4_096;
const MIN_SECRET_BYTES = 32; // RFC 7518 §3.2: a key of the size of the hash or larger
const MIN_DISTINCT_BYTES = 8; // 32 random ones have fewer once in 10^30
/** All that a header of ours says. A key that a token brings along, or points to, is never looked at. */
const HEADER_MEMBERS: ReadonlySet<string> = new Set(['alg', 'typ', 'cty', 'kid']);
const utf8 = new TextDecoder('utf-8', { fatal: true });

/**
 * Whether a token is a compact JWS in the one spelling that it has. jose takes base64url with junk in it, and headers
 * with members that it does not know: two spellings of one token would be two entries in every cache and log.
 *
 * @param maxLength characters
 * @see RFC 7515 §2 and §7.1, RFC 8725 §3
 */
export function isStrictJws(token: string, maxLength = MAX_TOKEN_LENGTH): boolean {
  if (token.length > maxLength) return false;
  const parts = token.split('.');
  const [header, payload = '', signature = ''] = parts;
  if (parts.length !== 3 || header === undefined || signature === '') return false;
  const read = headerOf(header);
  if (read === undefined || decodeBase64url(payload) === undefined) return false;
  return decodeBase64url(signature) !== undefined;
}

function headerOf(text: string): Readonly<Record<string, unknown>> | undefined {
  const bytes = decodeBase64url(text);
  if (bytes === undefined) return undefined;
  try {
    const header: unknown = JSON.parse(utf8.decode(bytes));
    if (typeof header !== 'object' || header === null || Array.isArray(header)) return undefined;
    const entries = Object.entries(header);
    const known = entries.every(([name, value]) => HEADER_MEMBERS.has(name) && typeof value === 'string');
    return known ? Object.fromEntries(entries) : undefined;
  } catch {
    return undefined;
  }
}

/**
 * The keys of a set that may verify a signature of one algorithm. jose looks at neither `use` nor `key_ops` of a key
 * that it is given, and takes the first of two with one name.
 *
 * @param jwks a JWK set, or one JWK
 * @returns undefined for a set that is not to be trusted at all: not of public keys alone where they are meant to be
 * public, of secrets and public keys together, or with one name twice
 * @see RFC 7517 §4 and §5
 */
export function strictKeys(jwks: unknown, algorithm: OurAlgorithm): readonly NamedKey[] | undefined {
  const list = isRecord(jwks) && Array.isArray(jwks['keys']) ? jwks['keys'] : [jwks];
  const jwksOnly = list.filter(isRecord);
  if (jwksOnly.length !== list.length) return undefined;
  const secrets = jwksOnly.filter(({ kty }) => kty === 'oct').length;
  if (secrets !== 0 && secrets !== list.length) return undefined; // a public key must never pass for a secret
  const names = jwksOnly.flatMap(({ kid }) => (kid === undefined ? [] : [kid]));
  if (new Set(names).size !== names.length || names.some((name) => typeof name !== 'string')) return undefined;
  return jwksOnly.flatMap((jwk) => {
    const key = mayVerify(jwk, algorithm) ? importKey(jwk, algorithm) : undefined;
    return key === undefined ? [] : [{ kid: typeof jwk['kid'] === 'string' ? jwk['kid'] : undefined, key }];
  });
}

/** What the key itself says of its purpose. */
function mayVerify(jwk: Readonly<Record<string, unknown>>, algorithm: OurAlgorithm): boolean {
  const { use, alg, key_ops: operations } = jwk;
  if (use !== undefined && use !== 'sig') return false;
  if (alg !== undefined && alg !== algorithm) return false;
  if (operations === undefined) return true;
  return Array.isArray(operations) && operations.includes('verify') && !operations.includes('encrypt');
}

function importKey(jwk: Readonly<Record<string, unknown>>, algorithm: OurAlgorithm): KeyObject | undefined {
  if (algorithm === 'EdDSA') return jwk['d'] === undefined ? importEd25519Public(jwk) : undefined;
  const { kty, k } = jwk;
  if (kty !== 'oct' || typeof k !== 'string') return undefined;
  const secret = decodeBase64url(k);
  if (secret === undefined || secret.length < MIN_SECRET_BYTES) return undefined;
  return new Set(secret).size < MIN_DISTINCT_BYTES ? undefined : createSecretKey(secret); // 32 zeros are no secret
}

/** The key by which a token is to be verified: the one that it names, or the only one where neither has a name. */
export function keyFor(keys: readonly NamedKey[], kid: string | undefined): KeyObject | undefined {
  const found = keys.filter((key) => key.kid === kid);
  return found.length === 1 ? found[0]?.key : undefined;
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
