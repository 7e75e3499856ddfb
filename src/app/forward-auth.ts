import type { IncomingMessage, ServerResponse } from 'node:http';
import {
  becomeOriginal,
  FORWARD_AUTH,
  type ForwardAuthDeps,
  forwardAuthRows,
  gatewayFault,
  readOriginal,
} from '../gateway/index.ts';
import { createAddressReader, type Face, httpFault, type Route } from '../http/index.ts';
import type { ServedProfile } from '../profiles/index.ts';
import type { AskingRoute, Matched } from './asking.ts';
import type { Config } from './config.ts';
import { appFault } from './errors.ts';
import { createRouter } from './router.ts';
import { isTooOld } from './tls-age.ts';
import { tlsFault } from './tls-errors.ts';

export interface ForwardAuth {
  /** At which proxies ask; none where nothing may be asked about. */
  readonly routes: readonly Route[];
  /** Whose each row is, of those that are asked about. */
  readonly owners: ReadonlyMap<Route, ServedProfile>;
}

export interface ForwardAuthPorts {
  readonly config: Config;
  /** Those of the start: a reload does not take them up. */
  readonly trustedProxies: readonly string[];
  readonly profiles: readonly [ServedProfile, ...ServedProfile[]];
  readonly catalogue: Set<string>;
  readonly rows: Omit<ForwardAuthDeps, 'config' | 'cookies'>;
}

/** How the answer is told: as it is, or so that nginx can tell it on, which knows 401 and 403 alone. */
const WAYS = ['plain', 'nginx'] as const;
type Way = (typeof WAYS)[number];

/**
 * Opens the endpoint that nginx, Caddy, HAProxy, Traefik and Envoy ask before they carry a request.
 *
 * @throws CONFIG_INVALID where no proxy is named, or a row belongs to a profile that is not served
 */
export async function openForwardAuth(ports: ForwardAuthPorts): Promise<ForwardAuth> {
  const { config, profiles, catalogue, rows } = ports;
  const { gateway } = config;
  if (gateway.forwardAuth.routes.length === 0) return { routes: [], owners: new Map() };
  assertUsable(ports);
  const cookies = profiles.flatMap(({ cookies = {} }) => Object.values(cookies));
  const owners = new Map<Route, ServedProfile>();
  const tables = new Map<Way, Table>();
  for (const way of WAYS) {
    const faced = way === 'plain' ? profiles : facedForNginx(profiles);
    const ofWay = forwardAuthRows({ ...rows, config: gateway, cookies });
    const table = await createTable(ofWay, faced);
    for (const row of [...ofWay, table.refused]) owners.set(row, named(faced, row));
    tables.set(way, table);
    for (const { access } of ofWay) if (access.kind === 'permission') catalogue.add(access.permission);
  }
  const mayAsk = remembering(settingAgainst(ports));
  const originalOf: AskingRoute['originalOf'] = (request, response) => {
    const table = tables.get(wayOf(request)) ?? tables.get('plain');
    if (table === undefined) throw new TypeError('there is a table for each way');
    try {
      // Whoever may ask says who the client is and where it goes: nobody else is listened to.
      const setting = mayAsk(request.socket.remoteAddress ?? '');
      if (setting !== undefined) throw gatewayFault('GATEWAY_PROXY', { setting });
      becomeOriginal(request, readOriginal(request));
      const matched = table.match(request, response);
      return isTooOld(request, matched.route.profile) ? table.refuse(request, tlsFault('TLS_TOO_OLD')) : matched;
    } catch (error) {
      return table.refuse(request, error);
    }
  };
  const asking = METHODS.flatMap((method) =>
    [FORWARD_AUTH, `${FORWARD_AUTH}/*`].map((path): AskingRoute => ({ ...ASKED, method, path, originalOf })),
  );
  return { routes: asking, owners };
}

/**
 * To have said whose a request is a proxy must be trusted, and to ask it must be named for that: one that only carries
 * requests to us, as in front of most servers, would carry the question of anybody.
 *
 * @returns which of the two settings lacks an address
 */
function settingAgainst({ config, trustedProxies }: ForwardAuthPorts): (address: string) => string | undefined {
  const isNamed = createAddressReader(config.gateway.forwardAuth.proxies).trusts;
  const isTrusted = createAddressReader(trustedProxies).trusts;
  return (address) => {
    if (!isNamed(address)) return 'gateway.forwardAuth.proxies';
    return isTrusted(address) ? undefined : 'trustedProxies';
  };
}

const MAX_PEERS = 1_000;

/** Few proxies ask, again and again, and looking one up costs more than the rest of reading the question. */
function remembering<Found>(look: (address: string) => Found): (address: string) => Found {
  const known = new Map<string, { readonly found: Found }>();
  return (address) => {
    const before = known.get(address);
    if (before !== undefined) return before.found;
    const found = look(address);
    if (known.size < MAX_PEERS) known.set(address, { found });
    return found;
  };
}

