/** How a page, which can't set headers on a WebSocket, sends its token: as one of the protocols that it offers. */
export const BEARER_PROTOCOL = 'twinkeep.bearer.';

/** Stands beside the token where a page speaks no protocol of its own, so that there is one to select. */
export const PLAIN_PROTOCOL = 'twinkeep';

const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

/** What a client offers. */
export interface OfferedProtocols {
  /** Those that are handed on, in order. */
  readonly offered: readonly string[];
  readonly bearers: readonly string[];
  /** True where `twinkeep` itself was offered. */
  readonly plain: boolean;
}

/** @returns `undefined` for what is no list of protocols @see RFC 6455 §4.1, §11.3.4 */
export function readProtocols(header: string | undefined): OfferedProtocols | undefined {
  const offered: string[] = [];
  const bearers: string[] = [];
  let plain = false;
  for (const part of header?.split(',') ?? []) {
    const name = part.trim();
    if (!TOKEN.test(name)) return undefined;
    if (name.toLowerCase().startsWith(BEARER_PROTOCOL)) bearers.push(name.slice(BEARER_PROTOCOL.length));
    else if (name === PLAIN_PROTOCOL) plain = true;
    else offered.push(name);
  }
  return { offered, bearers, plain };
}

/**
 * The token in a `Sec-WebSocket-Protocol` header (`twinkeep.bearer.<token>`); of two neither counts.
 *
 * @returns undefined where there is none
 */
export function bearerOfProtocols(header: string | undefined): string | undefined {
  const bearers = readProtocols(header)?.bearers ?? [];
  return bearers.length === 1 && bearers[0] !== '' ? bearers[0] : undefined;
}
