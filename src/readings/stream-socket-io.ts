import { createServer, type Server as HttpServer, type IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
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

/** A handshake on its way into the engine. */
interface Arrival {
  readonly input: RelayInput;
  /** Gives back the place that was taken for it. */
  readonly leave: () => void;
  /** `gone` where its exchange ended before the engine made a session of it. */
  state: 'coming' | 'taken' | 'gone';
}

/** A session of Engine.IO, and whose it is. It signs in once, and is over when that is. */
interface Session {
  readonly input: RelayInput;
  readonly engine: EngineSocket;
  reader: Reader | undefined;
  /** Gives its place back: among those that wait or, once it is known whose it is, of its caller. */
  leave: () => void;
  state: 'waiting' | 'signing' | 'in' | 'over';
  /** Ends it when nobody has signed in. */
  readonly timer: NodeJS.Timeout;
  /** Of its WebSocket, where it has one. */
  duplex: Duplex | undefined;
}

export const SOCKET_IO_PATH = '/v1/socket.io';
const MAX_MESSAGE_BYTES = 16_384;
/** Messages of at most 256 readings that were not taken yet. */
const MAX_UNSENT = 128;
const PING_MS = 15_000;
const LAST_WORD_MS = 2_000;

const auth = z.looseObject({ token: z.string().min(1).max(8_192) });
const wrapped = z.looseObject({ auth });

/** What the engine tells of a session. */
interface EngineSocket {
  readonly id: string;
  readonly request: IncomingMessage;
  /** What carries it; of polling, `shouldClose` is the end that waits for one more poll, with a timer of 30 s. */
  readonly transport: { readonly shouldClose?: (() => void) | null };
  once(event: 'close', listener: () => void): unknown;
  /** @param discard without a last word */
  close(discard?: boolean): void;
}

interface Running {
  readonly io: Server;
  /** Never listens: what the line let by is handed in. */
  readonly door: HttpServer;
}

export function createStreamSocketIo(stream: ReadingStream, origins: readonly string[]): StreamSocketIo {
  const sessions = new Map<string, Session>();
  const ofEngine = new WeakMap<object, Session>();
  const arriving = new WeakMap<IncomingMessage, Arrival>();
  let running: Promise<Running> | undefined;

  async function start(): Promise<Running> {
    const { Server: SocketIo } = await import('socket.io');
    const door = createServer();
    const io = new SocketIo(door, {
      ...{ path: SOCKET_IO_PATH, serveClient: false, allowEIO3: false, perMessageDeflate: false },
      ...{ httpCompression: false, maxHttpBufferSize: MAX_MESSAGE_BYTES, pingInterval: PING_MS },
      connectTimeout: 2 * stream.limits.authTimeoutMs, // ours comes first, and gives the place back
    });
    io.engine.on('headers', (headers: Record<string, string>, request: IncomingMessage) => {
      const { answerHeaders = [] } = arriving.get(request)?.input ?? {};
      for (const [name, value] of pairsOf(answerHeaders)) headers[name] ??= value;
    });
    io.engine.on('connection', begin);
    io.use((socket, next) => {
      signIn(socket).then(
        () => next(),
        (error) => next(told(error)),
      );
    });
    io.on('connection', (socket) => void carry(socket));
    return { io, door };
  }

  /** Runs within the engine, where an error would be nobody's: so it throws none. */
  function begin(engine: EngineSocket): void {
    const arrival = arriving.get(engine.request);
    if (arrival?.state !== 'coming') return void engine.close(true); // it came by no way of ours, or has left already
    arrival.state = 'taken';
    const { input, leave } = arrival;
    const timer = setTimeout(() => end(session, true), stream.limits.authTimeoutMs).unref();
    const { upgrade } = input;
    const reader = input.caller.kind === 'anonymous' ? undefined : readerOf(input);
    const session: Session = { input, engine, reader, leave, state: 'waiting', timer, duplex: upgrade?.socket };
    sessions.set(engine.id, session);
    ofEngine.set(engine, session);
    engine.once('close', () => {
      clearTimeout(timer);
      session.state = 'over';
      session.leave();
      sessions.delete(engine.id);
      engine.transport.shouldClose?.(); // no poll finds a closed session any more, and its timer would hold the process
      setTimeout(() => session.duplex?.destroy(), LAST_WORD_MS).unref(); // a client that never says goodbye
    });
  }

  /** @param discard without a last word, which it would have to fetch */
  function end(session: Session, discard: boolean): void {
    session.state = 'over';
    clearTimeout(session.timer);
    session.engine.close(discard);
    if (!discard) setTimeout(() => session.engine.close(true), LAST_WORD_MS).unref();
  }

  async function signIn(socket: Socket): Promise<void> {
    const session = ofEngine.get(socket.conn);
    if (session?.state !== 'waiting') throw readingFault('READING_STREAM_CREDENTIAL');
    session.state = 'signing';
    try {
      socket.data = wishInAuth(socket.handshake.auth);
      if (session.reader === undefined) await learn(session, socket.handshake.auth);
      else await session.reader.confirm?.(); // some time has gone by since its handshake
      if (isOver(session)) throw readingFault('READING_STREAM_CREDENTIAL');
      clearTimeout(session.timer);
      session.state = 'in';
    } finally {
      if (session.state === 'signing') session.state = 'waiting'; // until its time is up
    }
  }

  /** Whose it is, by the token of its connect packet; its place is one of its caller's from then on. */
  async function learn(session: Session, payload: unknown): Promise<void> {
    const { data } = auth.safeParse(payload);
    const token = data?.token ?? wrapped.safeParse(payload).data?.auth.token;
    if (token === undefined || session.input.admit === undefined) throw readingFault('READING_STREAM_CREDENTIAL');
    const reader = await session.input.admit(token.replace(/^Bearer +/i, ''));
    if (isOver(session)) throw readingFault('READING_STREAM_CREDENTIAL');
    const leave = stream.hold(reader.caller);
    session.leave();
    session.leave = leave;
    session.reader = reader;
  }

  async function carry(socket: Socket): Promise<void> {
    const session = ofEngine.get(socket.conn);
    if (session?.reader === undefined) return void socket.disconnect(true);
    socket.once('disconnect', () => end(session, false)); // also when the namespace alone was left
    const sink = sinkOf(socket);
    socket.onAny(() => socket.disconnect(true)); // nothing is expected
    try {
      const detach = await stream.attach({ ...session.reader, ...socket.data, sink, hasPlace: true });
      socket.once('disconnect', detach);
      if (socket.disconnected) detach();
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

  /** A place for a session that is about to begin: of its caller or, where that is to be told yet, of its address. */
  function placeFor(input: RelayInput): () => void {
    const reader = readerOf(input);
    return reader === undefined ? stream.wait(input.context.addressBlock) : stream.hold(reader.caller);
  }

  /** @returns the status, once the exchange is over */
  async function handIn({ request, response, upgrade, answerHeaders }: RelayInput): Promise<number> {
    running ??= start();
    const { door } = await running;
    if (upgrade === undefined) {
      if (response.destroyed) return 499;
      // Its refusals know of no headers but these.
      for (const [name, value] of pairsOf(answerHeaders)) response.setHeader(name, value);
      const over = new Promise<number>((resolve) => response.once('close', () => resolve(response.statusCode)));
      door.emit('request', request, response);
      return over;
    }
    if (response.socket !== null) response.detachSocket(response.socket);
    const over = new Promise<number>((resolve) => upgrade.socket.once('close', () => resolve(101)));
    if (upgrade.socket.destroyed) return 499;
    door.emit('upgrade', request, upgrade.socket, upgrade.head);
    return over;
  }

  /** A session that goes on: of its own client alone. */
  function goOn(input: RelayInput, session: Session | undefined): Promise<number> {
    assertOwn(input, session);
    if (session !== undefined && input.upgrade !== undefined) session.duplex = input.upgrade.socket;
    arriving.set(input.request, { input, leave: () => undefined, state: 'gone' });
    return handIn(input);
  }

  return {
    relay: async (input) => {
      const { request, upgrade } = input;
      assertPage(input, origins);
      const query = new URLSearchParams((request.url ?? '').split('?')[1]);
      assertSpoken(query, request.method, upgrade !== undefined);
      const [sid, ...more] = query.getAll('sid');
      if (more.length > 0) throw readingFault('READING_STREAM_REQUEST', { reason: 'two sessions' });
      if (sid !== undefined) return goOn(input, sessions.get(sid));
      const arrival: Arrival = { input, leave: placeFor(input), state: 'coming' };
      arriving.set(request, arrival);
      try {
        return await handIn(input);
      } finally {
        if (arrival.state === 'coming') {
          arrival.state = 'gone';
          arrival.leave();
        }
      }
    },
    close: () => void running?.then(({ io }) => io.disconnectSockets(true)),
  };
}

/** Asked anew behind each wait. */
const isOver = ({ state }: Session): boolean => state === 'over';

function sinkOf(socket: Socket): Sink {
  let unsent = 0;
  socket.conn.on('drain', () => {
    unsent = 0;
  });
  return {
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
