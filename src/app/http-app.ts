import { randomUUID } from 'node:crypto';
import type { IncomingMessage, Server } from 'node:http';
import { createServer, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { mediaType } from '../http/index.ts';
import { askWhenRead } from './body-asked.ts';
import { type BodyPace, createBodyPace } from './body-pace.ts';
import { type ConnectionConfig, connectionConfig } from './connection-config.ts';
import { createCrowds } from './crowds.ts';
import { flawOf, inTurn, type Latest } from './framing.ts';
import { hasBody } from './input.ts';
import type { RequestLine } from './request-line.ts';
import { createRouter, type Router, type Surface } from './router.ts';
import { needingTls13 } from './tls-age.ts';
import { noteCertificate } from './tls-door.ts';

export interface HttpApp {
  readonly server: Server;
  /** Hands a request in that came by another way than the server's own port. */
  readonly handle: (request: IncomingMessage, response: ServerResponse) => void;
  /** From the next request on another surface is served; what runs is finished on the one it began on. */
  replace(surface: Surface): Promise<void>;
  /** Takes no more connections, lets running requests finish for a while, and cuts those that do not. */
  close(): Promise<void>;
}

const FINISH_MS = 10_000;
const LAST_WORD_MS = 5_000;

/** Limits of the protocol itself, before a request exists. */
const SERVER_LIMITS = {
  maxHeaderSize: 16_384,
  headersTimeout: 10_000,
  requestTimeout: 0, // a stream of readings may take hours; a body that is read whole has a deadline of its own
  keepAliveTimeout: 65_000, // longer than a balancer's own, so that it never writes into a closing connection
  connectionsCheckingInterval: 2_000,
  insecureHTTPParser: false,
  requireHostHeader: false, // the router asks for it: Node's own refusal is no problem document
  shouldUpgradeCallback: isHandshake,
};

/** A listening server in front of a router that can be exchanged. */
export async function createHttpApp(
  surface: Surface,
  limits: ConnectionConfig = connectionConfig.parse({}),
): Promise<HttpApp> {
  const server = createServer(SERVER_LIMITS);
  server.setTimeout(limits.idleMs);
  const lines = new WeakMap<Socket, Latest>();
  const certificates = new WeakMap<Socket, string>();
  const crowds = createCrowds();
  const unreadable = (error: NodeJS.ErrnoException, socket: Socket): void =>
    refuseUnreadable(error, socket, lines.get(socket), lastHeaders);
  const pace = createBodyPace(limits, ({ socket }) => unreadable(TOO_SLOW, socket));
  const around = (next: Surface): Surface => ({ ...next, line: needingTls13(pacing(next.line, pace)) });
  let lastHeaders = lastHeadersOf(surface);
  let router: Router = await createRouter(around(surface));
  const refused = new WeakSet<Socket>();
  const upgraded = new Set<Socket>(); // the server knows them no more
  const handle: HttpApp['handle'] = (request, response) => {
    const { socket } = request;
    if (socket.writableEnded || socket.destroyed) return; // it came behind the last answer, which may be on its way yet
    if (crowds.isTooMany(lines.get(socket)?.response, response)) return void socket.destroy();
    if (refused.has(socket)) return; // it came behind a request whose end nobody knows: it may be a part of that one
    const flaw = flawOf(request);
    if (flaw !== undefined) {
      refused.add(socket);
      response.shouldKeepAlive = false;
    }
    noteCertificate(request, certificates);
    const go = (): void =>
      flaw === undefined ? router.route(request, response) : router.refuse(request, response, flaw);
    inTurn(lines, request, response, go);
  };
  server.on('request', handle);
  server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
    askWhenRead(request, response);
    handle(request, response);
  });
  server.on('checkExpectation', (request: IncomingMessage, response: ServerResponse) =>
    router.refuse(request, response, 'the expectation cannot be met'),
  );
  server.on('clientError', unreadable);
  server.on('error', () => undefined); // a port that is taken is told by `listen`
  server.on('connect', (_request: IncomingMessage, socket: Socket) => {
    socket.on('error', () => socket.destroy()); // the server listens to it no more
    unreadable(NO_TUNNEL, socket);
  });
  server.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
    socket.on('error', () => socket.destroy()); // the server listens to it no more
    const before = lines.get(socket);
    // Sent behind a request that is not answered yet: its answer still owns the connection, and a handshake takes it.
    if (before !== undefined && !before.response.closed) return void socket.destroy();
    upgraded.add(socket);
    socket.once('close', () => upgraded.delete(socket));
    const flaw = flawOf(request);
    noteCertificate(request, certificates);
    const response = responseOn(request, socket);
    if (flaw === undefined) router.route(request, response, { socket, head });
    else router.refuse(request, response, flaw);
  });
  return {
    server,
    handle,
    replace: async (next) => {
      router = await createRouter(around(next));
      lastHeaders = lastHeadersOf(next);
    },
    close: () => closeServer(server, upgraded),
  };
}

