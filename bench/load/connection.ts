import { connect, type Socket } from 'node:net';

export interface Reply {
  readonly status: number;
  readonly body: () => string;
}

/** One keep-alive connection with one request at a time. */
export interface Connection {
  send(request: string): Promise<Reply>;
  close(): void;
}

const HEAD_END = '\r\n\r\n';
const LAST_CHUNK = '\r\n0\r\n\r\n';

/**
 * HTTP/1.1 over a bare socket: the load must cost less than what it loads, and a general client costs as much as a
 * small server. It knows `content-length` and `transfer-encoding: chunked`, and takes anything else for a failure.
 */
export async function openConnection(port: number): Promise<Connection> {
  const socket = await connected(port);
  let waiting: { resolve(reply: Reply): void; reject(error: Error): void } | undefined;
  let received: Buffer | undefined;

  const fail = (error: Error): void => {
    waiting?.reject(error);
    waiting = undefined;
  };
  socket.on('error', fail);
  socket.on('close', () => fail(new Error('the server closed the connection before it answered')));
  socket.on('data', (chunk: Buffer) => {
    received = received === undefined ? chunk : Buffer.concat([received, chunk]);
    const reply = parse(received);
    if (reply === undefined || waiting === undefined) return;
    const { resolve } = waiting;
    waiting = undefined;
    received = undefined;
    resolve(reply);
  });

  return {
    send: (request) =>
      new Promise((resolve, reject) => {
        waiting = { resolve, reject };
        if (socket.destroyed) fail(new Error('the server closed the connection'));
        else socket.write(request);
      }),
    close: () => socket.destroy(),
  };
}

function connected(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, noDelay: true });
    socket.once('error', reject);
    socket.once('connect', () => {
      socket.off('error', reject);
      resolve(socket);
    });
  });
}

/** @returns undefined while the answer is not complete */
function parse(bytes: Buffer): Reply | undefined {
  const end = bytes.indexOf(HEAD_END);
  if (end < 0) return undefined;
  const head = bytes.toString('latin1', 0, end);
  const bodyAt = end + HEAD_END.length;
  const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
  if (length === undefined && /\r\ntransfer-encoding: *chunked/i.test(head)) {
    // The head's own end may serve as the line break before an empty body's last chunk.
    if (!bytes.subarray(end).includes(LAST_CHUNK)) return undefined;
  } else if (bytes.length < bodyAt + Number(length ?? 0)) return undefined;
  return { status: Number(head.slice(9, 12)), body: () => bytes.toString('utf8', bodyAt) };
}
