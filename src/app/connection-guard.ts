import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { addressBlock, createAddressReader } from '../http/index.ts';
import { seconds } from '../kernel/clock.ts';
import type { ConnectionConfig } from './connection-config.ts';
import { type KernelQueues, kernelQueues, peerOf } from './kernel-queues.ts';

export interface GuardDeps {
  readonly config: ConnectionConfig;
  readonly trustedProxies: readonly string[];
  /** How many threads share the port: each takes its part of the connections. */
  readonly threads: number;
  readonly onRefused: (why: 'total' | 'address') => void;
  readonly onCut: () => void;
}

/** Counts the connections of a server, and cuts those that take no answers. */
export interface Guard {
  readonly open: () => number;
  close(): void;
}

const SWEEP_MS = seconds(2);
const ROOM_MS = seconds(1);
const CUTTING_MS = 20;

/**
 * Of all that wait for answers together: the memory of the system's connections is about a tenth of the machine's, and
 * without it nobody gets a connection. From so many bytes on whoever takes nothing has a moment only.
 */
const MOST_WAITING_BYTES = 134_217_728;
const HASTE_MS = seconds(3);

/** What the system may keep of a connection that we have let go, and how soon it is asked about more. */
const LITTLE_BYTES = 16_384;
const PARTING_MS = 500;

/** Of the places there are: from so many on, connections without a request are kept for a moment only. */
const CROWDED = 0.5;
const CROWDED_KEEP_ALIVE_MS = seconds(5);

interface Taking {
  readonly block: string | undefined;
  /** Bytes that the other side has taken, at the beginning of the span. */
  taken: number;
  since: number;
  /** Lets go of a connection that is over for us, and not for the system. */
  part?: () => void;
}

/**
 * Stands before everything else a connection meets, TLS too. Who is over a limit is closed without a word: an answer
 * would cost what the limit is there to save, and over TLS there is none yet.
 */
