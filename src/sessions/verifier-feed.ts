import { jwtVerify } from 'jose';
import { z } from 'zod';
import { encodeBase64url } from '../crypto/index.ts';
import { type Clock, minutes, seconds } from '../kernel/clock.ts';
import type { Random } from '../kernel/random.ts';
import { FEED_TYPE } from './feed.ts';
import { isStrictJws, keyFor, type NamedKey, strictKeys } from './strict-jose.ts';

/** What a verifier elsewhere needs of Twinkeep: its keys, and the revocations from a place on. */
export interface FeedSource {
  keys(): Promise<readonly NamedKey[]>;
  /**
   * One step along the feed.
   *
   * @param cursor `undefined`: the snapshot, from its beginning
   * @throws FeedError
   */
  ask(cursor: string | undefined, wish: FeedQuestion): Promise<FeedAnswer>;
}

export interface FeedQuestion {
  readonly keys: readonly NamedKey[];
  readonly snapshot: boolean;
  readonly waitS: number;
  readonly signal: AbortSignal;
}

export type FeedAnswer = z.output<typeof feedClaims>;

/** `gone`: the snapshot has to be taken. `key`: signed by one that is not known. `refused`: not to be believed. */
export class FeedError extends Error {
  override readonly name = 'FeedError';
  readonly reason: 'gone' | 'key' | 'refused' | 'unreachable';

  constructor(reason: FeedError['reason'], message: string, options?: ErrorOptions) {
    super(message, options);
    this.reason = reason;
  }
}

export interface FeedSourceDeps {
  readonly issuer: string;
  /** Where it answers. */
  readonly address: string;
  readonly headers: () => Promise<Readonly<Record<string, string>>>;
  readonly fetch: typeof globalThis.fetch;
  readonly clock: Clock;
  readonly random: Random;
  readonly patienceMs: number;
}

const MAX_BYTES = 8_388_608;
const MAX_KEYS_BYTES = 65_536;
const moment = z.int().nonnegative();
const feedClaims = z.object({
  iss: z.string(),
  iat: z.number(),
  from: z.string(),
  to: z.string().min(1).max(80),
  more: z.boolean(),
  at: moment,
  whole_to: moment,
  nonce: z.string(),
  kids: z.array(z.string().max(128)).max(64),
  items: z.array(z.tuple([z.string().length(22), moment, moment])).max(20_000),
});
const envelope = z.object({ revocations: z.string(), next: z.string(), more: z.boolean() });

/** Asks over HTTP, and believes only what the issuer has signed as the answer to this very question. */
export function createFeedSource(deps: FeedSourceDeps): FeedSource {
  const { issuer, address, clock, random } = deps;

  async function get(path: string, most: number, ms: number, signal?: AbortSignal): Promise<unknown> {
    const patience = AbortSignal.timeout(ms);
    const over = signal === undefined ? patience : AbortSignal.any([signal, patience]);
    try {
      const headers = { accept: 'application/json', ...(await deps.headers()) };
      // Where it would be sent on to, the key must not go.
      const response = await deps.fetch(address + path, { headers, redirect: 'error', signal: over });
      const text = await bodyOf(response, most);
      if (response.ok) return JSON.parse(text);
      const gone = response.status === 409 || response.status === 400;
      throw new FeedError(gone ? 'gone' : 'unreachable', `${path.split('?')[0]} answered ${response.status}`);
    } catch (error) {
      if (error instanceof FeedError) throw error;
      throw new FeedError('unreachable', 'the feed of revocations cannot be reached', { cause: error });
    }
  }

  async function verified(text: string, keys: readonly NamedKey[]): Promise<FeedAnswer> {
    if (!isStrictJws(text, MAX_BYTES)) throw new FeedError('refused', 'not a signed answer');
    try {
      const { payload } = await jwtVerify(
        text,
        ({ kid }) => {
          const key = keyFor(keys, kid);
          if (key === undefined) throw new FeedError('key', 'signed by a key that is not known');
          return key;
        },
        { issuer, typ: FEED_TYPE, algorithms: ['EdDSA'], currentDate: new Date(clock.now()) },
      );
      return feedClaims.parse(payload);
    } catch (error) {
      if (error instanceof FeedError) throw error;
      throw new FeedError('refused', 'the answer is not what the issuer signs', { cause: error });
    }
  }

  return {
    keys: async () => {
      const found = strictKeys(await get('/.well-known/jwks.json', MAX_KEYS_BYTES, seconds(10)), 'EdDSA');
      if (found === undefined || found.length === 0) throw new FeedError('refused', 'no keys to verify with');
      return found;
    },
    ask: async (cursor, { keys, snapshot, waitS, signal }) => {
      const nonce = encodeBase64url(random.bytes(16));
      const query = new URLSearchParams({ nonce, ...(cursor === undefined ? {} : { after: cursor }) });
      if (!snapshot) query.set('wait', String(waitS));
      const path = snapshot ? '/v1/revocations/snapshot' : '/v1/revocations';
      const patience = snapshot ? minutes(1) : seconds(waitS) + deps.patienceMs;
      const answer = envelope.safeParse(await get(`${path}?${query}`, MAX_BYTES, patience, signal));
      if (!answer.success) throw new FeedError('refused', 'the answer has another form');
      const claims = await verified(answer.data.revocations, keys);
      // An answer to another question, or to this one at another time: replayed, whoever signed it.
      if (claims.nonce !== nonce || claims.from !== (cursor ?? ''))
        throw new FeedError('refused', 'the answer belongs to another question');
      return claims;
    },
  };
}

async function bodyOf(response: Response, most: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.length;
    if (size > most) throw new FeedError('refused', `an answer of more than ${most} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}
