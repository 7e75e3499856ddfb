import { once } from 'node:events';
import { request as ask, createServer, type IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { after } from 'node:test';
import { io, type ManagerOptions, type SocketOptions } from 'socket.io-client';
import { WebSocket } from 'ws';
import { type RelayInput, type Route, statusOf, type Upgrade } from '../http/index.ts';
import { apiKeyId, epochMs, requestId, tenantId } from '../kernel/brand.ts';
import { defineFaults, isFault } from '../kernel/errors.ts';
import { anonymous, type KnownPrincipal } from '../kernel/principal.ts';
import { createSystemRandom } from '../kernel/random.ts';
import { type Bus, createMemoryBus } from '../storage/index.ts';
import { createReadings, type Readings } from './readings.ts';
import { inMemory, type Kit, NOW, withKit } from './readings-kit.contract.ts';
import { createReadingStream, type ReadingStream, type ReadingStreamLimits, type StreamRead } from './stream.ts';
import { readingStreamRoutes } from './stream-routes.ts';

const fault = defineFaults({ SESSION_REVOKED: ['unauthenticated', 'The session is no longer valid.'] });
export const revoked = () => fault('SESSION_REVOKED');

const keyIn = (tenant: string, name = `key-of-${tenant}`): KnownPrincipal => ({
  ...{ kind: 'api-key', apiKeyId: apiKeyId(name), tenantId: tenantId(tenant), scopes: [] },
});

/** Whose each token is. */
const CALLERS: Readonly<Record<string, KnownPrincipal>> = {
  north: keyIn('north'),
  other: keyIn('north', 'another-key'),
  south: keyIn('south'),
};

/** The room with its streams on a real port, with a line in front that knows the tokens above. */
export interface StreamKit extends Kit {
  readonly stream: ReadingStream;
  readonly live: Readings;
  readonly bus: Bus;
  port: number;
  readonly errors: unknown[];
  readonly reads: StreamRead[];
  confirm: () => Promise<void>;
  addressBlock: string;
}

export interface StreamKitOptions {
  readonly limits?: Partial<ReadingStreamLimits>;
  readonly bus?: Bus;
}

export const withStream = (work: (kit: StreamKit) => Promise<void>, options: StreamKitOptions = {}): Promise<void> =>
  withKit(inMemory, async (kit) => {
    const bus = options.bus ?? createMemoryBus();
    const errors: unknown[] = [];
    const reads: StreamRead[] = [];
    const stream = createReadingStream({
      ...{ bus, vault: kit.vault, random: createSystemRandom(), limits: options.limits },
      onError: (error) => void errors.push(error),
      noteRead: (read) => void reads.push(read),
    });
    const { storage, vault, audit, clock } = kit;
    const live = createReadings({ storage, vault, audit, clock, onStored: stream.publish });
    const server = createServer();
    const made = Object.assign({ ...kit, stream, live, bus, errors, reads }, { port: 0, addressBlock: '192.0.2.7' });
    const full: StreamKit = Object.assign(made, { confirm: () => Promise.resolve() });
    const routes = readingStreamRoutes(stream, { origins: ['https://twin.example'] });
    const onRequest = (request: IncomingMessage, response: ServerResponse, upgrade?: Upgrade): void =>
      void answer(full, routes, request, response, upgrade);
    server.on('request', (request, response) => onRequest(request, response));
    server.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
      socket.on('error', () => undefined);
      const response = new ServerResponse(request);
      response.assignSocket(socket);
      response.once('finish', () => socket.end());
      onRequest(request, response, { socket, head });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    full.port = (server.address() as AddressInfo).port;
    try {
      await work(full);
    } finally {
      stream.close();
      server.close();
      server.closeAllConnections();
    }
  });

async function answer(
  kit: StreamKit,
  routes: readonly Route[],
  request: IncomingMessage,
  response: ServerResponse,
  upgrade: Upgrade | undefined,
): Promise<void> {
  const path = request.url?.split('?')[0];
  const route = routes.find((one) => one.path === path && one.method === request.method);
  try {
    await route?.relay?.(inputOf(kit, request, response, upgrade));
  } catch (error) {
    if (!isFault(error)) kit.errors.push(error);
    response.writeHead(isFault(error) ? statusOf(error.kind) : 500);
    response.end(isFault(error) ? error.code : 'INTERNAL');
  }
}

function inputOf(
  kit: StreamKit,
  request: IncomingMessage,
  response: ServerResponse,
  upgrade: Upgrade | undefined,
): RelayInput {
  const caller = CALLERS[request.headers.authorization ?? ''];
  const admit: RelayInput['admit'] = async (token) => {
    const known = CALLERS[token];
    if (known === undefined) throw revoked();
    return { caller: known, tenantId: known.tenantId, confirm: () => kit.confirm() };
  };
  const { method = '', url = '', headers } = request;
  return {
    context: {
      ...{ requestId: requestId('r1'), receivedAt: epochMs(NOW), address: '192.0.2.7', secure: false, operator: false },
      ...{ addressBlock: kit.addressBlock, method, url, headers },
    },
    ...{ params: {}, query: undefined, body: undefined, stream: request, request, response, upgrade },
    ...{ caller: caller ?? anonymous, tenantId: caller?.tenantId ?? tenantId('platform') },
    answerHeaders: ['x-content-type-options', 'nosniff', 'cache-control', 'no-store'],
    confirm: () => kit.confirm(),
    ...(caller === undefined ? { admit } : {}),
  };
}

export interface Events {
  readonly status: number;
  readonly text: () => string;
  readonly ended: Promise<void>;
  readonly pause: () => void;
  readonly leave: () => void;
}

/** Server-sent events as they come. */
export function openEvents(
  kit: StreamKit,
  as: string,
  query = '',
  headers: Record<string, string> = {},
): Promise<Events> {
  return new Promise((resolve, reject) => {
    const path = `/v1/readings/stream${query}`;
    const sent = ask({
      port: kit.port,
      host: '127.0.0.1',
      path,
      agent: false,
      headers: { ...headers, authorization: as },
    });
    sent.on('error', reject).on('response', (response) => {
      let text = '';
      response.setEncoding('utf8').on('error', () => undefined);
      response.on('data', (chunk) => {
        text += chunk;
      });
      const ended = new Promise<void>((over) => response.once('close', over));
      after(() => sent.destroy());
      resolve({
        ...{ status: response.statusCode ?? 0, text: () => text, ended },
        ...{ pause: () => void response.pause(), leave: () => void sent.destroy() },
      });
    });
    sent.end();
  });
}

// biome-ignore lint/suspicious/noExplicitAny: messages of every shape
export type Message = any;

/** A WebSocket and all that it heard. */
export function openSocket(
  kit: StreamKit,
  as?: string,
  query = '',
  options: { origin?: string; protocols?: string[] } = {},
) {
  const headers = as === undefined ? {} : { authorization: as };
  const { protocols = [], origin } = options;
  const more = origin === undefined ? { headers } : { headers, origin };
  const socket = new WebSocket(`ws://127.0.0.1:${kit.port}/v1/readings/stream${query}`, protocols, more);
  const heard: Message[] = [];
  socket.on('error', () => undefined).on('message', (data) => void heard.push(JSON.parse(String(data))));
  after(() => socket.terminate());
  const closed = new Promise<readonly [number, string]>((resolve) =>
    socket.once('close', (code, reason) => resolve([code, String(reason)])),
  );
  return { socket, heard, closed };
}

export function openIo(kit: StreamKit, options: Partial<ManagerOptions & SocketOptions>) {
  const socket = io(`http://127.0.0.1:${kit.port}`, {
    ...{ path: '/v1/socket.io/', reconnection: false, forceNew: true },
    ...options,
  });
  const heard: Message[] = [];
  socket.onAny((name, value) => void heard.push({ type: name, ...value }));
  after(() => socket.disconnect());
  const refused = new Promise<string>((resolve) => {
    socket.once('connect_error', (error) => resolve(error.message));
    socket.once('disconnect', (reason) => resolve(reason));
  });
  return { socket, heard, refused };
}

/** Waits until something is so. @throws Error after `ms` */
export async function until(condition: () => boolean, ms = 5_000): Promise<void> {
  const end = performance.now() + ms;
  while (!condition()) {
    if (performance.now() > end) throw new Error('it did not happen in time');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
