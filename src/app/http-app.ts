import { randomUUID } from 'node:crypto';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { Socket } from 'node:net';
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest, type HTTPMethods } from 'fastify';
import { defineRoute, httpFault, type Route, SECURITY_HEADERS } from '../http/index.ts';
import type { RequestLine } from './request-line.ts';

export interface HttpApp {
  readonly server: Server;
  /** Hands a request in that came by another way than the server's own port. */
  readonly handle: (request: IncomingMessage, response: ServerResponse) => void;
  /** Takes no more connections, lets running requests finish for a while, and cuts those that do not. */
  close(): Promise<void>;
}

const FINISH_MS = 10_000;
const IDLE_MS = 60_000; // a socket on which nothing moves for this long is closed

const METHODS: readonly string[] = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];

/** Limits of the protocol itself, before a request exists. */
const SERVER_LIMITS = {
  maxHeaderSize: 16_384,
  headersTimeout: 10_000,
  requestTimeout: 0, // a stream of readings may take hours; a body that is read whole has a deadline of its own
  keepAliveTimeout: 65_000, // longer than a balancer's own, so that it never writes into a closing connection
  connectionsCheckingInterval: 5_000,
  insecureHTTPParser: false,
  requireHostHeader: false, // `hasOneHost` asks for it: Node's own refusal is no problem document
};

/** Schemas are the line's business: with these Fastify does not load two compilers that would never be asked. */
const NO_COMPILERS = { buildValidator: noCompiler, buildSerializer: noCompiler };

function noCompiler(): () => never {
  return () => {
    throw new TypeError('a route of ours has no schema for Fastify');
  };
}

/** Fastify as the router of the request line: every row of the ledger, and what is not in it, goes the same way. */
export async function createHttpApp(routes: readonly Route[], line: RequestLine): Promise<HttpApp> {
  const server = createServer(SERVER_LIMITS);
  server.setTimeout(IDLE_MS);
  const fastify = Fastify({
    serverFactory: (handler) => {
      server.on('request', (request, response) => {
        if (!METHODS.includes(request.method ?? ''))
          void line(notFound, request, response, {}); // Fastify knows more of them than our ledger
        else if (hasOneHost(request)) handler(request, response);
        else void line(refusing('it needs one Host header'), request, response, {});
      });
      server.on('checkExpectation', (request: IncomingMessage, response: ServerResponse) => {
        void line(refusing('the expectation cannot be met'), request, response, {});
      });
      return server;
    },
    schemaController: { compilersFactory: NO_COMPILERS },
    clientErrorHandler: refuseUnreadable,
    exposeHeadRoutes: false,
    routerOptions: { maxParamLength: 128 },
    frameworkErrors: (_error, request, reply) => {
      reply.hijack();
      void line(refusing('the address is not valid'), request.raw, reply.raw, {});
    },
  });
  server.on('error', () => undefined); // a port that is taken is told by `listen`

  fastify.removeAllContentTypeParsers();
  fastify.addContentTypeParser('*', (_request, _payload, done) => done(null)); // bodies are read by the line

  const byPath = Map.groupBy(routes, ({ path }) => path);
  for (const [path, own] of byPath) {
    for (const route of own)
      register(fastify, [route.method, ...(route.method === 'GET' ? (['HEAD'] as const) : [])], route, line);
    const known = new Set<string>(own.flatMap(({ method }) => (method === 'GET' ? ['GET', 'HEAD'] : [method])));
    const allow = [...known].sort().join(', ');
    register(
      fastify,
      METHODS.filter((method) => !known.has(method)),
      wrongMethod(path, allow),
      line,
    );
  }
  const refuse = (request: FastifyRequest, reply: FastifyReply): void => {
    reply.hijack();
    void line(notFound, request.raw, reply.raw, {});
  };
  fastify.setNotFoundHandler(refuse);
  fastify.setErrorHandler((_error, request, reply) => refuse(request, reply));
  await fastify.ready();
  return {
    server,
    handle: (request, response) => fastify.routing(request, response),
    close: async () => {
      await closeServer(server);
      await fastify.close();
    },
  };
}

function closeServer(server: Server): Promise<void> {
  if (!server.listening) return Promise.resolve();
  return new Promise((resolve) => {
    const cut = setTimeout(() => server.closeAllConnections(), FINISH_MS).unref();
    server.close(() => {
      clearTimeout(cut);
      resolve();
    });
    server.closeIdleConnections();
  });
}

function register(fastify: FastifyInstance, methods: readonly HTTPMethods[], route: Route, line: RequestLine): void {
  const handler = (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
    reply.hijack();
    return line(route, request.raw, reply.raw, request.params);
  };
  fastify.route({
    method: [...methods],
    url: route.path,
    handler,
    // Fastify looks at content types itself and has its own words for those it does not like; ours come from the line.
    errorHandler: (_error, request, reply) => void handler(request, reply),
  });
}

const open = { kind: 'public', because: 'there is nothing behind it' } as const;

/** What is not in the ledger goes the same way, so that scanning is limited, counted and answered like all else. */
const notFound: Route = defineRoute({
  method: 'GET',
  path: '(not found)',
  summary: 'Nothing.',
  access: open,
  replies: {},
  faults: ['HTTP_NOT_FOUND'],
  handle: async () => {
    throw httpFault('HTTP_NOT_FOUND');
  },
});

const refusing = (reason: string): Route => ({
  ...notFound,
  path: '(malformed)',
  handle: async () => {
    throw httpFault('HTTP_MALFORMED', { reason });
  },
});

const wrongMethod = (path: string, allow: string): Route => ({
  ...notFound,
  path,
  handle: async () => {
    throw httpFault('HTTP_METHOD', { allow });
  },
});

/** Of two hosts a proxy before us may believe the other. @see RFC 9112 §3.2 */
function hasOneHost({ rawHeaders, httpVersion }: IncomingMessage): boolean {
  let hosts = 0;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at];
    if (name?.length === 4 && name.toLowerCase() === 'host') hosts++;
  }
  return hosts === 1 || (hosts === 0 && httpVersion === '1.0');
}

const LAST_HEADERS = Object.entries(SECURITY_HEADERS)
  .map(([name, value]) => `${name}: ${value}\r\n`)
  .join('');

/** What is not even HTTP gets a last word and a closed connection. @see RFC 9112 §9.6 */
function refuseUnreadable(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy();
  const [status, title, code] =
    error.code === 'HPE_HEADER_OVERFLOW'
      ? (['431 Request Header Fields Too Large', 'The head of the request is too large.', 'HTTP_MALFORMED'] as const)
      : error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
        ? (['408 Request Timeout', 'The request took too long.', 'HTTP_MALFORMED'] as const)
        : (['400 Bad Request', 'The request is malformed.', 'HTTP_MALFORMED'] as const);
  const instance = `urn:uuid:${randomUUID()}`;
  const problem = { type: `urn:twinkeep:error:${code}`, title, status: Number(status.slice(0, 3)), code, instance };
  const body = JSON.stringify(problem);
  socket.end(
    `HTTP/1.1 ${status}\r\nconnection: close\r\n${LAST_HEADERS}content-type: application/problem+json\r\n` +
      `content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}
