import { accessFault } from '../access/index.ts';
import type { ApiKeys } from '../apikeys/index.ts';
import type { Failures } from '../detection/index.ts';
import { bearerOfProtocols } from '../gateway/index.ts';
import { type Context, httpFault, type Route } from '../http/index.ts';
import { isFault } from '../kernel/errors.ts';
import { anonymous, type Principal } from '../kernel/principal.ts';
import type { Limits } from '../limits/index.ts';
import type { ServedProfile } from '../profiles/index.ts';
import { MAIN_TENANT } from '../tenants/index.ts';
import type { Slow } from './slow.ts';

export interface WhoDeps {
  readonly profileOf: (route: Route) => ServedProfile;
  readonly apiKeys: ApiKeys;
  readonly limits: Limits;
  readonly slow: Slow;
  readonly failures: Failures;
}

export type Who = (route: Route, context: Context) => Promise<Principal>;

/** Token, API key, or the operator's socket. A credential that is bad counts against its address. */
export function createWho({ profileOf, apiKeys, limits, slow, failures }: WhoDeps): Who {
  return async (route, context) => {
    if (context.operator) return { kind: 'operator', tenantId: MAIN_TENANT };
    if (route.access.kind === 'public' || route.access.kind === 'unlimited') return anonymous;
    const bearer = bearerOf(context, route);
    const key = context.headers['x-api-key'];
    if (bearer !== undefined && key !== undefined) throw httpFault('HTTP_TWO_CREDENTIALS');
    const profile = profileOf(route);
    try {
      if (bearer !== undefined) return await profile.tokens.verify(bearer);
      if (key !== undefined) return await knownByKey(String(key), route, context);
    } catch (error) {
      await refused(error, key === undefined ? 'token' : 'api-key', route, context);
      throw error;
    }
    await slow.badCredential(route, context); // none at all: counted as its address, where the profile counts so
    throw accessFault('ACCESS_UNAUTHENTICATED');
  };

  async function knownByKey(key: string, route: Route, context: Context): Promise<Principal> {
    const verified = apiKeys.verify(key, slow.keyAttempt(route, context));
    const principal = verified instanceof Promise ? await verified : verified;
    failures.succeeded(context.addressBlock); // a key is a proof each time; a token merely repeats one
    return principal;
  }

  /** Notes a credential that was no good, and lets its address pay for it. @throws LIMIT_EXCEEDED */
  async function refused(error: unknown, what: 'token' | 'api-key', route: Route, context: Context): Promise<void> {
    if (!isFault(error) || error.kind !== 'unauthenticated') return;
    const { name: profile, observer } = profileOf(route);
    observer?.authentication({ context, action: what, user: undefined, success: false, facts: { code: error.code } });
    const { address, addressBlock, requestId } = context;
    // One that merely ran out was good once: its owner's client has yet to notice, and is no attacker.
    const counts = !GONE_BY.has(error.code);
    await failures.failed({ what, profile, address, addressBlock, requestId, counts });
    await limits.take('bad-credentials', addressBlock);
    await slow.badCredential(route, context);
  }
}

const GONE_BY: ReadonlySet<string> = new Set(['SESSION_EXPIRED', 'SESSION_REVOKED']);

/** A browser can't set headers of a WebSocket, so there the token may come as a subprotocol. @see RFC 6750 §2.1 */
function bearerOf({ headers }: Context, { sockets }: Route): string | undefined {
  const value = headers.authorization;
  if (value === undefined) return sockets ? bearerOfProtocols(headers['sec-websocket-protocol']) : undefined;
  if (value.length > 7 && value.slice(0, 7).toLowerCase() === 'bearer ') return value.slice(7).trim();
  throw accessFault('ACCESS_UNAUTHENTICATED', { scheme: 'Bearer' });
}
