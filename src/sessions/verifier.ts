import { setTimeout } from 'node:timers/promises';
import { jwtVerify } from 'jose';
import { z } from 'zod';
import { type EpochMs, epochMs } from '../kernel/brand.ts';
import { type Clock, minutes, seconds, systemClock } from '../kernel/clock.ts';
import { createSystemRandom, type Random } from '../kernel/random.ts';
import { sessionFault } from './errors.ts';
import { decoded, momentOf } from './jwt.ts';
import { revocationDigest, tokenSubject } from './revocations-log.ts';
import { keyFor, type NamedKey } from './strict-jose.ts';
import { dropOldest } from './verified-cache.ts';
import { createFeedSource, type FeedAnswer, FeedError } from './verifier-feed.ts';

export interface TokenVerifierOptions {
  /** The `iss` of the tokens. */
  readonly issuer: string;
  /** Where Twinkeep answers; the issuer unless told. `https:`, or this machine. */
  readonly address?: string | undefined;
  /** A key with the permission `follow:revocations`. */
  readonly apiKey?: string | undefined;
  /** Instead of a key: the value of `Authorization`, asked for at each question. */
  readonly authorization?: (() => string | Promise<string>) | undefined;
  /** No token is good while the last word of revocations is older than this: 1 to 60 s, 5 s unless told. */
  readonly maxBehindMs?: number | undefined;
  readonly onError?: ((error: unknown) => void) | undefined;
  readonly fetch?: typeof globalThis.fetch | undefined;
  readonly clock?: Clock | undefined;
  readonly random?: Random | undefined;
  /** Milliseconds that only grow; `performance.now` unless told. */
  readonly monotonic?: (() => number) | undefined;
}

/** Who a token stands for, to a program that is not Twinkeep. */
export interface VerifiedCaller {
  readonly personId: string;
  readonly sessionId: string;
  readonly realmId: string;
  readonly tenantId: string;
  readonly username: string;
  readonly tokenId: string;
  readonly authenticatedAt: EpochMs;
  readonly issuedAt: EpochMs;
  readonly expiresAt: EpochMs;
  readonly amr: readonly string[];
  readonly acr: string | undefined;
}

/** Verifies native access tokens in another process, and refuses what was called back within a second of it. */
export interface TokenVerifier {
  /**
   * Never looks anything up: at once for a token that was seen before.
   *
   * @throws SESSION_TOKEN_INVALID, SESSION_EXPIRED, SESSION_REVOKED, SESSION_FEED_STALE
   */
  verify(token: string): Promise<VerifiedCaller>;
  /** How old the last word of revocations is; Infinity before the first. */
  behindMs(): number;
  /** Resolves when the first word has come. */
  ready(): Promise<void>;
  stop(): void;
}

interface Known {
  readonly caller: VerifiedCaller;
  /** When its session was begun. */
  readonly begunAt: number;
  readonly kid: string;
  readonly digests: Digests;
}

interface Digests {
  /** Dead for good where revoked. */
  readonly ended: readonly string[];
  /** Dead where its session was begun before the revocation. */
  readonly before: readonly string[];
}

const MAX_VERIFIED = 10_000;
const POLL_WAIT_S = 1;
const KEYS_MS = minutes(5);
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = seconds(2);
const SKEW_MS = seconds(2);
const PRUNE_MS = minutes(1);

