import { encodeBase64url, sha256 } from '../crypto/index.ts';
import { type EpochMs, epochMs } from '../kernel/brand.ts';

/** Whose tokens are dead. `everyone` has the subject `*`, `token` that of `tokenSubject`. */
export type RevocationKind = 'token' | 'session' | 'person' | 'tenant' | 'everyone';

/** One revocation as it is remembered: tokens of the subject that were issued up to `before` are dead. */
export interface RevocationEntry {
  readonly seq: number;
  /** When it was made by the database's clock, whatever its node's own says. */
  readonly madeAt: number;
  /** Names the subject to whoever knows it already, and to nobody else: the feed crosses tenants. */
  readonly digest: string;
  readonly before: EpochMs;
  /** No token from before it is alive then, so it may be forgotten. */
  readonly expiresAt: EpochMs;
}

/** What is told to the log. */
export interface LoggedRevocation {
  readonly kind: RevocationKind;
  readonly subject: string;
  readonly before: number;
  readonly expires_at: number;
  readonly madeAt: number;
}

/** What one node has learned, in the order in which it did. */
export interface RevocationLog {
  add(revocation: LoggedRevocation): void;
  /**
   * @param since leaves out what was made before that moment by the database's clock
   * @returns at most `most` live ones behind `seq`, and the place up to which all was looked at
   */
  after(seq: number, most: number, now: EpochMs, since?: number): RevocationPage;
  /** The place of the newest. */
  last(): number;
  /** @param listener hears that something was added. @returns what ends it */
  onAdd(listener: () => void): () => void;
  forget(now: EpochMs): void;
}

export interface RevocationPage {
  readonly entries: readonly RevocationEntry[];
  readonly seq: number;
  readonly more: boolean;
}

const DIGEST_BYTES = 16;

/** 128 bits: nobody finds a second subject for it. */
export const revocationDigest = (kind: RevocationKind, subject: string): string =>
  encodeBase64url(sha256(`${kind} ${subject}`).subarray(0, DIGEST_BYTES));

/** A token's, with its tenant: who may call tokens of one tenant back reaches none of another by a `jti` seen somewhere. */
export const tokenSubject = (tenant: string, jti: string): string => `${tenant} ${jti}`;

export function createRevocationLog(): RevocationLog {
  let log: RevocationEntry[] = [];
  const newest = new Map<string, number>(); // by digest: an older entry of the same subject says nothing more
  const listeners = new Set<() => void>();
  let seq = 0;

  /** The first entry behind a place: the log is sorted by it. */
  function indexAfter(place: number): number {
    let [low, high] = [0, log.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((log[middle]?.seq ?? 0) <= place) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  return {
    add: ({ kind, subject, before, expires_at, madeAt }) => {
      seq += 1;
      const digest = revocationDigest(kind, subject);
      log.push({ seq, madeAt, digest, before: epochMs(before), expiresAt: epochMs(expires_at) });
      newest.set(digest, seq);
      for (const listener of [...listeners]) listener();
    },
    after: (place, most, now, since = 0) => {
      const entries: RevocationEntry[] = [];
      let at = indexAfter(place);
      let upTo = place;
      for (; at < log.length && entries.length < most; at++) {
        const entry = log[at];
        if (entry === undefined) break;
        upTo = entry.seq;
        if (newest.get(entry.digest) === entry.seq && entry.expiresAt > now && entry.madeAt >= since)
          entries.push(entry);
      }
      const more = at < log.length;
      return { entries, seq: more ? upTo : seq, more };
    },
    last: () => seq,
    onAdd: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    forget: (now) => {
      log = log.filter((entry) => {
        const isNewest = newest.get(entry.digest) === entry.seq;
        if (isNewest && entry.expiresAt > now) return true;
        if (isNewest) newest.delete(entry.digest);
        return false;
      });
    },
  };
}
