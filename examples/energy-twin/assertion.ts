import { createPublicKey, type KeyObject, verify } from 'node:crypto';
import { Refusal } from './refusal.ts';

/** Who calls, in the words of the gateway. */
export interface Caller {
  /** A person's id, `api-key:<id>` or `operator`. */
  readonly sub: string;
  readonly name: string;
  readonly tenant: string;
  /** Of a person. */
  readonly roles: readonly string[];
  /** Of an API key. */
  readonly scopes: readonly string[];
}

export interface VerifierDeps {
  readonly jwksUrl: string;
  /** `<issuer of Twinkeep>/gateway` */
  readonly issuer: string;
  /** The name that the gateway knows this back end by. */
  readonly audience: string;
}

const TYPE = 'twinkeep-assertion+jwt';
const MAX_LENGTH = 8_192;
const LEEWAY_S = 5;
const MAX_LIFETIME_S = 300;
/** Unknown key ids cost one fetch in this time, however many are sent. */
const REFETCH_MS = 5_000;
/** A key that Twinkeep no longer publishes is forgotten after this long. */
const KEEP_MS = 600_000;
const FETCH_MS = 2_000;

/**
 * Tells who calls from the `twinkeep-assertion` header: a JWT signed with Ed25519 by the gateway, good for 90 s.
 * It refuses with 401, and with 503 where it cannot know.
 */
export function createVerifier({ jwksUrl, issuer, audience }: VerifierDeps) {
  const keyOf = createKeySet(jwksUrl);

  return async function verifyAssertion(token: string): Promise<Caller> {
    const [head = '', body = '', signature = '', ...rest] = token.split('.');
    if (token.length > MAX_LENGTH || rest.length > 0) throw refusal('this is not a JWT');
    const { alg, typ, kid, crit } = objectOf(head);
    // Algorithm and type are ours to say, not the token's: `none`, HS256 over a public key and other JWTs end here.
    if (alg !== 'EdDSA' || typ !== TYPE || crit !== undefined) throw refusal(`this is not a ${TYPE} by EdDSA`);
    const key = await keyOf(kid);
    if (key === undefined) throw refusal('the key is not known');
    if (!verify(null, Buffer.from(`${head}.${body}`), key, Buffer.from(signature, 'base64url')))
      throw refusal('the signature is wrong');
    return callerOf(objectOf(body), Date.now() / 1_000);
  };

  function callerOf({ iss, aud, iat, exp, sub, tenant, name, roles, scopes }: Json, nowS: number): Caller {
    if (iss !== issuer) throw refusal('another issuer made this');
    if (aud !== audience) throw refusal('this is for another back end'); // which must not replay it here
    if (typeof iat !== 'number' || typeof exp !== 'number' || exp - iat > MAX_LIFETIME_S)
      throw refusal('no short life');
    if (exp <= nowS - LEEWAY_S || iat > nowS + LEEWAY_S) throw refusal('this is not good now');
    if (typeof sub !== 'string' || typeof tenant !== 'string') throw refusal('this names nobody');
    const called = typeof name === 'string' ? name : sub;
    return { sub, tenant, name: called, roles: stringsOf(roles), scopes: stringsOf(scopes) };
  }
}

const refusal = (why: string): Refusal => new Refusal(401, `Only the gateway is heard here: ${why}.`);

/** The published keys, fetched when first needed, when they are old, and when an id is not among them. */
function createKeySet(url: string) {
  let keys: ReadonlyMap<unknown, KeyObject> = new Map();
  let [fetchedAt, askedAt] = [Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY];
  let asking: Promise<void> | undefined;

  async function ask(): Promise<void> {
    try {
      const response = await fetch(url, { redirect: 'error', signal: AbortSignal.timeout(FETCH_MS) });
      if (!response.ok) throw new Error(`${url} answered ${response.status}`);
      keys = keysOf(await response.json());
      fetchedAt = performance.now();
    } catch (error) {
      console.error(JSON.stringify({ level: 'warn', message: 'no assertion keys', error: String(error) }));
    } finally {
      asking = undefined;
    }
  }

  return async function keyOf(id: unknown): Promise<KeyObject | undefined> {
    const isStale = (): boolean => performance.now() - fetchedAt > KEEP_MS;
    const isWanting = isStale() || !keys.has(id);
    if (isWanting && asking === undefined && performance.now() - askedAt > REFETCH_MS) {
      askedAt = performance.now();
      asking = ask();
    }
    if (isWanting) await asking;
    // Keys too old to be trusted let nobody in.
    if (isStale()) throw new Refusal(503, 'The keys of the gateway cannot be had at present.', { 'retry-after': '5' });
    return keys.get(id);
  };
}

function keysOf(set: unknown): ReadonlyMap<unknown, KeyObject> {
  const jwks = isJson(set) && Array.isArray(set['keys']) ? set['keys'].filter(isJson) : [];
  return new Map(
    jwks.flatMap(({ kty, crv, x, kid }) => {
      const isOurs = kty === 'OKP' && crv === 'Ed25519' && typeof x === 'string' && typeof kid === 'string';
      return isOurs ? [[kid, createPublicKey({ key: { kty, crv, x }, format: 'jwk' })] as const] : [];
    }),
  );
}

type Json = Readonly<Record<string, unknown>>;

const isJson = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value);

function objectOf(part: string): Json {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString());
    return isJson(value) ? value : {};
  } catch {
    return {};
  }
}

const stringsOf = (value: unknown): readonly string[] =>
  Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