/** Starts to follow the feed at once; `stop` ends that. @throws TypeError for options that are not safe */
export function createTokenVerifier(options: TokenVerifierOptions): TokenVerifier {
  const { issuer, clock = systemClock, monotonic = () => performance.now(), onError = () => undefined } = options;
  const maxBehindMs = limitOf(options.maxBehindMs);
  const source = createFeedSource({
    ...{ issuer, clock, address: safeAddress(options.address ?? issuer), headers: headersFrom(options) },
    ...{ fetch: options.fetch ?? globalThis.fetch, random: options.random ?? createSystemRandom() },
    patienceMs: maxBehindMs,
  });
  const dead = new Map<string, { readonly before: number; readonly expiresAt: number }>();
  const cache = new Map<string, Known>();
  const over = new AbortController();
  const first = Promise.withResolvers<void>();
  first.promise.catch(() => undefined); // nobody has to wait for it
  let keys: readonly NamedKey[] = [];
  let keysAt = Number.NEGATIVE_INFINITY;
  let place: { readonly cursor: string | undefined; readonly whole: boolean } = { cursor: undefined, whole: false };
  let wholeTo = 0;
  let synced: { readonly tick: number; readonly at: number } | undefined;
  let prunedAt = monotonic();

  async function takeKeys(): Promise<void> {
    keys = await source.keys();
    keysAt = monotonic();
  }

  /** By both clocks: one that is set back makes nothing younger, and one that stands still while the machine sleeps neither. */
  function behindMs(): number {
    if (synced === undefined) return Number.POSITIVE_INFINITY;
    return Math.max(monotonic() - synced.tick, clock.now() - synced.at);
  }

  async function step(): Promise<void> {
    if (monotonic() - keysAt > KEYS_MS) await takeKeys();
    const asked = { tick: monotonic(), at: clock.now() };
    const question = { keys, snapshot: !place.whole, waitS: POLL_WAIT_S, signal: over.signal };
    const answer = await source.ask(place.cursor, question);
    if (answer.whole_to < wholeTo - SKEW_MS) {
      startAnew(); // an older list than the one that we have
      throw new FeedError('refused', 'the answer is older than the one before');
    }
    take(answer);
    if (answer.kids.some((kid) => keyFor(keys, kid) === undefined)) await takeKeys();
    // It was made after we asked, perhaps at once: what has waited on the way is no younger for it.
    const lag = Math.max(0, answer.at - answer.whole_to);
    if (!answer.more) {
      synced = { tick: asked.tick - lag, at: asked.at - lag };
      first.resolve();
    }
  }

  function take({ items, kids, to, more, whole_to }: FeedAnswer): void {
    for (const [digest, before, expiresAt] of items) {
      const known = dead.get(digest);
      if (known === undefined || known.before < before) dead.set(digest, { before, expiresAt });
    }
    keys = keys.filter(({ kid }) => kid !== undefined && kids.includes(kid)); // what another signed ended with its key
    place = { cursor: to, whole: place.whole || !more };
    wholeTo = Math.max(wholeTo, whole_to);
  }

  function startAnew(): void {
    place = { cursor: undefined, whole: false };
    wholeTo = 0;
  }

  async function follow(): Promise<void> {
    let pauseMs = FIRST_PAUSE_MS;
    while (!over.signal.aborted) {
      try {
        await step();
        pauseMs = FIRST_PAUSE_MS;
        if (monotonic() - prunedAt > PRUNE_MS) prune();
      } catch (error) {
        if (over.signal.aborted) return;
        onError(error);
        if (error instanceof FeedError && error.reason === 'gone') startAnew();
        if (error instanceof FeedError && error.reason === 'key') keysAt = Number.NEGATIVE_INFINITY;
        await pause(pauseMs, over.signal);
        pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS);
      }
    }
  }

  function prune(): void {
    prunedAt = monotonic();
    const now = clock.now();
    for (const [digest, { expiresAt }] of dead) if (expiresAt + SKEW_MS <= now) dead.delete(digest);
  }

  function admit({ caller, begunAt, kid, digests }: Known): VerifiedCaller {
    if (clock.now() >= caller.expiresAt) throw sessionFault('SESSION_EXPIRED');
    if (behindMs() > maxBehindMs) throw sessionFault('SESSION_FEED_STALE'); // it may be revoked for all we know
    if (keyFor(keys, kid) === undefined) throw sessionFault('SESSION_REVOKED');
    const ended = digests.ended.some((digest) => dead.has(digest));
    const before = digests.before.some((digest) => begunAt <= (dead.get(digest)?.before ?? -1));
    if (ended || before) throw sessionFault('SESSION_REVOKED');
    return caller;
  }

  async function read(token: string): Promise<Known> {
    if (behindMs() > maxBehindMs) throw sessionFault('SESSION_FEED_STALE'); // before any work for a stranger
    const known = await decoded(token, () => readToken(token, issuer, keys, clock.now()));
    if (cache.size >= MAX_VERIFIED) dropOldest(cache);
    cache.set(token, known);
    return known;
  }

  void follow();
  return {
    verify: async (token) => admit(cache.get(token) ?? (await read(token))),
    behindMs,
    ready: () => first.promise,
    stop: () => {
      over.abort();
      synced = undefined; // from now on nothing is heard
      first.reject(new Error('the verifier was stopped'));
    },
  };
}

