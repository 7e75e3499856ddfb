import type { EpochMs } from '../kernel/brand.ts';
import type { Clock } from '../kernel/clock.ts';
import type { PersonPrincipal } from '../kernel/principal.ts';
import { sessionFault } from './errors.ts';
import type { Revocations, TokenHolder } from './revocations.ts';
import { hasEnded, type KeyEnd } from './token-keys.ts';

/** What a good token says. */
export interface VerifiedToken {
  readonly principal: PersonPrincipal;
  /** As revocations count it. @see TokenHolder */
  readonly issuedAt: EpochMs;
  /** Its `jti`, by which it can be called back alone. */
  readonly tokenId?: string | undefined;
  readonly expiresAt: EpochMs;
  /** The key that has signed it, where that may end before the token does. */
  readonly key?: KeyEnd | undefined;
}

export interface VerifiedCacheDeps {
  readonly clock: Clock;
  readonly revocations: Revocations;
  /** Checks a token that was not seen before. @throws for one that is no good */
  readonly read: (token: string) => Promise<VerifiedToken>;
}

const MAX_VERIFIED = 10_000;
const SLOTS = 1_024; // a power of two

/** A token that was good when it was read. */
interface Known {
  readonly token: string;
  readonly principal: PersonPrincipal;
  readonly expiresAt: EpochMs;
  readonly holder: TokenHolder;
  readonly key: KeyEnd | undefined;
}

/**
 * The verifier of one issuer. A token is read once and remembered; that it has not run out and was not revoked is asked
 * at each use.
 *
 * @returns throws or rejects with SESSION_TOKEN_INVALID, SESSION_EXPIRED, SESSION_REVOKED, SESSION_FEED_STALE
 */
export function createVerifiedCache({ clock, revocations, read }: VerifiedCacheDeps) {
  const verified = new Map<string, Known>();
  // Before the Map, which hashes all of the token that each request brings anew, what was used last at the place that a
  // few characters name: one comparison. Only good tokens get in, and another one there costs no more than the Map.
  const recent: (Known | undefined)[] = Array.from({ length: SLOTS });

  function admit({ principal, expiresAt, holder, key }: Known): PersonPrincipal {
    if (!revocations.fresh()) throw sessionFault('SESSION_FEED_STALE'); // it may be revoked for all we know
    if (clock.now() >= expiresAt) throw sessionFault('SESSION_EXPIRED');
    if (revocations.revokes(holder) || (key !== undefined && hasEnded(key, clock.now())))
      throw sessionFault('SESSION_REVOKED');
    return principal;
  }

  async function verifyFresh(token: string): Promise<PersonPrincipal> {
    const { principal, issuedAt, tokenId, expiresAt, key } = await read(token);
    if (verified.size >= MAX_VERIFIED) forgetOldest();
    const known = { token, principal, expiresAt, holder: { ...principal, issuedAt, tokenId }, key };
    verified.set(token, known);
    recent[slotOf(token)] = known;
    return admit(known);
  }

  function forgetOldest(): void {
    const [oldest] = verified.keys(); // a Map keeps the order of arrival
    if (oldest === undefined) return;
    verified.delete(oldest);
    const slot = slotOf(oldest);
    if (recent[slot]?.token === oldest) recent[slot] = undefined;
  }

  return (token: string): PersonPrincipal | Promise<PersonPrincipal> => {
    const slot = slotOf(token);
    const last = recent[slot];
    if (last !== undefined && last.token === token) return admit(last);
    const known = verified.get(token);
    if (known === undefined) return verifyFresh(token);
    recent[slot] = known;
    return admit(known);
  };
}

/** Of the end of the signature, which is as good as random; its last character has few values. */
function slotOf(token: string): number {
  const { length } = token;
  const code = (back: number): number => token.charCodeAt(length - back);
  return (code(2) ^ (code(3) << 3) ^ (code(4) << 6)) & (SLOTS - 1);
}

export function dropOldest(cache: Map<string, unknown>): void {
  const [oldest] = cache.keys(); // a Map keeps the order of arrival
  if (oldest !== undefined) cache.delete(oldest);
}
