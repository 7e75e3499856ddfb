import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest, type HTTPMethods } from 'fastify';
import { type Cors, defineRoute, httpFault, type Route, type Upgrade } from '../http/index.ts';
import type { ServedProfile } from '../profiles/index.ts';
import type { RequestLine } from './request-line.ts';

/** All that can be asked of a server: the rows of the ledger, and the profiles that stand in for what is not in it. */
export interface Surface {
  readonly routes: readonly Route[];
  readonly line: RequestLine;
  /** The first speaks for all that no other one is mounted at. */
  readonly profiles: readonly [ServedProfile, ...ServedProfile[]];
}

/** Finds the row of a request and sends both down the line; what has no row goes the same way and is refused there. */
export interface Router {
  route(request: IncomingMessage, response: ServerResponse, upgrade?: Upgrade): void;
  refuse(request: IncomingMessage, response: ServerResponse, reason: string): void;
}

const METHODS: readonly string[] = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];

/** Schemas are the line's business: with these Fastify does not load two compilers that would never be asked. */
const NO_COMPILERS = { buildValidator: noCompiler, buildSerializer: noCompiler };

function noCompiler(): () => never {
  return () => {
    throw new TypeError('a route of ours has no schema for Fastify');
  };
}

type Send = (route: Route, request: IncomingMessage, response: ServerResponse, params: unknown) => void;

/** Fastify as a table of paths, one for each host that has routes of its own. */
export async function createRouter(surface: Surface): Promise<Router> {
  const { line, profiles } = surface;
  const upgrades = new WeakMap<IncomingMessage, Upgrade>();
  const send: Send = (route, request, response, params) =>
    void line(route, request, response, params, upgrades.get(request));

  const hosts = new Set([...surface.routes, ...profiles].flatMap(({ host }) => (host === undefined ? [] : [host])));
  const everywhere = await createTable(surface, undefined, send);
  const tables = new Map<string, FastifyInstance>();
  for (const host of hosts) tables.set(host, await createTable(surface, host, send));

  const refuse = (request: IncomingMessage, response: ServerResponse, reason: string): void => {
    response.shouldKeepAlive = false; // where two programs disagree about a request, they do about the next one
    send(refusing(profileAt(profiles, hostOf(request), request.url), reason), request, response, {});
  };

  return {
    refuse,
    route: (request, response, upgrade) => {
      if (upgrade !== undefined) upgrades.set(request, upgrade);
      const { method = '', url } = request;
      if (!METHODS.includes(method)) {
        send(notFound(profileAt(profiles, hostOf(request), url)), request, response, {}); // Fastify knows more of them
      } else (tables.size === 0 ? everywhere : (tables.get(hostOf(request)) ?? everywhere)).routing(request, response);
    },
  };
}

/** The routes of one host, and those that have none. */
async function createTable(surface: Surface, host: string | undefined, send: Send): Promise<FastifyInstance> {
  const fastify = Fastify({
    serverFactory: () => createServer(), // never listens: requests are handed in
    schemaController: { compilersFactory: NO_COMPILERS },
    exposeHeadRoutes: false,
    routerOptions: { maxParamLength: 8_192 }, // each route says what it takes; the head is bounded anyway
    frameworkErrors: (_error, request, reply) => {
      reply.hijack();
      const profile = profileAt(surface.profiles, host, request.raw.url);
      send(refusing(profile, 'the address is not valid'), request.raw, reply.raw, {});
    },
  });
  fastify.removeAllContentTypeParsers();
  fastify.addContentTypeParser('*', (_request, _payload, done) => done(null)); // bodies are read by the line

  const own = surface.routes.filter((route) => route.host === host || route.host === undefined);
  const mine = new Set(own.filter((route) => route.host === host).map(nameOf));
  const rows = own.filter((route) => route.host === host || !mine.has(nameOf(route))); // its own goes before all others'
  for (const [path, ofPath] of Map.groupBy(rows, (route) => route.path))
    registerPath(fastify, path, ofPath, surface, send);

  const refuse = (request: FastifyRequest, reply: FastifyReply): void => {
    reply.hijack();
    send(notFound(profileAt(surface.profiles, host, request.raw.url)), request.raw, reply.raw, {});
  };
  fastify.setNotFoundHandler(refuse);
  fastify.setErrorHandler((_error, request, reply) => refuse(request, reply));
  await fastify.ready();
  return fastify;
}

const nameOf = ({ method, path }: Route): string => `${method} ${path}`;

