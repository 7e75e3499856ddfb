import { createHash } from 'node:crypto';

/** Prime, and so without a common factor with any of our counts: in its steps each session comes once. */
const STEP = 7_919;

/** What the seeded session of a number was given: the same as `seed.ts` puts into the database, by its digests. */
export function refreshRequest(seed: string, session: number): { readonly cookie: string; readonly body: string } {
  const drawn = (what: string): string => createHash('sha256').update(`${seed} ${what} ${session}`).digest('base64url');
  return {
    cookie: `tk_device=${drawn('device')}`,
    body: JSON.stringify({ refresh_token: `tkr_${drawn('token')}` }),
  };
}

/** All of `count` sessions from `first` on, once each and in no order that a cache could like. */
export function sessionAt(at: number, first: number, count: number): number {
  if (at >= count) throw new Error('there are no sessions left that were not refreshed');
  return first + ((at * STEP) % count);
}
