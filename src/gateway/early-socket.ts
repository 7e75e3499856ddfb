import { createHash } from 'node:crypto';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { RelayInput, Upgrade } from '../http/index.ts';
import { statusOf } from '../http/index.ts';
import { isFault } from '../kernel/errors.ts';
import { gatewayFault } from './errors.ts';
import { closeFrame, readFirstText, textFrame } from './frames.ts';
import { GUID, type Handshake } from './handshake.ts';
import { PLAIN_PROTOCOL } from './protocols.ts';

/** What came first from a client, and what it sent right behind it. */
export type FirstText =
  | { readonly kind: 'text'; readonly text: string; readonly rest: Buffer }
  | { readonly kind: 'bad'; readonly reason: string }
  | { readonly kind: 'late' }
  | { readonly kind: 'left' };

/** A WebSocket that we opened ourselves, because its client says who it is in its first message. */
export interface EarlySocket {
  send(text: string): void;
  /** Waits for the one message that may come first, and then reads no further. */
  first(withinMs: number, maxBytes: number): Promise<FirstText>;
  /** Says why, and ends it. */
  close(code: number, reason: string): void;
}

export const CLOSE_POLICY = 1008;
/** How a status of HTTP is told to a socket that is open already: 4401, 4403, 4502. */
const CLOSE_STATUS = 4_000;
const LAST_WORD_MS = 2_000;

/** @throws GATEWAY_HANDSHAKE where it offers protocols of its own, of which the back end alone could choose one */
export function acceptEarly(input: RelayInput, { socket, head }: Upgrade, handshake: Handshake): EarlySocket {
  const { offered, plain } = handshake.protocols;
  if (offered.length > 0) {
    const reason = `a socket that signs in by message offers no protocol but ${PLAIN_PROTOCOL}`;
    throw gatewayFault('GATEWAY_HANDSHAKE', { reason });
  }
  if (input.response.socket !== null) input.response.detachSocket(input.response.socket);
  if (socket instanceof Socket) {
    socket.setTimeout(0); // the wait for the first message has an end of its own
    socket.setNoDelay(true);
  }
  socket.write(switching(input.answerHeaders, handshake.key, plain), 'latin1');
  return {
    send: (text) => void socket.write(textFrame(text)),
    first: (withinMs, maxBytes) => firstTextOf(socket, { head, masked: true, withinMs, maxBytes }),
    close: (code, reason) => {
      if (socket.destroyed) return;
      socket.end(closeFrame(code, reason));
      socket.resume();
      setTimeout(() => socket.destroy(), LAST_WORD_MS).unref(); // whoever does not read it must not keep the connection
    },
  };
}

/** No extension is agreed to, so nothing can come compressed; whatever the client offered of them. */
function switching(answerHeaders: readonly string[], key: string, plain: boolean): string {
  const accept = createHash('sha1').update(`${key}${GUID}`).digest('base64');
  let lines = 'HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\n';
  lines += `sec-websocket-accept: ${accept}\r\n`;
  for (let at = 0; at < answerHeaders.length; at += 2) lines += `${answerHeaders[at]}: ${answerHeaders[at + 1]}\r\n`;
  if (plain) lines += `sec-websocket-protocol: ${PLAIN_PROTOCOL}\r\n`;
  return `${lines}\r\n`;
}

interface FirstOptions {
  readonly head: Buffer;
  /** True for a client. */
  readonly masked: boolean;
  readonly withinMs: number;
  readonly maxBytes: number;
}

/** The first message of either side. Nothing more is read from it until somebody resumes it. */
export function firstTextOf(socket: Duplex, { head, masked, withinMs, maxBytes }: FirstOptions): Promise<FirstText> {
  return new Promise((resolve) => {
    let bytes = Buffer.from(head);
    const done = (outcome: FirstText): void => {
      clearTimeout(timer);
      socket.off('data', take).off('close', left).off('end', left).pause();
      resolve(outcome);
    };
    const left = (): void => done({ kind: 'left' });
    const look = (): void => {
      const frame = readFirstText(bytes, masked, maxBytes);
      if (frame.kind !== 'more') done(frame);
    };
    const take = (chunk: Buffer): void => {
      bytes = Buffer.concat([bytes, chunk]); // few: what is longer than `maxBytes` is refused by its head
      look();
    };
    const timer = setTimeout(() => done({ kind: 'late' }), withinMs);
    socket.on('data', take).on('close', left).on('end', left);
    socket.resume();
    look();
    if (socket.destroyed) left();
  });
}

/** How a socket is told that it was refused: `4000` and the status that a request would have got. @returns the status */
export function closeFor(early: EarlySocket, error: unknown): number {
  const said = isFault(error, 'GATEWAY_REFUSED') ? Number(error.facts['status']) : 0;
  const status = said >= 400 && said < 600 ? said : isFault(error) ? statusOf(error.kind) : statusOf('internal');
  early.close(CLOSE_STATUS + status, isFault(error) ? error.code : 'INTERNAL');
  return status;
}
