import type { Facts } from '../kernel/errors.ts';
import type { Tightest } from './limits.ts';

/**
 * Tells the client how much is left to it, or how long it has to wait.
 *
 * @param state what a take returned, or the facts of LIMIT_EXCEEDED
 * @returns names and values in turn: `RateLimit-Policy: "address";q=100;w=3600` and `RateLimit: "address";r=50;t=30`,
 *   times in seconds; nothing for the facts of another error
 * @see draft-ietf-httpapi-ratelimit-headers-10 §3 and §4
 */
export function rateLimitHeaders(state: Tightest | Facts): readonly string[] {
  if (isTightest(state)) {
    const { rule, remaining, resetMs } = state;
    return fieldsOf(rule.name, rule.count, inSeconds(rule.windowMs), remaining, inSeconds(resetMs));
  }
  const { limit, quota, window_s: windowS, retry_after_s: retryAfterS } = state;
  if (typeof limit !== 'string' || typeof quota !== 'number' || typeof windowS !== 'number') return [];
  return typeof retryAfterS === 'number' ? fieldsOf(limit, quota, windowS, 0, retryAfterS) : [];
}

const isTightest = (state: Tightest | Facts): state is Tightest => typeof state['rule'] === 'object';

const inSeconds = (ms: number): number => Math.ceil(ms / 1_000);

function fieldsOf(name: string, q: number, w: number, r: number, t: number): readonly string[] {
  const quoted = quote(name);
  return ['RateLimit-Policy', `${quoted};q=${q};w=${w}`, 'RateLimit', `${quoted};r=${r};t=${t}`];
}

/** A String of RFC 9651 §3.3.3. What has no place in one is shown as `?`: a name must not break the field. */
const quote = (name: string): string =>
  PLAIN.test(name) ? `"${name}"` : `"${name.replace(/[^ -~]/g, '?').replace(/["\\]/g, '\\$&')}"`;

const PLAIN = /^[ !#-[\]-~]*$/;
