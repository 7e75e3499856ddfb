import { once } from 'node:events';
import { createServer, type IncomingMessage, request, type Server, ServerResponse } from 'node:http';
import { connect, createServer as createTcpServer, type Server as NetServer, type Socket } from 'node:net';
import { after } from 'node:test';
import type { z } from 'zod';
import { type Context, type RelayInput, statusOf } from '../http/index.ts';
import type { AuditEntry } from '../kernel/audit.ts';
import { epochMs, personId, realmId, requestId, sessionId, tenantId } from '../kernel/brand.ts';
import { systemClock } from '../kernel/clock.ts';
import { isFault } from '../kernel/errors.ts';
import { anonymous, type KnownPrincipal } from '../kernel/principal.ts';
import { gatewayConfig } from './config.ts';
import { createGateway, type Gateway } from './gateway.ts';
import type { BackEndEvent } from './health.ts';
import type { RelayRoute } from './relay-route.ts';

type ConfigInput = z.input<typeof gatewayConfig>;
type RouteInput = NonNullable<ConfigInput['routes']>[number];
type BackEndInput = NonNullable<ConfigInput['backEnds']>[string];

export const ada: KnownPrincipal = {
  kind: 'person',
  personId: personId('p1'),
  sessionId: sessionId('s1'),
  realmId: realmId('main'),
  tenantId: tenantId('steel'),
  username: 'ada',
  authenticatedAt: epochMs(1),
};

/** A back end that is a Node server. @returns its origin */
export async function startBackEnd(
  handler: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<{ readonly url: string; readonly server: Server; readonly stop: () => Promise<void> }> {
  const server = createServer(handler);
  server.on('error', () => undefined);
  return { server, ...(await listen(server, () => server.closeAllConnections())) };
}

/** A back end that speaks what it likes. `onRequest` is called with all that came so far. */
export async function startRawBackEnd(
  onRequest: (socket: Socket, text: string) => void,
): Promise<{ readonly url: string }> {
  const sockets = new Set<Socket>();
  const server = createTcpServer((socket) => {
    sockets.add(socket);
    let text = '';
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
      if (text.includes('\r\n\r\n')) onRequest(socket, text);
    });
  });
  return listen(server, () => {
    for (const socket of sockets) socket.destroy();
  });
}

async function listen(
  server: NetServer,
  cut: () => void,
): Promise<{ readonly url: string; readonly stop: () => Promise<void> }> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const stop = async (): Promise<void> => {
    if (!server.listening) return;
    const closed = once(server, 'close');
    server.close();
    cut();
    await closed;
  };
  after(stop);
  return { url: `http://127.0.0.1:${portOf(server)}`, stop };
}

export function portOf(server: NetServer): number {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('it does not listen');
  return address.port;
}

export interface Front {
  readonly port: number;
  readonly url: string;
  readonly gateway: Gateway;
  readonly entries: AuditEntry[];
  readonly reads: string[];
  readonly events: BackEndEvent[];
  readonly errors: unknown[];
  /** What `relay` answered, by time. */
  readonly statuses: number[];
  /** What the next questions for the caller are answered with; an error ends what is open. */
  confirm: () => Promise<void>;
  caller: KnownPrincipal | undefined;
  /** Set, a request without a caller may say later who it is, as the line lets those do whose route `admits` it. */
  admit?: RelayInput['admit'];
  /** Where requests come from. */
  addressBlock?: string;
  /** Whose request it is, where that depends on it. */
  callerOf?: (request: IncomingMessage) => KnownPrincipal | undefined;
  /** Set, it stands for a body that the line has read already. */
  read?: Uint8Array;
  /** Headers that every answer bears beside the usual ones, names and values in turn. */
  ours?: readonly string[];
  /** How an entry is kept. */
  write: (entry: AuditEntry) => Promise<void>;
  readonly metered: string[];
  readonly asked: string[];
}

export interface FrontOptions {
  readonly backEnd: BackEndInput;
  readonly route?: Partial<RouteInput>;
  readonly routes?: readonly RouteInput[];
  readonly more?: Partial<ConfigInput>;
  /** Of the profiles. */
  readonly cookies?: readonly string[];
}

/** A small server that hands everything to the gateway as the request line would. */
export async function startFront({ backEnd, route, routes, more, cookies = [] }: FrontOptions): Promise<Front> {
  const config = gatewayConfig.parse({
    backEnds: { twin: backEnd },
    routes: routes ?? [{ path: '/*', to: 'twin', ...route }],
    closeGraceMs: 1_000,
    ...more,
  });
  const server = createServer();
  const kept: AuditEntry[] = [];
  const state = { entries: kept, reads: [] as string[], events: [] as BackEndEvent[], errors: [] as unknown[] };
  const noted = { statuses: [] as number[], metered: [] as string[], asked: [] as string[] };
  const gateway = createGateway({
    config,
    cookies,
    clock: systemClock,
    audit: {
      write: async (entry) => {
        await front.write(entry);
        kept.push(entry);
      },
      noteRead: (access) => void state.reads.push(access.route),
    },
    assertions: {
      of: (caller, tenant, audience) => {
        noted.asked.push(`${caller.kind} ${tenant} ${audience}`);
        return `signed.${audience}`;
      },
    },
    meter: { exchange: (name, status) => void noted.metered.push(`${name} ${status}`) },
    onEvent: (event) => void state.events.push(event),
    onError: (error) => void state.errors.push(error),
  });
  const front: Front = {
    ...{ ...state, ...noted, gateway, port: 0, url: '', caller: ada },
    confirm: () => Promise.resolve(),
    write: () => Promise.resolve(),
  };
  server.on('request', (request, response) => void answer(front, request, response));
  server.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
    const response = new ServerResponse(request);
    response.assignSocket(socket);
    void answer(front, request, response, { socket, head });
  });
  const { url } = await listen(server, () => server.closeAllConnections());
  after(() => void gateway.close()); // takes a quarter of a second to settle, in which the next test may begin
  return Object.assign(front, { url, port: portOf(server) });
}

