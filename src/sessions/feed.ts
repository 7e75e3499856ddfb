import { SignJWT } from 'jose';
import { encodeBase64url } from '../crypto/index.ts';
import { type Clock, minutes } from '../kernel/clock.ts';
import type { Random } from '../kernel/random.ts';
import { sessionFault } from './errors.ts';
import { feedFault } from './feed-errors.ts';
import { secondsOf } from './jwt.ts';
import type { Revocations } from './revocations.ts';
import type { RevocationPage } from './revocations-log.ts';
import type { TokenKeys } from './token-keys.ts';

/** One step along the feed, signed. */
export interface FeedPage {
  /** Compact JWS, `typ` `revocations+jwt`. */
  readonly signed: string;
  /** Where to go on. */
  readonly next: string;
  /** Whether there is more already. */
  readonly more: boolean;
  readonly count: number;
}

export interface FeedWish {
  /** At most so many revocations. */
  readonly most: number;
  /** Comes back signed, so that whoever asks knows the answer for one to this question. */
  readonly nonce?: string | undefined;
}

/**
 * What this node knows of revocations, for others to follow. Subjects are told by digest: whoever holds a token finds
 * its own, and nobody learns of a person or session that they did not know.
 */
export interface RevocationFeed {
  /**
   * @param cursor where to go on; from the beginning unless told
   * @throws SESSION_FEED_STALE where this node may lack some, SESSION_FEED_CURSOR, SESSION_FEED_GONE
   */
  page(cursor: string | undefined, wish: FeedWish): Promise<FeedPage>;
  /**
   * A place among those that follow, which whoever waits must hold.
   *
   * @param holder by name; each has few, so that none keeps the others out
   * @returns gives it back
   * @throws SESSION_FEED_BUSY
   */
  join(holder: string): () => void;
  /** Resolves when there is something behind a place, or the time is up. @throws SESSION_FEED_CURSOR */
  wait(cursor: string | undefined, ms: number, signal?: AbortSignal): Promise<void>;
  /** Ends all waiting, now and later. */
  stop(): void;
}

export interface FeedDeps {
  readonly revocations: Revocations;
  /** Those of the native issuer. */
  readonly keys: TokenKeys;
  readonly clock: Clock;
  readonly random: Random;
  /** The longest life of an access token: nothing older than that is worth following. */
  readonly accessMs: () => number;
}

/**
 * A place in the feed. `seq` counts what one node has learned; another one, which has learned the same in another order,
 * goes by `at`, the moment up to which everything was told by the clock of the database, which all share, and tells some of it twice.
 */
interface Place {
  readonly seq: number;
  /** Leaves out what was made before that; 0 where nothing is to be left out. */
  readonly since: number;
  readonly at: number;
}

export const FEED_TYPE = 'revocations+jwt';
const MOST_FOLLOWING = 2_000;
const MOST_OF_ONE = 20;
const RETRY_AFTER_S = 5;
const OVERLAP_MS = minutes(1); // a revocation is older than its commit
const CURSOR = /^([A-Za-z0-9_-]{11})\.(\d{1,15})\.(\d{1,15})\.(\d{1,15})$/;
const START: Place = { seq: 0, since: 0, at: 0 };

export function createRevocationFeed(deps: FeedDeps): RevocationFeed {
  const { revocations, keys, clock, random } = deps;
  const { log } = revocations;
  const node = encodeBase64url(random.bytes(8)); // what it has learned is counted anew with each start
  const waiting = new Set<() => void>();
  const following = new Map<string, number>();
  let followers = 0;
  let stopped = false;

  function placeOf(cursor: string | undefined): Place {
    if (cursor === undefined) return START;
    const [, from, ...numbers] = CURSOR.exec(cursor) ?? [];
    const [seq = 0, since = 0, at = 0] = numbers.map(Number);
    const now = revocations.now();
    if (from === undefined || at > now + OVERLAP_MS) throw feedFault('SESSION_FEED_CURSOR');
    if (at !== 0 && now - at > deps.accessMs() + OVERLAP_MS)
      throw feedFault('SESSION_FEED_GONE', { snapshot: '/v1/revocations/snapshot' });
    if (from === node && seq <= log.last()) return { seq, since, at };
    return { seq: 0, since: Math.max(0, Math.max(since, at) - OVERLAP_MS), at };
  }

  const cursorOf = ({ seq, since, at }: Place): string => [node, seq, since, at].join('.');

  /** While there is more, `at` stays where it was: not all up to now has been told. */
  function placeAfter(place: Place, { seq, more }: RevocationPage, wholeTo: number): Place {
    return more ? { ...place, seq } : { seq, since: 0, at: wholeTo };
  }

  return {
    page: async (cursor, { most, nonce }) => {
      if (!revocations.fresh()) throw sessionFault('SESSION_FEED_STALE'); // half a list must not pass for the whole
      const place = placeOf(cursor);
      const [now, wholeTo] = [clock.now(), revocations.wholeTo()];
      const page = log.after(place.seq, most, now, place.since);
      const next = cursorOf(placeAfter(place, page, wholeTo));
      const { kid, privateKey } = keys.current();
      const kids = keys.list().map((key) => key.kid);
      const items = page.entries.map(({ digest, before, expiresAt }) => [digest, before, expiresAt]);
      const times = { at: revocations.now(), whole_to: wholeTo };
      const asked = nonce === undefined ? {} : { nonce };
      const signed = await new SignJWT({
        ...asked,
        ...times,
        from: cursor ?? '',
        to: next,
        more: page.more,
        items,
        kids,
      })
        .setProtectedHeader({ alg: 'EdDSA', typ: FEED_TYPE, kid })
        .setIssuer(keys.issuer)
        .setIssuedAt(secondsOf(now))
        .sign(privateKey);
      return { signed, next, more: page.more, count: items.length };
    },
    join: (holder) => {
      const own = following.get(holder) ?? 0;
      if (followers >= MOST_FOLLOWING || own >= MOST_OF_ONE)
        throw feedFault('SESSION_FEED_BUSY', { retry_after_s: RETRY_AFTER_S });
      followers++;
      following.set(holder, own + 1);
      let joined = true;
      return () => {
        if (!joined) return;
        joined = false;
        followers--;
        const left = (following.get(holder) ?? 1) - 1;
        if (left > 0) following.set(holder, left);
        else following.delete(holder);
      };
    },
    wait: async (cursor, ms, signal) => {
      const { seq } = placeOf(cursor);
      if (stopped || signal?.aborted || log.last() > seq) return;
      await new Promise<void>((resolve) => {
        const done = (): void => {
          clearTimeout(timer);
          leave();
          waiting.delete(done);
          signal?.removeEventListener('abort', done);
          resolve();
        };
        const timer = setTimeout(done, ms).unref();
        const leave = log.onAdd(done);
        waiting.add(done);
        signal?.addEventListener('abort', done, { once: true });
      });
    },
    stop: () => {
      stopped = true;
      for (const done of [...waiting]) done();
    },
  };
}
