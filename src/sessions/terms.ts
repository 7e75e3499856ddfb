import type { SessionConfig } from './config.ts';
import { NATIVE_PROFILE } from './session.ts';
import type { Tokens } from './tokens.ts';

/** Under which rules a profile begins and refreshes its sessions. A time that isn't told is as configured. */
export interface Terms {
  readonly profile: string;
  /** The issuer of its access tokens: never the native one, whose tokens open `/v1`. */
  readonly tokens: Tokens;
  /** An access token's life, where it is to be shorter than the issuer's own. */
  readonly accessMs?: number | undefined;
  /** A session ends after this long, used or not. */
  readonly absoluteMs?: number | undefined;
  /** A session that is not refreshed for this long ends. */
  readonly idleMs?: number | undefined;
  /** False for a profile without refresh tokens: its sessions end with their one access token. */
  readonly refresh?: boolean | undefined;
  /** False keeps one refresh token for as long as the session lives: who stole it is then not noticed (X03). */
  readonly rotate?: boolean | undefined;
}

/** The same with every time settled. */
export interface SettledTerms {
  readonly profile: string;
  readonly tokens: Tokens;
  readonly accessMs: number;
  readonly absoluteMs: number;
  /** `undefined`: as configured at the time of the refresh. */
  readonly idleMs: number | undefined;
  readonly refresh: boolean;
  readonly rotate: boolean;
}

/** @param native the issuer of whoever states no terms */
export function settle(terms: Terms | undefined, native: Tokens, config: SessionConfig): SettledTerms {
  if (terms === undefined) {
    const { accessMs, absoluteMs } = config;
    return {
      profile: NATIVE_PROFILE,
      tokens: native,
      accessMs,
      absoluteMs,
      idleMs: undefined,
      refresh: true,
      rotate: true,
    };
  }
  const { profile, tokens, refresh = true, rotate = true } = terms;
  if ((profile === NATIVE_PROFILE) !== (tokens === native)) {
    throw new TypeError(`profile ${profile} needs an issuer of its own: the native one's tokens open /v1`);
  }
  const accessMs = Math.min(terms.accessMs ?? tokens.accessMs, tokens.accessMs);
  if (!refresh) {
    const absoluteMs = Math.min(terms.absoluteMs ?? accessMs, accessMs);
    // Nothing refreshes it, so its last use never moves: idleness must not end it before its token does.
    return { profile, tokens, accessMs, absoluteMs, idleMs: absoluteMs, refresh, rotate };
  }
  const idleMs = terms.idleMs ?? Math.max(config.idleMs, accessMs);
  return { profile, tokens, accessMs, absoluteMs: terms.absoluteMs ?? config.absoluteMs, idleMs, refresh, rotate };
}