async function answer(
  front: Front,
  request: IncomingMessage,
  response: ServerResponse,
  upgrade?: RelayInput['upgrade'],
): Promise<void> {
  const route = routeOf(front.gateway.routes, request);
  try {
    if (route === undefined) throw new Error('no route');
    front.statuses.push(await route.relay(inputOf(front, request, response, upgrade)));
  } catch (error) {
    if (response.headersSent) {
      response.destroy();
      return;
    }
    if (!isFault(error)) front.errors.push(error);
    request.on('error', () => undefined).resume();
    const status = isFault(error) ? statusOf(error.kind) : 500;
    response.writeHead(status, {
      'content-type': 'application/problem+json',
      ...(upgrade ? { connection: 'close' } : {}),
    });
    response.end(
      JSON.stringify({ code: isFault(error) ? error.code : 'INTERNAL', ...(isFault(error) ? error.facts : {}) }),
    );
  }
}

function routeOf(routes: readonly RelayRoute[], { method, url = '' }: IncomingMessage): RelayRoute | undefined {
  const path = url.split('?')[0] ?? '';
  const of = method === 'HEAD' ? 'GET' : method;
  return routes.find((route) => {
    if (route.method !== of) return false;
    return route.path.endsWith('*') ? path.startsWith(route.path.slice(0, -1)) || path[0] !== '/' : route.path === path;
  });
}

function inputOf(
  front: Front,
  request: IncomingMessage,
  response: ServerResponse,
  upgrade: RelayInput['upgrade'],
): RelayInput {
  const context: Context = {
    requestId: requestId('r1'),
    receivedAt: systemClock.now(),
    address: '192.0.2.7',
    addressBlock: front.addressBlock ?? '192.0.2.7',
    secure: false,
    operator: false,
    method: request.method ?? '',
    url: request.url ?? '',
    headers: request.headers,
  };
  const caller = front.callerOf === undefined ? front.caller : front.callerOf(request);
  const line = { params: {}, query: undefined, body: undefined, stream: undefined };
  return {
    ...line,
    ...{ context, request, response, upgrade, caller: caller ?? anonymous },
    tenantId: tenantId('steel'),
    answerHeaders: [
      'x-content-type-options',
      'nosniff',
      'content-security-policy',
      "default-src 'none'",
      'x-request-id',
      'r1',
      ...(front.ours ?? []),
    ],
    confirm: () => front.confirm(),
    ...(caller === undefined && front.admit !== undefined ? { admit: front.admit } : {}),
    ...(front.read === undefined ? {} : { body: front.read }),
  };
}

export interface RawAnswer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly rawHeaders: readonly string[];
  readonly text: string;
  /** False where the answer was cut. */
  readonly whole: boolean;
}

/** One request on a connection of its own. The path goes out as it stands. */
export function ask(
  front: { readonly port: number },
  method: string,
  path: string,
  options: { readonly headers?: Record<string, string | string[]>; readonly body?: string | Buffer } = {},
): Promise<RawAnswer> {
  const own = Object.keys(options.headers ?? {}).map((name) => name.toLowerCase());
  const framed = options.body === undefined || own.includes('transfer-encoding') || own.includes('content-length');
  const length = framed ? {} : { 'content-length': String(Buffer.byteLength(options.body ?? '')) };
  return new Promise((resolve, reject) => {
    const sent = request({
      port: front.port,
      host: '127.0.0.1',
      method,
      path,
      headers: { ...options.headers, ...length },
      agent: false,
    });
    sent.on('error', reject).on('response', (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      const end = (): void => {
        const { statusCode = 0, headers, rawHeaders, complete } = response;
        resolve({ status: statusCode, headers, rawHeaders, text: Buffer.concat(chunks).toString(), whole: complete });
      };
      response.on('end', end).on('error', end);
    });
    sent.end(options.body);
  });
}

/** Sends bytes as they are, and answers all that came until the connection ended or fell silent. */
export function speak(port: number, text: string, quietMs = 300): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(text, 'latin1'));
    let answer = '';
    socket.setTimeout(quietMs, () => socket.destroy());
    socket.on('data', (chunk) => {
      answer += chunk.toString('latin1');
    });
    socket.on('error', () => undefined).on('close', () => resolve(answer));
  });
}

/** Waits until something is so, for events that no promise tells of. @throws Error after `ms` */
export async function until(condition: () => boolean, ms = 5_000): Promise<void> {
  const end = performance.now() + ms;
  while (!condition()) {
    if (performance.now() > end) throw new Error('it did not happen in time');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
