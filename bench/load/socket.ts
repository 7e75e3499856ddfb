import { randomBytes } from 'node:crypto';
import { connect } from 'node:net';

/** One open WebSocket, of which nothing is asked but when it ends. */
export interface OpenSocket {
  /** `performance.now()` at the first sign of its end: a close frame, or the end of the connection. */
  readonly closedAt: Promise<number>;
  destroy(): void;
}

const HEAD_END = '\r\n\r\n';
const CLOSE_FRAME = 0x88; // final, opcode 8. RFC 6455 §5.2
const OPENS_WITHIN_MS = 30_000;

/** Opens one with a bearer token, over a bare socket: thousands of them must cost little. @throws Error for no 101 */
export function openSocket(port: number, path: string, token: string): Promise<OpenSocket> {
  const opened = Promise.withResolvers<OpenSocket>();
  const closed = Promise.withResolvers<number>();
  const socket = connect({ host: '127.0.0.1', port, noDelay: true });
  const timer = setTimeout(() => fail('not opened in time'), OPENS_WITHIN_MS);
  let head = '';
  let isOpen = false;

  function fail(reason: string): void {
    clearTimeout(timer);
    opened.reject(new Error(`a socket was ${reason}`));
    closed.resolve(performance.now());
    socket.destroy();
  }

  /** @returns what came after the head, once there was one */
  function readHead(text: string): string {
    head += text;
    const end = head.indexOf(HEAD_END);
    if (end < 0) return '';
    const rest = head.slice(end + HEAD_END.length);
    isOpen = head.startsWith('HTTP/1.1 101 ');
    if (isOpen) {
      clearTimeout(timer);
      opened.resolve({ closedAt: closed.promise, destroy: () => socket.destroy() });
    } else fail(`answered ${head.slice(0, 500)}`);
    return rest;
  }

  socket.on('connect', () => socket.write(handshake(port, path, token)));
  socket.on('data', (chunk: Buffer) => {
    const text = chunk.toString('latin1');
    const frames = isOpen ? text : readHead(text);
    // Nothing else is ever sent here, so that a frame begins where a chunk does.
    if (frames.charCodeAt(0) !== CLOSE_FRAME) return;
    closed.resolve(performance.now());
    socket.end();
  });
  socket.on('error', ({ message }) => fail(`lost: ${message}`));
  socket.on('close', () => fail('closed'));
  return opened.promise;
}

const handshake = (port: number, path: string, token: string): string =>
  [
    `GET ${path} HTTP/1.1`,
    `host: 127.0.0.1:${port}`,
    `authorization: ${token}`,
    'connection: upgrade',
    'upgrade: websocket',
    'sec-websocket-version: 13',
    `sec-websocket-key: ${randomBytes(16).toString('base64')}`,
    HEAD_END.slice(2),
  ].join('\r\n');
