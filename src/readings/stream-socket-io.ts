import { createServer, type Server as HttpServer, type IncomingMessage } from 'node:http';
import type { Server, Socket } from 'socket.io';
import { z } from 'zod';
import type { RelayInput } from '../http/index.ts';
import { isFault } from '../kernel/errors.ts';
import { nameOf } from '../kernel/principal.ts';
import { readingFault } from './errors.ts';
import type { ReadingStream, Sink } from './stream.ts';
import { assertPage, type Reader, readerOf, wishInAuth } from './stream-wish.ts';

/** Readings over Socket.IO: events `ready`, `readings`, `gap` and `end`. */
export interface StreamSocketIo {
  /** @returns the status, once the exchange is over @throws READING_STREAM_* as long as nothing was answered */
  relay(input: RelayInput): Promise<number>;
  close(): void;
}

/** A session of Engine.IO, and whose it is. */
interface Session {
  readonly input: RelayInput;
  reader: Reader | undefined;
  /** Gives the place of one back that has yet to sign in. */
  readonly leave: () => void;
}

export const SOCKET_IO_PATH = '/v1/socket.io';
const MAX_MESSAGE_BYTES = 16_384;
/** Messages of at most 256 readings that were not taken yet. */
const MAX_UNSENT = 128;
const PING_MS = 15_000;

const auth = z.looseObject({ token: z.string().min(1).max(8_192) });
const wrapped = z.looseObject({ auth });

/** What the engine tells of a session. */
interface EngineSocket {
  readonly id: string;
  readonly request: IncomingMessage;
  once(event: 'close', listener: () => void): unknown;
}

interface Running {
  readonly io: Server;
  /** Never listens: what the line let by is handed in. */
  readonly door: HttpServer;
}

