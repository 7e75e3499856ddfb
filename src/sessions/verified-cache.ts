import type { EpochMs } from '../kernel/brand.ts';
import type { Clock } from '../kernel/clock.ts';
import type { PersonPrincipal } from '../kernel/principal.ts';
import { sessionFault } from './errors.ts';
import type { Revocations } from './revocations.ts';

/** What a good token says. */
export interface VerifiedToken {
  readonly principal: PersonPrincipal;
  readonly issuedAt: EpochMs;
  readonly expiresAt: EpochMs;
}

export interface VerifiedCacheDeps {
  readonly clock: Clock;
  readonly revocations: Revocations;
  /** Checks a token that was not seen before. @throws for one that is no good */
  readonly read: (token: string) => Promise<VerifiedToken>;
}

const MAX_VERIFIED = 10_000;

/**
 * The verifier of one issuer. A token is read once and remembered; that it has not run out and was not revoked is asked
 * at each use.
 *
 * @returns throws or rejects with SESSION_TOKEN_INVALID, SESSION_EXPIRED, SESSION_REVOKED, SESSION_FEED_STALE
 */
export function createVerifiedCache({ clock, revocations, read }: VerifiedCacheDeps) {
  const verified = new Map<string, VerifiedToken>();

  function admit({ principal, issuedAt, expiresAt }: VerifiedToken): PersonPrincipal {
    if (!revocations.fresh()) throw sessionFault('SESSION_FEED_STALE'); // it may be revoked for all we know
    if (clock.now() >= expiresAt) throw sessionFault('SESSION_EXPIRED');
    if (revocations.revokes({ ...principal, issuedAt })) throw sessionFault('SESSION_REVOKED');
    return principal;
  }

  async function verifyFresh(token: string): Promise<PersonPrincipal> {
    const found = await read(token);
    if (verified.size >= MAX_VERIFIED) dropOldest(verified);
    verified.set(token, found);
    return admit(found);
  }

  return (token: string): PersonPrincipal | Promise<PersonPrincipal> => {
    const known = verified.get(token);
    return known === undefined ? verifyFresh(token) : admit(known);
  };
}

export function dropOldest(cache: Map<string, unknown>): void {
  const [oldest] = cache.keys(); // a Map keeps the order of arrival
  if (oldest !== undefined) cache.delete(oldest);
}
