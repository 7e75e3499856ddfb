import { accessFault } from '../access/index.ts';
import { type ApiKeys, isEndedKey } from '../apikeys/index.ts';
import { type Blocks, type Failures, mayBePlanted } from '../detection/index.ts';
import type { Attempts } from '../flows/index.ts';
import { bearerOfProtocols } from '../gateway/index.ts';
import { type Context, httpFault, type Route, readCookie } from '../http/index.ts';
import { isFault, type TwinkeepError } from '../kernel/errors.ts';
import { anonymous, type Principal } from '../kernel/principal.ts';
import type { Limits } from '../limits/index.ts';
import type { ServedProfile } from '../profiles/index.ts';
import { MAIN_TENANT } from '../tenants/index.ts';
import { isOpen } from './bar.ts';
import type { Slow } from './slow.ts';
import { certificateOf } from './tls-door.ts';

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
  /**
   * For a request; at once where nobody has to be waited for. A credential that is bad counts against its address.
   *
   * @param isBarred whether the address is blocked already, and is let by only for what it proves
   */
  ask(route: Route, context: Context, isBarred?: boolean): Principal | Promise<Principal>;
  /** Whether there is a credential that the route would look at. */
  presents(route: Route, context: Context): boolean;
  /** Who is held to account for an attack: whoever proves who they are, also where nobody has to. Never fails. */
  sender(route: Route, context: Context): Promise<Principal>;
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

  function ask(route: Route, context: Context, isBarred = false): Principal | Promise<Principal> {
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
        kind === 'token'
          ? profileOf(route).tokens.verify(credential.text)
          : keyOf(credential.text, route, context, isBarred);
      return found instanceof Promise ? found.catch((error) => badly(error, kind, route, context)) : found;
    } catch (error) {
      return badly(error, kind, route, context);
    }
  }

  function keyOf(text: string, route: Route, context: Context, isBarred: boolean): Principal | Promise<Principal> {
    const stillGood = isBarred ? undefined : () => blocks.assertNotBlocked(context); // it may have waited for its turn
    const verified = apiKeys.verify(text, slow.keyAttempt(route, context, stillGood), certificateOf(context.headers));
    return verified instanceof Promise ? verified.then((one) => proved(one, context)) : proved(verified, context);
  }

  function proved(principal: Principal, { addressBlock }: Context): Principal {
    failures.succeeded(addressBlock, 'api-key'); // of keys alone: it is used at any time, also between two guesses
    return principal;
  }

  function presents(route: Route, context: Context): boolean {
    try {
      return credentialOf(route, context) !== undefined;
    } catch {
      return false; // two of them, or none that we understand
    }
  }

  async function sender(route: Route, context: Context): Promise<Principal> {
    try {
      return await (isOpen(route) && !context.operator ? shown(route, context) : ask(route, context));
    } catch {
      return anonymous; // then it is held against the address
    }
  }

  /** What was sent on purpose to a route that asks for nothing. It is no failure where it is none of ours. */
  function shown(route: Route, context: Context): Principal | Promise<Principal> {
    const { authorization, 'x-api-key': key } = context.headers;
    if (key !== undefined)
      return apiKeys.verify(String(key), slow.keyAttempt(route, context), certificateOf(context.headers));
    const bearer = authorization === undefined ? undefined : bearerOf(context, route);
    return bearer === undefined ? anonymous : profileOf(route).tokens.verify(bearer);
  }

  /** Where nobody has to be known yet, a cookie that a browser adds by itself must not stand in the way of a ticket. */
  async function badly(error: unknown, what: Credential['kind'], route: Route, context: Context): Promise<Principal> {
    if (route.admits !== 'later' || route.relay !== undefined) return refuse(error, what, route, context);
    if (!isFault(error) || !PRESENTED.has(error.code) || !isByCookie(route, context))
      return refuse(error, what, route, context);
    if (!isGoneBy(error)) await refused(error, what, route, context);
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
      : apiKeys.verify(credential.text, { ...UNCOUNTED, lane: context.addressBlock }, certificateOf(context.headers));
  }

  /** Notes a credential that was no good, or none, and lets its address pay for it. @throws LIMIT_EXCEEDED */
  async function refused(error: unknown, what: Credential['kind'], route: Route, context: Context): Promise<void> {
    if (!isFault(error)) return;
    if (error.kind !== 'unauthenticated' && error.code !== 'HTTP_TWO_CREDENTIALS') return;
    if (PRESENTED.has(error.code)) await noteFailure(error, what, route, context);
    await slow.badCredential(route, context);
  }

  async function noteFailure(error: TwinkeepError, what: Credential['kind'], route: Route, context: Context) {
    const { name: profile, observer } = profileOf(route);
    observer?.authentication({ context, action: what, user: undefined, success: false, facts: { code: error.code } });
    const { address, addressBlock, requestId } = context;
    // A page of somebody else opens sockets with any token, and sends any cookie: its reader guesses nothing (D06).
    const counts = !isGoneBy(error) && !mayBePlanted(context);
    await failures.failed({ what, profile, address, addressBlock, requestId, counts });
    await limits.take('bad-credentials', addressBlock);
    // Afterwards, and so for good ones nothing: none of them is a name and a guess, which a count before would stop.
    if (counts && (what === 'api-key' || route.sockets === true)) await attempts.begin({ addressBlock });
  }

  return {
    ask,
    presents,
    sender,
    askLate,
    askAgain,
    byCookie: isByCookie,
  };
}

const UNCOUNTED = { beforeSlow: () => undefined, giveBack: () => undefined };

/** Who is known without asking, or not asked for. */
function withoutCredential(route: Route, { operator }: Context): Principal | undefined {
  if (operator) return { kind: 'operator', tenantId: MAIN_TENANT };
  return isOpen(route) ? anonymous : undefined;
}

/** A credential was there, and was looked at. */
const PRESENTED: ReadonlySet<string> = new Set([
  'SESSION_TOKEN_INVALID',
  'SESSION_EXPIRED',
  'SESSION_REVOKED',
  'APIKEY_INVALID',
]);

const GONE_BY: ReadonlySet<string> = new Set(['SESSION_EXPIRED', 'SESSION_REVOKED']);

/** One that merely ended was good once: its owner's client has yet to notice, and is no attacker. */
const isGoneBy = (error: TwinkeepError): boolean => GONE_BY.has(error.code) || isEndedKey(error);

/** A browser can't set headers of a WebSocket, so there the token may come as a subprotocol. @see RFC 6750 §2.1 */
function bearerOf({ headers }: Context, { sockets }: Route): string | undefined {
  const value = headers.authorization;
  if (value === undefined) return sockets ? bearerOfProtocols(headers['sec-websocket-protocol']) : undefined;
  const isBearer = value.startsWith('Bearer ') || value.slice(0, 7).toLowerCase() === 'bearer ';
  if (isBearer && value.length > 7) return value.slice(7).trim();
  throw accessFault('ACCESS_UNAUTHENTICATED', { scheme: 'Bearer' });
}
