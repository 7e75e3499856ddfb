import type { Audit } from '../audit/index.ts';
import { actorOf, type RelayInput, type Route } from '../http/index.ts';
import type { AskedRouteConfig, GatewayConfig } from './config.ts';
import { gatewayFault } from './errors.ts';
import { createHeaderCheck } from './forward-auth-headers.ts';
import { asksForUpgrade, assertHandshake } from './forward-auth-socket.ts';
import type { Assertions } from './gateway.ts';
import { createOwnCookies, type OwnCookies } from './own-cookies.ts';
import { rowsOf, twinCheckOf } from './plan.ts';
import { assertPlainTarget } from './target.ts';

export interface ForwardAuthDeps {
  readonly config: Pick<GatewayConfig, 'forwardAuth' | 'assertionHeader'>;
  readonly audit: Pick<Audit, 'write' | 'noteRead'>;
  readonly assertions: Assertions;
  /** Cookies of the profiles that are served: no back end sees them, but on routes that pass credentials. */
  readonly cookies: readonly string[];
  readonly onError: (error: unknown) => void;
}

const SAFE = new Set(['GET', 'HEAD']);
const MAX_PATH = 512;

/** The rows of what another proxy carries. Each answers 200 with the headers that the proxy hands on, and no body. */
export function forwardAuthRows(deps: ForwardAuthDeps): readonly Route[] {
  const { routes } = deps.config.forwardAuth;
  const tools: Tools = {
    ...deps,
    assertHeaders: createHeaderCheck(deps.config.assertionHeader),
    ownCookies: createOwnCookies(deps.cookies),
    told: createTold(deps.config.assertionHeader),
  };
  return routes.flatMap((route) => {
    const assertOwn = twinCheckOf(route, routes);
    const whole = { ...route, ...NOT_CARRIED, to: route.audience };
    return rowsOf(whole, { maxRequestBytes: 0 }).map((row) => ({
      ...row,
      summary: `Carried by another proxy, for ${route.audience}.`,
      sockets: route.sockets && row.method === 'GET',
      faults: FAULTS,
      handle: () => Promise.reject(new TypeError('a row of forward-auth answers by relay')),
      relay: (input: RelayInput) => admit(route, input, assertOwn, tools),
    }));
  });
}

const NOT_CARRIED = { authMessage: false, socketIo: false, streams: false, inspect: 'head' } as const;
const FAULTS = [
  ...['GATEWAY_TARGET', 'GATEWAY_HEADER', 'GATEWAY_NO_SOCKETS', 'GATEWAY_HANDSHAKE', 'GATEWAY_ORIGIN'],
  'GATEWAY_UNRECORDED',
];

interface Tools extends ForwardAuthDeps {
  readonly assertHeaders: ReturnType<typeof createHeaderCheck>;
  readonly ownCookies: OwnCookies;
  readonly told: ReturnType<typeof createTold>;
}

/** @throws GATEWAY_TARGET, GATEWAY_HEADER, GATEWAY_NO_SOCKETS, GATEWAY_HANDSHAKE, GATEWAY_ORIGIN, GATEWAY_UNRECORDED */
async function admit(
  route: AskedRouteConfig,
  input: RelayInput,
  assertOwn: (target: string) => void,
  { assertHeaders, assertions, told, ownCookies, ...deps }: Tools,
): Promise<number> {
  const { context, caller, tenantId, request, response, answerHeaders } = input;
  const target = request.url ?? '';
  assertPlainTarget(target);
  assertOwn(target);
  assertHeaders(context.headers);
  const socket = asksForUpgrade(input);
  if (socket) {
    if (!route.sockets) throw gatewayFault('GATEWAY_NO_SOCKETS');
    assertHandshake(input, route.origins);
  }
  const head = [...answerHeaders, 'content-length', '0', 'twinkeep-credential', route.credential];
  pushCookie(head, context.headers.cookie, route, ownCookies);
  if (caller.kind === 'anonymous') {
    // Nothing of ours would stand in its place, so the client's own would reach the back end.
    if (context.headers['twinkeep-tenant'] !== undefined)
      throw gatewayFault('GATEWAY_HEADER', { header: 'twinkeep-tenant' });
  } else {
    const given = assertions.of(caller, tenantId, route.audience);
    head.push(...told(given instanceof Promise ? await given : given));
  }
  const recorded = record(route, input, socket, deps);
  if (recorded !== undefined) await recorded; // most have nothing to wait for
  response.writeHead(200, head);
  response.end();
  return 200;
}