export function createStreamSocketIo(stream: ReadingStream, origins: readonly string[]): StreamSocketIo {
  const sessions = new Map<string, Session>();
  const ofEngine = new WeakMap<object, Session>();
  const arriving = new WeakMap<IncomingMessage, RelayInput>();
  let running: Promise<Running> | undefined;

  async function start(): Promise<Running> {
    const { Server: SocketIo } = await import('socket.io');
    const door = createServer();
    const io = new SocketIo(door, {
      ...{ path: SOCKET_IO_PATH, serveClient: false, allowEIO3: false, perMessageDeflate: false },
      ...{ httpCompression: false, maxHttpBufferSize: MAX_MESSAGE_BYTES, pingInterval: PING_MS },
      connectTimeout: stream.limits.authTimeoutMs,
    });
    io.engine.on('headers', (headers: Record<string, string>, request: IncomingMessage) => {
      const { answerHeaders = [] } = arriving.get(request) ?? {};
      for (const [name, value] of pairsOf(answerHeaders)) headers[name] ??= value;
    });
    io.engine.on('connection', begin);
    io.use((socket, next) => {
      signIn(socket).then(
        () => next(),
        (error) => next(told(error)),
      );
    });
    io.on('connection', carry);
    return { io, door };
  }

  function begin(socket: EngineSocket): void {
    const input = arriving.get(socket.request);
    if (input === undefined) return; // it came by no way of ours, and has no reader ever
    const reader = input.caller.kind === 'anonymous' ? undefined : readerOf(input);
    const leave = reader === undefined ? stream.wait(input.context.addressBlock) : (): void => undefined;
    const session: Session = { input, reader, leave };
    sessions.set(socket.id, session);
    ofEngine.set(socket, session);
    socket.once('close', () => {
      leave();
      sessions.delete(socket.id);
    });
  }

  async function signIn(socket: Socket): Promise<void> {
    const session = ofEngine.get(socket.conn);
    if (session === undefined) throw readingFault('READING_STREAM_CREDENTIAL');
    if (session.reader === undefined) {
      const { data } = auth.safeParse(socket.handshake.auth);
      const token = data?.token ?? wrapped.safeParse(socket.handshake.auth).data?.auth.token;
      if (token === undefined || session.input.admit === undefined) throw readingFault('READING_STREAM_CREDENTIAL');
      session.reader = await session.input.admit(token.replace(/^Bearer +/i, ''));
      session.leave();
    }
    socket.data = wishInAuth(socket.handshake.auth);
  }

  function carry(socket: Socket): void {
    const reader = ofEngine.get(socket.conn)?.reader;
    if (reader === undefined) return void socket.disconnect(true);
    let unsent = 0;
    socket.conn.on('drain', () => {
      unsent = 0;
    });
    const sink: Sink = {
      send: ({ kind, ...event }) => {
        unsent++;
        socket.emit(kind, event);
      },
      backlog: () => unsent / MAX_UNSENT,
      beat: () => undefined, // the engine pings by itself
      end: ({ code }) => {
        socket.emit('end', { code });
        socket.disconnect(true);
      },
    };
    socket.onAny(() => socket.disconnect(true)); // nothing is expected
    try {
      const detach = stream.attach({ ...reader, ...socket.data, sink });
      socket.once('disconnect', detach);
    } catch (error) {
      sink.end(isFault(error) ? error : readingFault('READING_STREAM_OVER', {}, error));
    }
  }

  /** Somebody else's credential never goes on with a session; without one only the address that it began at does. */
  function assertOwn(input: RelayInput, session: Session | undefined): void {
    if (session === undefined) throw readingFault('READING_STREAM_REQUEST', { reason: 'the session is unknown' });
    const { reader, input: first } = session;
    const { caller, context, tenantId } = input;
    if (caller.kind === 'anonymous') {
      if (first.caller.kind !== 'anonymous') throw readingFault('READING_STREAM_CREDENTIAL');
      if (context.addressBlock !== first.context.addressBlock) throw readingFault('READING_STREAM_FOREIGN');
    } else if (reader === undefined || nameOf(reader.caller) !== nameOf(caller) || reader.tenantId !== tenantId) {
      throw readingFault('READING_STREAM_FOREIGN');
    }
  }

  return {
    relay: async (input) => {
      const { request, response, upgrade } = input;
      assertPage(input, origins);
      const query = new URLSearchParams((request.url ?? '').split('?')[1]);
      assertSpoken(query, request.method, upgrade !== undefined);
      const [sid, ...more] = query.getAll('sid');
      if (more.length > 0) throw readingFault('READING_STREAM_REQUEST', { reason: 'two sessions' });
      if (sid !== undefined) assertOwn(input, sessions.get(sid));
      else if (readerOf(input) === undefined) stream.wait(input.context.addressBlock)(); // refused while it can be told
      arriving.set(request, input);
      running ??= start();
      const { door } = await running;
      if (upgrade === undefined) {
        if (response.destroyed) return 499;
        // Its refusals know of no headers but these.
        for (const [name, value] of pairsOf(input.answerHeaders)) response.setHeader(name, value);
        const over = new Promise<number>((resolve) => response.once('close', () => resolve(response.statusCode)));
        door.emit('request', request, response);
        return over;
      }
      if (response.socket !== null) response.detachSocket(response.socket);
      const over = new Promise<number>((resolve) => upgrade.socket.once('close', () => resolve(101)));
      door.emit('upgrade', request, upgrade.socket, upgrade.head);
      return over;
    },
    close: () => void running?.then(({ io }) => io.disconnectSockets(true)),
  };
}

/** What the engine would refuse is refused like all else, in the shape of all else. @throws READING_STREAM_REQUEST */
function assertSpoken(query: URLSearchParams, method: string | undefined, isUpgrade: boolean): void {
  const refusal = (reason: string) => readingFault('READING_STREAM_REQUEST', { reason });
  if (query.has('j')) throw refusal('JSONP is not spoken');
  if (query.get('EIO') !== '4') throw refusal('it must be version 4 of Engine.IO');
  if (query.get('transport') !== (isUpgrade ? 'websocket' : 'polling')) throw refusal('the transport is another one');
  if (method !== 'GET' && !query.has('sid')) throw refusal('the session is unknown');
}

function* pairsOf(flat: readonly string[]): Generator<readonly [name: string, value: string]> {
  for (let at = 0; at + 1 < flat.length; at += 2) yield [flat[at] ?? '', flat[at + 1] ?? ''];
}

/** What `connect_error` tells the client. */
function told(error: unknown): Error {
  const fault = isFault(error) ? error : readingFault('READING_STREAM_OVER', {}, error);
  return Object.assign(new Error(fault.message), { data: { code: fault.code } });
}