const DEFAULT_BEHIND_MS = seconds(5);

function limitOf(ms = DEFAULT_BEHIND_MS): number {
  // Less than two waits, and a feed in good order would look like one that is cut.
  if (!(ms >= seconds(2) && ms <= minutes(1))) throw new TypeError('maxBehindMs must be from 2000 to 60000');
  return ms;
}

/** Keys, and the list of what is dead, must come unchanged; the API key must stay between the two. */
function safeAddress(text: string): string {
  const { protocol, hostname, origin, pathname } = new URL(text);
  const isHere = ['localhost', '127.0.0.1', '[::1]'].includes(hostname);
  if (protocol !== 'https:' && !(protocol === 'http:' && isHere)) throw new TypeError(`${origin} is not https:`);
  return origin + pathname.replace(/\/+$/, '');
}

function headersFrom({ apiKey, authorization }: TokenVerifierOptions) {
  if ((apiKey === undefined) === (authorization === undefined))
    throw new TypeError('give apiKey or authorization: the feed is not for everybody');
  return async (): Promise<Readonly<Record<string, string>>> =>
    authorization === undefined ? { 'x-api-key': apiKey ?? '' } : { authorization: await authorization() };
}

/** Ends early, and without a word, where nobody goes on anyway. */
const pause = (ms: number, signal: AbortSignal): Promise<unknown> =>
  setTimeout(ms, undefined, { signal }).catch(() => undefined);

const tokenClaims = z.object({
  ...{ sub: z.string(), sid: z.string(), realm: z.string(), tenant: z.string(), name: z.string(), jti: z.string() },
  ...{ exp: z.number(), auth_time: z.number(), amr: z.array(z.string()).default([]), acr: z.string().optional() },
  begun: z.int().nonnegative().optional(), // in milliseconds; absent from tokens of before it was told
});

async function readToken(token: string, issuer: string, keys: readonly NamedKey[], now: EpochMs): Promise<Known> {
  const { payload, protectedHeader } = await jwtVerify(
    token,
    ({ kid }) => {
      const key = kid === undefined ? undefined : keyFor(keys, kid);
      if (key === undefined) throw sessionFault('SESSION_TOKEN_INVALID');
      return key;
    },
    { issuer, audience: issuer, typ: 'at+jwt', algorithms: ['EdDSA'], currentDate: new Date(now) },
  );
  const { sub, sid, realm, tenant, name, jti, exp, auth_time, amr, acr, begun } = tokenClaims.parse(payload);
  const times = {
    issuedAt: momentOf(jti),
    expiresAt: epochMs(exp * 1_000),
    authenticatedAt: epochMs(auth_time * 1_000),
  };
  const ids = { personId: sub, sessionId: sid, realmId: realm, tenantId: tenant, tokenId: jti };
  return {
    caller: { ...ids, ...times, username: name, amr, acr },
    begunAt: begun ?? times.issuedAt,
    kid: protectedHeader.kid ?? '',
    digests: {
      ended: [revocationDigest('session', sid), revocationDigest('token', tokenSubject(tenant, jti))],
      before: [revocationDigest('person', sub), revocationDigest('tenant', tenant), revocationDigest('everyone', '*')],
    },
  };
}
