import { accessFault } from '../access/index.ts';
import type { ApiKeys } from '../apikeys/index.ts';
import type { Blocks, Failures } from '../detection/index.ts';
import type { Attempts } from '../flows/index.ts';
import { bearerOfProtocols } from '../gateway/index.ts';
import { type Context, httpFault, type Route, readCookie } from '../http/index.ts';
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
  readonly blocks: Blocks;
  readonly attempts: Pick<Attempts, 'begin'>;
}

export interface Who {
  /** For a request; at once where nobody has to be waited for. A credential that is bad counts against its address. */
  ask(route: Route, context: Context): Principal | Promise<Principal>;
  /** For a token that came after the head, in a message of a socket: with all that counts for one in the head. */
  askLate(route: Route, context: Context, token: string): Promise<Principal>;
  /** For what runs on: the same question without counting, for nobody has sent anything anew. */
  askAgain(route: Route, context: Context, late?: string): Promise<Principal>;
  /** Whether a cookie is what says who calls: it goes along by itself, whoever has made the browser send it. */
  byCookie(route: Route, context: Context): boolean;
}

interface Credential {
  readonly kind: 'token' | 'api-key';
  readonly text: string;
}

/** Token, API key, access cookie, or the operator's socket. */
export function createWho({ profileOf, apiKeys, limits, slow, failures, blocks, attempts }: WhoDeps): Who {
  /** @returns undefined where there is none that the route would look at. @throws HTTP_TWO_CREDENTIALS */
  function credentialOf(route: Route, context: Context): Credential | undefined {
    const bearer = bearerOf(context, route);
    const key = context.headers['x-api-key'];
    if (bearer !== undefined && key !== undefined) throw httpFault('HTTP_TWO_CREDENTIALS');
    if (bearer !== undefined) return { kind: 'token', text: bearer };
    if (key !== undefined) return { kind: 'api-key', text: String(key) };
    const cookie = accessCookie(route, context);
    return cookie === undefined ? undefined : { kind: 'token', text: cookie };
  }

  /** What was sent on purpose goes before what a browser adds by itself. */
  function accessCookie(route: Route, { headers }: Context): string | undefined {
    const name = profileOf(route).cookies?.access;
    return name === undefined || headers.cookie === undefined ? undefined : readCookie(headers.cookie, name);
  }

  const isByCookie: Who['byCookie'] = (route, context) =>
    context.headers.cookie !== undefined &&
    withoutCredential(route, context) === undefined &&
    bearerOf(context, route) === undefined &&
    context.headers['x-api-key'] === undefined &&
    accessCookie(route, context) !== undefined;

  function ask(route: Route, context: Context): Principal | Promise<Principal> {
    const early = withoutCredential(route, context);
    if (early !== undefined) return early;
    let kind: Credential['kind'] = 'token';
    try {
      const credential = credentialOf(route, context);
      if (credential === undefined) {
        if (route.admits === 'later') return anonymous; // what answers it lets nothing by before it knows who it is
        throw accessFault('ACCESS_UNAUTHENTICATED');
      }
      kind = credential.kind;
      const found =
        kind === 'token' ? profileOf(route).tokens.verify(credential.text) : keyOf(credential.text, route, context);
      return found instanceof Promise ? found.catch((error) => badly(error, kind, route, context)) : found;
    } catch (error) {
      return badly(error, kind, route, context);
    }
  }

  function keyOf(text: string, route: Route, context: Context): Principal | Promise<Principal> {
    const stillGood = (): void => blocks.assertNotBlocked(context); // it may have waited for its turn
    const verified = apiKeys.verify(text, slow.keyAttempt(route, context, stillGood));
    return verified instanceof Promise ? verified.then((one) => proved(one, context)) : proved(verified, context);
  }

  function proved(principal: Principal, { addressBlock }: Context): Principal {
    failures.succeeded(addressBlock); // a key is a proof each time; a token merely repeats one
    return principal;
  }

  /** Where nobody has to be known yet, a cookie that a browser adds by itself must not stand in the way of a ticket. */
  async function badly(error: unknown, what: Credential['kind'], route: Route, context: Context): Promise<Principal> {
    if (route.admits !== 'later' || route.relay !== undefined) return refuse(error, what, route, context);
    if (!isFault(error) || !PRESENTED.has(error.code) || !isByCookie(route, context))
      return refuse(error, what, route, context);
    if (!GONE_BY.has(error.code)) await refused(error, what, route, context);
    return anonymous;
  }

  async function refuse(error: unknown, what: Credential['kind'], route: Route, context: Context): Promise<never> {
    await refused(error, what, route, context);
    throw error;
  }

  async function askLate(route: Route, context: Context, token: string): Promise<Principal> {
    blocks.assertNotBlocked(context); // since the head came
    try {
      return await profileOf(route).tokens.verify(token);
    } catch (error) {
      return refuse(error, 'token', route, context);
    }
  }

  async function askAgain(route: Route, context: Context, late?: string): Promise<Principal> {
    const early = withoutCredential(route, context);
    if (early !== undefined) return early;
    const credential: Credential | undefined =
      late === undefined ? credentialOf(route, context) : { kind: 'token', text: late };
    if (credential === undefined) throw accessFault('ACCESS_UNAUTHENTICATED');
    return credential.kind === 'token'
      ? profileOf(route).tokens.verify(credential.text)
      : apiKeys.verify(credential.text, { ...UNCOUNTED, lane: context.addressBlock });
  }

  /** Notes a credential that was no good, or none, and lets its address pay for it. @throws LIMIT_EXCEEDED */
  async function refused(error: unknown, what: Credential['kind'], route: Route, context: Context): Promise<void> {
    if (!isFault(error)) return;
    if (error.kind !== 'unauthenticated' && error.code !== 'HTTP_TWO_CREDENTIALS') return;
    if (PRESENTED.has(error.code)) await noteFailure(error.code, what, route, context);
    await slow.badCredential(route, context);
  }

  async function noteFailure(code: string, what: Credential['kind'], route: Route, context: Context): Promise<void> {
    const { name: profile, observer } = profileOf(route);
    observer?.authentication({ context, action: what, user: undefined, success: false, facts: { code } });
    const { address, addressBlock, requestId } = context;
    // One that merely ran out was good once: its owner's client has yet to notice, and is no attacker.
    const counts = !GONE_BY.has(code);
    await failures.failed({ what, profile, address, addressBlock, requestId, counts });
    await limits.take('bad-credentials', addressBlock);
    // Afterwards, and so for good ones nothing: none of them is a name and a guess, which a count before would stop.
    if (counts && (what === 'api-key' || route.sockets === true)) await attempts.begin({ addressBlock });
  }

  return {
    ask,
    askLate,
    askAgain,
    byCookie: isByCookie,
  };
}