/** An answer for a connection that the server has let go: refusals of a handshake are written like all others. */
function responseOn(request: IncomingMessage, socket: Socket): ServerResponse {
  const response = new ServerResponse(request);
  response.shouldKeepAlive = false;
  response.assignSocket(socket);
  socket.on('drain', () => response.emit('drain')); // Node has taken its own listener off a socket that may upgrade
  response.once('finish', () => {
    socket.setTimeout(LAST_WORD_MS, () => socket.destroy()); // whoever does not read it must not keep the connection
    socket.destroySoon();
  });
  return response;
}

/** Only a handshake that may become a WebSocket is one; `Upgrade: h2c` and the like are answered as plain requests. */
function isHandshake({ method, headers }: IncomingMessage): boolean {
  return method === 'GET' && headers.upgrade?.toLowerCase() === 'websocket';
}

function closeServer(server: Server, upgraded: ReadonlySet<Socket>): Promise<void> {
  if (!server.listening) return Promise.resolve();
  return new Promise((resolve) => {
    const cut = setTimeout(() => {
      server.closeAllConnections();
      for (const socket of upgraded) socket.destroy();
    }, FINISH_MS).unref();
    server.close(() => {
      clearTimeout(cut);
      resolve();
    });
    server.closeIdleConnections();
  });
}

const NO_TUNNEL: NodeJS.ErrnoException = new Error('no tunnel is made here');
const TOO_SLOW: NodeJS.ErrnoException = Object.assign(new Error('too slow'), { code: 'ERR_HTTP_REQUEST_TIMEOUT' });

/** Bodies that are read whole must come at a pace; streams may take hours, and those of the gateway have a pace of theirs. */
function pacing(line: RequestLine, pace: BodyPace): RequestLine {
  return (route, request, response, params, upgrade) => {
    const isWhole = route.relay === undefined || route.inspect === 'head+body';
    if (isWhole && hasBody(request) && !route.streams?.includes(mediaType(request.headers['content-type'])))
      pace.watch(request, response);
    return line(route, request, response, params, upgrade);
  };
}

/** Of the profile that speaks where nobody can tell which one was asked. */
function lastHeadersOf({ profiles: [{ face }] }: Surface): string {
  let lines = '';
  for (let at = 0; at + 1 < face.headers.length; at += 2) lines += `${face.headers[at]}: ${face.headers[at + 1]}\r\n`;
  return lines;
}

/** What is not even HTTP gets a last word and a closed connection. @see RFC 9112 §9.6 */
function refuseUnreadable(
  error: NodeJS.ErrnoException,
  socket: Socket,
  latest: Latest | undefined,
  headers: string,
): void {
  if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy();
  if (latest !== undefined && !latest.response.closed && (latest.request.complete || latest.response.headersSent)) {
    // An answer to something else is due: ours would be taken for it, or stand in the middle of it.
    if (!latest.response.headersSent) latest.response.shouldKeepAlive = false;
    latest.response.once('finish', () => socket.end());
    return;
  }
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
    `HTTP/1.1 ${status}\r\nconnection: close\r\n${headers}content-type: application/problem+json\r\n` +
      `content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
  setTimeout(() => socket.destroy(), LAST_WORD_MS).unref(); // whoever does not read it must not keep the connection
}