/** What of the cookies the back end may see, where some are ours. */
function pushCookie(head: string[], cookie: string | undefined, route: AskedRouteConfig, own: OwnCookies): void {
  if (cookie === undefined) return;
  const pairs = route.credential === 'pass' ? [cookie] : cookie.split(';').filter((pair) => !own.has(pair));
  if (pairs.length > 0) head.push('twinkeep-cookie', pairs.join(';').trim());
}

/** What changes something is on record before the proxy sends it; how it ended is the proxy's to know. */
function record(
  route: AskedRouteConfig,
  input: RelayInput,
  socket: boolean,
  { audit, onError }: Pick<Tools, 'audit' | 'onError'>,
): Promise<void> | undefined {
  const { caller, tenantId, request } = input;
  const { method = '' } = request;
  if (!SAFE.has(method) || socket) return intend(route, input, socket, { audit, onError });
  if (caller.kind !== 'anonymous')
    audit.noteRead({ principal: caller, tenantId, route: `${method} ${route.path}`, records: 1 });
  return undefined;
}

/** @throws GATEWAY_UNRECORDED */
async function intend(
  { audience }: AskedRouteConfig,
  { context, caller, tenantId, request }: RelayInput,
  socket: boolean,
  { audit, onError }: Pick<Tools, 'audit' | 'onError'>,
): Promise<void> {
  const { method = '', url = '' } = request;
  const query = url.indexOf('?'); // left out: it may hold what nobody may read later
  const facts = { method, path: url.slice(0, query === -1 ? MAX_PATH : Math.min(query, MAX_PATH)), socket };
  try {
    await audit.write({
      ...actorOf(context, caller, caller.kind === 'anonymous' ? undefined : tenantId),
      action: 'gateway.admitted',
      outcome: 'intended',
      object: { type: 'back-end', id: audience },
      facts,
    });
  } catch (error) {
    onError(error);
    throw gatewayFault('GATEWAY_UNRECORDED', {}, error); // an act that no record can show does not happen
  }
}

const MAX_TOLD = 10_000;

/** The headers of an assertion, with what it says in plain words beside it: read out of it, so that they can't differ. */
function createTold(assertionHeader: string): (assertion: string) => readonly string[] {
  const known = new Map<string, readonly string[]>();
  return (assertion) => {
    const before = known.get(assertion);
    if (before !== undefined) return before;
    const { sub, tenant, roles } = claimsOf(assertion);
    const head = [
      ...[assertionHeader, assertion],
      ...['twinkeep-subject', plain(sub)],
      ...['twinkeep-tenant', plain(tenant)],
      ...['twinkeep-roles', Array.isArray(roles) ? roles.map(plain).join(',') : ''],
    ];
    if (known.size >= MAX_TOLD) known.clear();
    known.set(assertion, head);
    return head;
  };
}

function claimsOf(assertion: string): Readonly<Record<string, unknown>> {
  return Object(JSON.parse(Buffer.from(assertion.split('.')[1] ?? '', 'base64url').toString()));
}

/** Ids and names of roles are plain words; what is not stays readable and can end no header or list. */
const plain = (value: unknown): string =>
  encodeURIComponent(typeof value === 'string' ? value : '').replaceAll('%3A', ':');
