import { equalBytes } from '../crypto/index.ts';
import { type SessionId, tenantId } from '../kernel/brand.ts';
import { platform } from '../kernel/tx.ts';
import type { Storage } from '../storage/index.ts';
import type { Vault } from '../vault/index.ts';
import { sessionFault } from './errors.ts';
import { digestOf, isRefreshToken } from './refresh-token.ts';
import { sessionStore } from './store.ts';

/**
 * What a page must send along (`X-CSRF-TOKEN`) when a cookie is its credential: drawn from the session under a key of
 * the platform, so that there is no state, and nobody can plant one that matches.
 *
 * @see OWASP CSRF Prevention Cheat Sheet, "Signed Double-Submit Cookie"
 */
export interface Csrf {
  of(session: SessionId): Promise<string>;
  /** In the same time whatever was given; those from before a rotation of the key are good as long as that key is kept. */
  matches(session: SessionId, given: string | undefined): Promise<boolean>;
  /**
   * The same by a refresh token, which says whose session it is of before anybody is known. One that nobody has is for
   * the refresh to refuse.
   *
   * @throws SESSION_CSRF
   */
  assertOfRefresh(token: string, given: string | undefined): Promise<void>;
}

const PLATFORM = tenantId('platform');
const PLACE = { table: 'session', column: 'csrf' };
const MAX_GIVEN = 256;

export function createCsrf(fields: Vault['fields'], storage: Storage): Csrf {
  const matches: Csrf['matches'] = async (session, given) => {
    if (given === undefined || given.length > MAX_GIVEN) return false;
    const wanted = (await fields(PLATFORM)).indexes(PLACE, session);
    const found = wanted.map((one) => equalBytes(Buffer.from(one), Buffer.from(given)));
    return found.includes(true);
  };
  return {
    matches,
    assertOfRefresh: async (token, given) => {
      if (given === undefined) throw sessionFault('SESSION_CSRF');
      if (!isRefreshToken(token)) return;
      const found = await storage.read(platform, (tx) => sessionStore.refresh(tx, digestOf(token)));
      if (found !== undefined && !(await matches(found.sessionId, given))) throw sessionFault('SESSION_CSRF');
    },
    of: async (session) => (await fields(PLATFORM)).index(PLACE, session),
  };
}