const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;

const ASKED = {
  summary: 'Whether a proxy may carry the request that it tells of, and who sent that one.',
  access: { kind: 'public', because: 'the request that is asked about passes all that its own row asks for' },
  replies: { 200: 'nothing' },
  faults: ['GATEWAY_PROXY', 'GATEWAY_ORIGINAL', 'HTTP_NOT_FOUND', 'HTTP_METHOD', 'TLS_TOO_OLD'],
  handle: () => Promise.reject(new TypeError('what is asked about has a row of its own')),
} as const satisfies Omit<Route, 'method' | 'path'>;

function wayOf({ url = '' }: IncomingMessage): Way {
  return url === `${FORWARD_AUTH}?for=nginx` ? 'nginx' : 'plain';
}

function assertUsable({ config, trustedProxies, profiles }: ForwardAuthPorts): void {
  const errors: { at: string; reason: string }[] = [];
  if (trustedProxies.length === 0)
    errors.push({ at: 'trustedProxies', reason: 'must name the proxies that ask at /v1/forward-auth' });
  if (config.gateway.forwardAuth.proxies.length === 0)
    errors.push({ at: 'gateway.forwardAuth.proxies', reason: 'must name those that ask, such as 127.0.0.1' });
  const names = profiles.map(({ name }) => name);
  config.gateway.forwardAuth.routes.forEach(({ profile }, index) => {
    const reason = `must be one that is served: ${names.join(', ')}`;
    if (!names.includes(profile)) errors.push({ at: `gateway.forwardAuth.routes.${index}.profile`, reason });
  });
  if (errors.length > 0) throw appFault('CONFIG_INVALID', { errors });
}

interface Table {
  /** What passes none of the rows passes this one, and is refused at its end. */
  readonly refused: Route;
  match(request: IncomingMessage, response: ServerResponse): Matched;
  refuse(request: IncomingMessage, error: unknown): Matched;
}

/** The rows in the same router that finds all other routes, so that a path means the same to both. */
async function createTable(rows: readonly Route[], profiles: ForwardAuthPorts['profiles']): Promise<Table> {
  const reasons = new WeakMap<IncomingMessage, unknown>();
  const found = new WeakMap<IncomingMessage, Matched>();
  const mine = new Set(rows);
  const paths = new Set(rows.map(({ path }) => path));
  const faultOf = ({ path }: Route) => (paths.has(path) ? httpFault('HTTP_METHOD') : httpFault('HTTP_NOT_FOUND'));
  const refused: Route = {
    ...ASKED,
    method: 'GET',
    path: FORWARD_AUTH,
    relay: ({ request }) => Promise.reject(reasons.get(request) ?? httpFault('HTTP_NOT_FOUND')),
  };
  const refuse: Table['refuse'] = (request, error) => {
    reasons.set(request, error);
    return { route: refused, params: {} };
  };
  const router = await createRouter({
    routes: rows,
    profiles,
    line: async (route, request, _response, params) => {
      // The router answers a preflight with a 204 of its own, which a proxy would take for a yes.
      const isRow = mine.has(route);
      found.set(request, isRow ? { route, params } : refuse(request, faultOf(route)));
    },
  });
  return {
    refused,
    refuse,
    match: (request, response) => {
      router.route(request, response); // finds its row before it returns
      return found.get(request) ?? refuse(request, httpFault('HTTP_NOT_FOUND'));
    },
  };
}

const named = (profiles: ForwardAuthPorts['profiles'], { profile = 'twinkeep' }: Route): ServedProfile =>
  profiles.find(({ name }) => name === profile) ?? profiles[0];

function facedForNginx([first, ...others]: ForwardAuthPorts['profiles']): ForwardAuthPorts['profiles'] {
  const faced = (profile: ServedProfile): ServedProfile => ({ ...profile, face: faceForNginx(profile.face) });
  return [faced(first), ...others.map(faced)];
}

/** Of nginx's buffer for a head, 4 KiB, this much may be a refusal. */
const MAX_REFUSAL = 2_048;

/**
 * `auth_request` makes all but 2xx, 401 and 403 a 500 and throws bodies away, so what was meant stands in headers, from
 * which `deploy/nginx` makes the answer that everybody else gets.
 *
 * @see https://nginx.org/en/docs/http/ngx_http_auth_request_module.html
 */
function faceForNginx(face: Face): Face {
  return {
    ...face,
    refusal: (fault, requestId) => {
      const { status, contentType, body, headers } = face.refusal(fault, requestId);
      const refusal = body.replace(/[^\x20-\x7e]/g, (sign) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, '0')}`);
      const told = {
        'twinkeep-status': String(status),
        'twinkeep-refusal-type': contentType,
        ...(refusal.length > MAX_REFUSAL ? {} : { 'twinkeep-refusal': refusal }),
      };
      return { status: status === 401 ? 401 : 403, contentType, body, headers: { ...headers, ...told } };
    },
  };
}