const UNCOUNTED = { beforeSlow: () => undefined, giveBack: () => undefined };

/** Who is known without asking, or not asked for. */
function withoutCredential({ access }: Route, { operator }: Context): Principal | undefined {
  if (operator) return { kind: 'operator', tenantId: MAIN_TENANT };
  return access.kind === 'public' || access.kind === 'unlimited' ? anonymous : undefined;
}

/** A credential was there, and was looked at. */
const PRESENTED: ReadonlySet<string> = new Set([
  'SESSION_TOKEN_INVALID',
  'SESSION_EXPIRED',
  'SESSION_REVOKED',
  'APIKEY_INVALID',
]);

const GONE_BY: ReadonlySet<string> = new Set(['SESSION_EXPIRED', 'SESSION_REVOKED']);

/** A browser can't set headers of a WebSocket, so there the token may come as a subprotocol. @see RFC 6750 §2.1 */
function bearerOf({ headers }: Context, { sockets }: Route): string | undefined {
  const value = headers.authorization;
  if (value === undefined) return sockets ? bearerOfProtocols(headers['sec-websocket-protocol']) : undefined;
  const isBearer = value.startsWith('Bearer ') || value.slice(0, 7).toLowerCase() === 'bearer ';
  if (isBearer && value.length > 7) return value.slice(7).trim();
  throw accessFault('ACCESS_UNAUTHENTICATED', { scheme: 'Bearer' });
}