/** The methods of one path, and an answer for those that it does not take. */
function registerPath(
  fastify: FastifyInstance,
  path: string,
  routes: readonly Route[],
  { profiles }: Surface,
  send: Send,
): void {
  const profile = profiles.find(({ name }) => name === (routes[0]?.profile ?? 'twinkeep')) ?? profiles[0];
  const known = new Set<string>();
  for (const route of routes) {
    const methods = route.method === 'GET' ? (['GET', 'HEAD'] as const) : [route.method];
    for (const method of methods) known.add(method);
    register(fastify, methods, route, profile, send);
  }
  const allow = [...known].sort().join(', ');
  const others = METHODS.filter((method): method is HTTPMethods => !known.has(method));
  register(fastify, others, wrongMethod(path, allow, profile), profile, send);
}

function register(
  fastify: FastifyInstance,
  methods: readonly HTTPMethods[],
  route: Route,
  profile: ServedProfile,
  send: Send,
): void {
  const isPlain = plainOf(route);
  const spelled = refusing(profile, 'the address is spelled in another way');
  const handler = (request: FastifyRequest, reply: FastifyReply): void => {
    reply.hijack();
    if (isPlain(request.raw.url ?? '')) send(route, request.raw, reply.raw, request.params);
    else send(spelled, request.raw, reply.raw, {});
  };
  fastify.route({
    method: [...methods],
    url: route.path,
    handler,
    // Fastify looks at content types itself and has its own words for those it does not like; ours come from the line.
    errorHandler: (_error, request, reply) => handler(request, reply),
  });
}

/**
 * Whether an address is the row's own sign by sign. The table decodes before it compares, so `/%6detrics` would be found as
 * well, past a proxy that closes `/metrics` by its bytes. The gateway looks at its targets by itself, and has its own words for them.
 */
function plainOf({ path, relay }: Route): (url: string) => boolean {
  if (relay !== undefined) return () => true;
  if (!isPattern(path))
    return (url) => url.startsWith(path) && (url.length === path.length || url[path.length] === '?');
  const parts = path.split('/');
  return (url) => {
    const said = url.split('?', 1)[0]?.split('/') ?? [];
    return parts.every((part, at) => isPattern(part) || part === said[at]);
  };
}

const isPattern = (part: string): boolean => part.includes(':') || part.includes('*');

/** The profile that speaks at an address which has no route. */
function profileAt(profiles: Surface['profiles'], host: string | undefined, url = '/'): ServedProfile {
  const mounted = (profile: ServedProfile): boolean =>
    (profile.host !== undefined || profile.prefix !== '') &&
    (profile.host === undefined || profile.host === host) &&
    (url.startsWith(`${profile.prefix}/`) || url === profile.prefix);
  return profiles.find(mounted) ?? profiles[0];
}

const open = { kind: 'public', because: 'there is nothing behind it' } as const;

/** What is not in the ledger goes the same way, so that scanning is limited, counted and answered like all else. */
const notFound = (profile: ServedProfile): Route =>
  defineRoute({
    method: 'GET',
    path: '(not found)',
    summary: 'Nothing.',
    profile: profile.name,
    access: open,
    replies: {},
    faults: ['HTTP_NOT_FOUND'],
    handle: async () => {
      throw httpFault('HTTP_NOT_FOUND');
    },
  });

const refusing = (profile: ServedProfile, reason: string): Route => ({
  ...notFound(profile),
  path: '(malformed)',
  handle: async () => {
    throw httpFault('HTTP_MALFORMED', { reason });
  },
});

const wrongMethod = (path: string, allow: string, profile: ServedProfile): Route => ({
  ...notFound(profile),
  path,
  replies: { 204: 'nothing' },
  handle: async ({ context }) => {
    if (isPreflight(context.method, context.headers) && hasCors(profile.cors, context.headers.origin))
      return profile.cors.preflight(context.headers.origin, allow);
    throw httpFault('HTTP_METHOD', { allow });
  },
});

const isPreflight = (method: string, headers: IncomingMessage['headers']): boolean =>
  method === 'OPTIONS' && headers.origin !== undefined && headers['access-control-request-method'] !== undefined;

const hasCors = (cors: Cors, origin: string | undefined): boolean => cors.headersFor(origin).length > 0;

/** The name that a client asks for, without its port, in lower case. */
function hostOf({ headers }: IncomingMessage): string {
  const host = headers.host ?? '';
  const end = host.lastIndexOf(':');
  const name = (end > host.lastIndexOf(']') ? host.slice(0, end) : host).toLowerCase();
  return name.endsWith('.') ? name.slice(0, -1) : name; // the same name, written out to the root
}