export function guardConnections(server: Server, deps: GuardDeps): Guard {
  const { config, trustedProxies, threads, onRefused, onCut } = deps;
  const perAddress = Math.ceil(config.maxPerAddress / threads);
  const total = Math.ceil(config.max / threads);
  const { read, trusts } = createAddressReader(trustedProxies);
  const sockets = new Map<Socket, Taking>();
  const byBlock = new Map<string, number>();
  let madeRoomAt = -ROOM_MS;
  const least = (config.minBytesPerSecond * config.paceMs) / 1_000;

  function makeRoom(): void {
    const now = performance.now();
    if (now - madeRoomAt < ROOM_MS) return; // it looks at every connection
    madeRoomAt = now;
    server.closeIdleConnections();
  }

  function take(socket: Socket): void {
    const address = read(socket.remoteAddress ?? '', undefined);
    const block = trusts(address) ? undefined : addressBlock(address);
    const ofBlock = block === undefined ? 0 : (byBlock.get(block) ?? 0);
    if (sockets.size >= total) {
      makeRoom();
      onRefused('total');
      return void socket.destroy();
    }
    if (ofBlock >= perAddress) {
      onRefused('address');
      return void socket.destroy();
    }
    if (block !== undefined) byBlock.set(block, ofBlock + 1);
    const taking: Taking = { block, taken: 0, since: performance.now() };
    sockets.set(socket, taking);
    if (least > 0) keepUntilTaken(socket, taking);
    socket.once('close', () => leave(socket, block));
  }

  /**
   * Attack: large pages are asked for with `Connection: close`, or behind a handshake that is refused, and never read.
   * Node lets go of a connection as soon as the system has taken all; the system then keeps it, with megabytes, for
   * minutes, and no limit counts it any more.
   */
  function keepUntilTaken(socket: Socket, taking: Taking): void {
    const destroy = socket._destroy.bind(socket);
    socket._destroy = (error, done) => {
      const { waiting, taken } = sendingOf(socket);
      if (error !== null || !server.listening || waiting + taken - taking.taken <= LITTLE_BYTES)
        return destroy(error, done);
      taking.part = () => {
        delete taking.part;
        destroy(error, done);
      };
      lookSoon();
    };
  }

  let soon: NodeJS.Timeout | undefined;
  /** Holds the process, too: a server that closes waits for such a connection, and nothing else may be left to do. */
  function lookSoon(): void {
    soon ??= setTimeout(() => {
      soon = undefined;
      look();
    }, PARTING_MS);
  }

  function partAll(): void {
    for (const { part } of sockets.values()) part?.();
  }

  function leave(socket: Socket, block: string | undefined): void {
    sockets.delete(socket);
    if (block === undefined) return;
    const left = (byBlock.get(block) ?? 1) - 1;
    if (left === 0) byBlock.delete(block);
    else byBlock.set(block, left);
  }

  // Attack: a large answer is asked for and then read byte by byte, so that it is held in memory for hours.
  function isTooSlow(taking: Taking, { waiting, taken }: Sending, now: number, spanMs: number): boolean {
    const done = Math.max(taken, taking.taken); // what was seen to be taken is not given back
    if (waiting > 0 && now - taking.since < spanMs) return false;
    const fellBehind = waiting > 0 && done - taking.taken < (least * spanMs) / config.paceMs;
    taking.taken = done;
    taking.since = now;
    return fellBehind;
  }

  /** Each costs the system milliseconds where much was not taken, so honest clients have their turn in between. */
  async function cutAll(slow: readonly Socket[]): Promise<void> {
    let since = performance.now();
    for (const socket of slow) {
      if (!sockets.has(socket)) continue;
      onCut();
      socket.resetAndDestroy(); // a plain end would leave the system to wait for them, with all that they did not take
      sockets.get(socket)?.part?.();
      if (performance.now() - since < CUTTING_MS) continue;
      await pause(CUTTING_MS, undefined, { ref: false });
      since = performance.now();
    }
  }

  async function sweep(): Promise<void> {
    const sent = new Map<Socket, Sending>();
    let port: number | undefined;
    for (const [socket, taking] of sockets) {
      const sending = sendingOf(socket);
      if (sending.waiting === 0 && sending.taken === taking.taken && taking.part === undefined)
        taking.since = performance.now();
      else sent.set(socket, sending);
      port ??= socket.localPort;
    }
    const queues = (sent.size === 0 || port === undefined ? undefined : await kernelQueues(port)) ?? NO_QUEUES;
    const now = performance.now();
    const slow: Socket[] = [];
    let held = 0;
    for (const [socket, sending] of sent) {
      const kept = queues.get(peerOf(socket) ?? '') ?? 0;
      held += kept;
      sent.set(socket, less(sending, kept));
    }
    const spanMs = held > MOST_WAITING_BYTES / threads ? Math.min(HASTE_MS, config.paceMs) : config.paceMs;
    for (const [socket, left] of sent) {
      const taking = sockets.get(socket);
      if (taking === undefined) continue;
      if (isTooSlow(taking, left, now, spanMs)) slow.push(socket);
      else if (left.waiting <= LITTLE_BYTES) taking.part?.();
    }
    await cutAll(slow);
  }

  let looking = false;
  function look(): void {
    // Whoever is told how long it may stay goes before that by itself, so nobody writes into a connection that closes.
    const isCrowded = sockets.size > total * CROWDED;
    server.keepAliveTimeout = isCrowded ? Math.min(config.keepAliveMs, CROWDED_KEEP_ALIVE_MS) : config.keepAliveMs;
    if (!server.listening) partAll(); // who closes does not wait for them
    if (looking || least === 0) return;
    looking = true;
    void sweep().finally(() => {
      looking = false;
      if ([...sockets.values()].some(({ part }) => part !== undefined)) lookSoon();
    });
  }

  server.prependListener('connection', take);
  const timer = setInterval(look, Math.min(SWEEP_MS, config.paceMs / 2)).unref();
  return {
    open: () => sockets.size,
    close: () => {
      clearInterval(timer);
      clearTimeout(soon);
      server.off('connection', take);
      partAll();
    },
  };
}

interface Sending {
  /** Bytes on their way: in the process, and in the system. */
  readonly waiting: number;
  readonly taken: number;
}

const NO_QUEUES: KernelQueues = new Map();

/**
 * What waits in the process, and what the system has taken of it. A chunk of an answer may be megabytes, and over TLS
 * the socket that is written to is not the one that sends: the handle of the connection itself alone tells.
 */
function sendingOf(socket: Socket): Sending {
  const handle: unknown = Reflect.get(socket, '_handle');
  const { writeQueueSize = 0, bytesWritten = 0 } = Object(handle);
  return { waiting: Number(writeQueueSize), taken: Number(bytesWritten) - Number(writeQueueSize) };
}

/** What the system has taken from us, and the other side has not taken from it. */
const less = ({ waiting, taken }: Sending, held: number): Sending => ({ waiting: waiting + held, taken: taken - held });
