import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { WebSocket, WebSocketServer } from 'ws';
import { z } from 'zod';
import { type RelayInput, statusOf, type Upgrade } from '../http/index.ts';
import { isFault, type TwinkeepError } from '../kernel/errors.ts';
import { readingFault } from './errors.ts';
import type { ReadingStream, Sink } from './stream.ts';
import type { StreamEvent } from './stream-feed.ts';
import { assertPage, type Reader, readerOf, type Wish, wishOf } from './stream-wish.ts';

/** Readings over a WebSocket. */
export interface StreamSockets {
  /**
   * Messages are `{"type":"ready","id"}`, `{"type":"readings","id","items"}`, `{"type":"gap","id"}` and, before the close, `{"type":"end","code"}`.
   * Refusals of a first message are told by the close code: 1008, or 4000 and the status that a request would have got.
   *
   * @returns 101 once it closed @throws READING_STREAM_* as long as nothing was answered
   */
  relay(input: RelayInput, upgrade: Upgrade): Promise<number>;
}

const MAX_MESSAGE_BYTES = 8_192;
const MAX_UNSENT_BYTES = 1_048_576;
const POLICY = 1008;
const PROTOCOL = 'twinkeep';
const LAST_WORD_MS = 2_000;

const message = z.strictObject({ type: z.literal('auth'), token: z.string().min(1).max(MAX_MESSAGE_BYTES) });

/** @param origins pages of which may connect beside our own */
export function createStreamSockets(stream: ReadingStream, origins: readonly string[]): StreamSockets {
  let server: Promise<WebSocketServer> | undefined;
  const texts = new WeakMap<StreamEvent, string>();
  /** What stands in every answer, in that to a handshake too. */
  const answerHeaders = new WeakMap<IncomingMessage, readonly string[]>();

  /** Written once for all that hear the same. */
  function textOf(event: StreamEvent): string {
    const known = texts.get(event);
    if (known !== undefined) return known;
    const { kind, ...rest } = event;
    const text = JSON.stringify({ type: kind, ...rest });
    texts.set(event, text);
    return text;
  }

  function serverOf(): Promise<WebSocketServer> {
    server ??= start();
    return server;
  }

  async function start(): Promise<WebSocketServer> {
    const { WebSocketServer: Server } = await import('ws');
    const ready = new Server({
      noServer: true,
      maxPayload: MAX_MESSAGE_BYTES,
      perMessageDeflate: false,
      handleProtocols: (offered) => (offered.has(PROTOCOL) ? PROTOCOL : false), // never the one that is a token
    });
    ready.on('headers', (lines, request) => {
      const fields = answerHeaders.get(request) ?? [];
      for (let at = 0; at + 1 < fields.length; at += 2) lines.push(`${fields[at]}: ${fields[at + 1]}`);
    });
    return ready;
  }

  async function accept(input: RelayInput, { socket, head }: Upgrade): Promise<WebSocket> {
    const ready = await serverOf();
    const { response, request } = input;
    answerHeaders.set(request, input.answerHeaders);
    if (response.socket !== null) response.detachSocket(response.socket);
    return new Promise((resolve, reject) => {
      socket.once('close', () => reject(readingFault('READING_STREAM_REQUEST', { reason: 'the handshake failed' })));
      ready.handleUpgrade(request, socket, head, resolve);
    });
  }

  async function firstToken(client: WebSocket, input: RelayInput): Promise<Reader | undefined> {
    const text = await firstMessage(client, stream.limits.authTimeoutMs);
    if (text === 'late') {
      close(client, readingFault('READING_STREAM_CREDENTIAL'));
      return undefined;
    }
    const token = text === undefined ? undefined : tokenIn(text);
    if (token === undefined || input.admit === undefined) {
      client.close(POLICY, 'the first message must be auth');
      return undefined;
    }
    try {
      return await input.admit(token);
    } catch (error) {
      close(client, isFault(error) ? error : readingFault('READING_STREAM_OVER', {}, error));
      return undefined;
    }
  }

  /** @param leave gives the place back that it waits at @returns once it closed */
  async function open(input: RelayInput, upgrade: Upgrade, wish: Wish, leave: () => void): Promise<number> {
    const client = await accept(input, upgrade).catch(() => undefined);
    if (client === undefined) return 400; // ws has answered what is no handshake
    client.on('error', () => client.terminate());
    const closed = new Promise<number>((resolve) => client.once('close', () => resolve(101)));
    const reader = readerOf(input) ?? (await firstToken(client, input));
    leave();
    if (reader !== undefined) await carry({ stream, client, socket: upgrade.socket, textOf }, reader, wish);
    return closed;
  }

  return {
    relay: async (input, upgrade) => {
      assertPage(input, origins);
      const wish = wishOf(input.request.url ?? '');
      // Taken while a refusal can be an answer, and held until it is known who waits.
      const leave = readerOf(input) === undefined ? stream.wait(input.context.addressBlock) : (): void => undefined;
      try {
        return await open(input, upgrade, wish, leave);
      } finally {
        leave();
      }
    },
  };
}

interface Open {
  readonly stream: ReadingStream;
  readonly client: WebSocket;
  readonly socket: Duplex;
  readonly textOf: (event: StreamEvent) => string;
}

async function carry({ stream, client, socket, textOf }: Open, reader: Reader, wish: Wish): Promise<void> {
  let alive = true;
  const sink: Sink = {
    send: (event) => client.send(textOf(event)),
    backlog: () => client.bufferedAmount / MAX_UNSENT_BYTES,
    beat: () => {
      if (!alive) return client.terminate(); // the last ping was never answered
      alive = false;
      client.ping();
    },
    end: (fault) => close(client, fault),
  };
  client.on('pong', () => {
    alive = true;
  });
  client.on('message', () => client.close(POLICY, 'nothing is expected'));
  try {
    const detach = await stream.attach({ ...reader, ...wish, sink });
    client.once('close', detach);
    if (client.readyState !== client.OPEN || socket.destroyed) detach();
  } catch (error) {
    close(client, isFault(error) ? error : readingFault('READING_STREAM_OVER', {}, error));
  }
}

/** Says why in a message and in the code, and waits no longer than a moment for the client to take it. */
function close(client: WebSocket, fault: TwinkeepError): void {
  if (client.readyState === client.OPEN && client.bufferedAmount < MAX_UNSENT_BYTES)
    client.send(JSON.stringify({ type: 'end', code: fault.code }));
  client.close(4_000 + statusOf(fault.kind), fault.code);
  setTimeout(() => client.terminate(), LAST_WORD_MS).unref();
}

function firstMessage(client: WebSocket, withinMs: number): Promise<string | 'late' | undefined> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve('late'), withinMs);
    client.once('message', (data, binary) => {
      clearTimeout(timer);
      resolve(binary ? undefined : String(data));
    });
    client.once('close', () => {
      clearTimeout(timer);
      resolve(undefined);
    });
  });
}

function tokenIn(text: string): string | undefined {
  try {
    return message.safeParse(JSON.parse(text)).data?.token;
  } catch {
    return undefined;
  }
}
