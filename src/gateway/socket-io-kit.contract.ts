import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { after } from 'node:test';
import { Server } from 'socket.io';
import { io, type ManagerOptions, type Socket, type SocketOptions } from 'socket.io-client';
import { epochMs, personId, realmId, sessionId } from '../kernel/brand.ts';
import { defineFaults } from '../kernel/errors.ts';
import type { KnownPrincipal } from '../kernel/principal.ts';
import { ada, ask, type Front, portOf, startFront } from './gateway-kit.contract.ts';

export const fault = defineFaults({ SESSION_TOKEN_INVALID: ['unauthenticated', 'The token is not valid.'] });

const bob: KnownPrincipal = {
  kind: 'person',
  personId: personId('p2'),
  sessionId: sessionId('s2'),
  realmId: realmId('main'),
  tenantId: ada.tenantId,
  username: 'bob',
  authenticatedAt: epochMs(1),
};

/** Who has which token. */
const CALLERS: Readonly<Record<string, KnownPrincipal>> = { ada, 'ada-again': ada, bob };

export interface Twin {
  readonly url: string;
  /** Requests of any kind that reached it. */
  readonly requests: string[];
  readonly assertions: unknown[];
  readonly transports: string[];
  readonly auths: unknown[];
  readonly events: unknown[];
  readonly gone: string[];
}

/** A digital twin's server behind us, which trusts whoever reaches it. */
export async function startTwin(): Promise<Twin> {
  const [requests, events, gone, transports]: string[][] = [[], [], [], []];
  const [assertions, auths]: unknown[][] = [[], []];
  const server = createServer();
  const note = (request: { readonly method?: string; readonly url?: string }): void =>
    void requests?.push(`${request.method} ${request.url}`);
  const twin = new Server(server, { pingInterval: 1_000, pingTimeout: 1_000 });
  server.on('request', note).on('upgrade', note); // behind its own, which hides requests from those before it
  for (const namespace of ['/', '/twin']) {
    twin.of(namespace).on('connection', (socket) => {
      transports?.push(socket.conn.transport.name);
      socket.conn.once('upgrade', () => transports?.push(socket.conn.transport.name));
      assertions?.push(socket.handshake.headers['twinkeep-assertion']);
      auths?.push(socket.handshake.auth);
      socket.onAny((name) => void events?.push(name));
      socket.on('echo', (value: unknown, answer: (value: unknown) => void) => answer(value));
      socket.on('disconnect', (reason) => void gone?.push(reason));
      socket.emit('reading', { meter: 'STEEL-01', kwh: 12.5 });
    });
  }
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  after(() => twin.close());
  const url = `http://127.0.0.1:${portOf(server)}`;
  return {
    ...{ url, requests: requests ?? [], events: events ?? [], gone: gone ?? [], transports: transports ?? [] },
    ...{ assertions: assertions ?? [], auths: auths ?? [] },
  };
}

/** A front whose requests bring `Authorization: Bearer <name>`, or nothing. */
export async function startIo(twin: Twin, sockets: object = {}, route: object = {}): Promise<Front> {
  const routes = [{ path: '/socket.io/*', to: 'twin', sockets: true, socketIo: true, ...route }];
  const front = await startFront({ backEnd: { url: twin.url }, routes, more: { sockets } });
  front.callerOf = ({ headers }) => CALLERS[headers.authorization?.slice('Bearer '.length) ?? ''];
  front.admit = async (token) => {
    const caller = CALLERS[token];
    if (caller === undefined) throw fault('SESSION_TOKEN_INVALID');
    return { caller, tenantId: caller.tenantId, confirm: () => front.confirm() };
  };
  return front;
}

export function client(front: Front, options: Partial<ManagerOptions & SocketOptions>, namespace = ''): Socket {
  const socket = io(`${front.url}${namespace}`, { reconnection: false, forceNew: true, ...options });
  after(() => socket.disconnect());
  return socket;
}

/** What the server said first, or why it could not be reached. */
export const outcome = (socket: Socket): Promise<unknown> =>
  new Promise((resolve) => {
    socket.once('reading', resolve);
    socket.once('connect_error', (error) => resolve(`refused: ${error.message}`));
    socket.once('disconnect', (reason) => resolve(`disconnected: ${reason}`));
  });

const BASE = '/socket.io/?EIO=4&transport=polling';

/** Engine.IO by hand, for what no client library would send. */
export function byHand(front: Front) {
  const headersOf = (as?: string): { headers: Record<string, string> } => ({
    headers: as === undefined ? {} : { authorization: `Bearer ${as}` },
  });
  return {
    open: async (as?: string): Promise<string> => {
      const answer = await ask(front, 'GET', BASE, headersOf(as));
      assert.equal(answer.status, 200, answer.text);
      return JSON.parse(answer.text.slice(1)).sid;
    },
    poll: (sid: string, as?: string) => ask(front, 'GET', `${BASE}&sid=${sid}`, headersOf(as)),
    post: (sid: string, body: string, as?: string) =>
      ask(front, 'POST', `${BASE}&sid=${sid}`, { ...headersOf(as), body }),
  };
}
