import { randomBytes } from 'node:crypto';
import type { Server as HttpServer, IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { createServer, type SecureContextOptions, TLSSocket } from 'node:tls';
import { hours, seconds } from '../kernel/clock.ts';
import type { TlsConfig } from './tls-config.ts';

/** TLS in front of a server of HTTP that knows nothing of it. */
export interface TlsDoor {
  /**
   * From the next handshake on another certificate is shown; what is open goes on under the one it began with. Where
   * those who are believed have changed, connections that came with a certificate end: a handshake alone looks at it.
   */
  replace(context: SecureContextOptions): void;
  close(): void;
}

export interface TlsDoorOptions {
  readonly context: SecureContextOptions;
  readonly clients: TlsConfig['clients'];
  readonly handshakeMs: number;
  /** A handshake failed, or its certificate is none that is believed. */
  readonly onRefused: () => void;
}

/** A stolen ticket key opens the recorded sessions of so long at most. */
const TICKET_KEY_MS = hours(1);
const TICKET_KEY_BYTES = 48;
/** So long an answer may take to its end where the certificate of its connection has to be looked at again. */
const FINISH_MS = seconds(10);

/**
 * Puts TLS between the port of a server and the server: connections reach it when their handshake is done. Both ends of
 * this are documented ways in ("connection" events that users emit); what a Node server of HTTPS does inside is the same.
 */
export function openTlsDoor(server: HttpServer, options: TlsDoorOptions): TlsDoor {
  const { context, clients, handshakeMs, onRefused } = options;
  const front = createServer({
    ...context,
    ALPNProtocols: ['http/1.1'],
    handshakeTimeout: handshakeMs,
    requestCert: clients !== 'none',
    rejectUnauthorized: clients === 'required',
  });
  const serve = server.listeners('connection');
  server.removeAllListeners('connection');
  const onConnection = (raw: Socket): void => {
    raw.allowHalfOpen = false; // a server of HTTP takes half-open ones, which over TLS are never told to have ended
    raw.on('error', () => raw.destroy()); // until its handshake is done nobody else listens
    front.emit('connection', raw);
  };
  server.on('connection', onConnection);
  front.on('secureConnection', (socket: TLSSocket) => {
    // One that is shown and not believed is no "none": whoever sends a revoked one must not pass for a stranger.
    if (clients === 'optional' && !socket.authorized && socket.getPeerX509Certificate() !== undefined) {
      onRefused();
      socket.destroy();
      return;
    }
    if (socket.authorized && socket.getPeerX509Certificate() !== undefined) certified.add(socket);
    for (const listener of serve) Reflect.apply(listener, server, [socket]);
  });
  front.on('tlsClientError', (_error, socket) => {
    onRefused();
    socket.destroy();
  });
  const certified = watchCertified(server);
  const rotate = (): void => void front.setTicketKeys(randomBytes(TICKET_KEY_BYTES));
  const rotation = setInterval(rotate, TICKET_KEY_MS).unref();
  let { ca, crl } = context;
  return {
    replace: (next) => {
      front.setSecureContext(next);
      if (next.ca === ca && next.crl === crl) return;
      ({ ca, crl } = next);
      rotate(); // a resumed session would bring the old verdict along
      certified.endAll();
    },
    close: () => {
      clearInterval(rotation);
      certified.close();
      front.removeAllListeners('secureConnection');
    },
  };
}

interface Certified {
  add(socket: TLSSocket): void;
  /** Ends them: what is idle or became a WebSocket at once, the others after their answer. */
  endAll(): void;
  close(): void;
}

/** The open connections of a server that came with a certificate, and what each is answered now. */
function watchCertified(server: HttpServer): Certified {
  const answers = new Map<Socket, ServerResponse | undefined>();
  const onRequest = ({ socket }: IncomingMessage, response: ServerResponse): void => {
    if (!answers.has(socket)) return;
    // Attack: requests are sent behind one that is held open, so that a revoked connection never runs out of answers.
    if (socket instanceof TLSSocket && !socket.authorized) socket.destroy();
    answers.set(socket, response);
  };
  server.prependListener('request', onRequest);

  function end(socket: TLSSocket, answer: ServerResponse | undefined): void {
    socket.authorized = false; // whatever still comes over it comes without a certificate
    if (answer === undefined || answer.closed) return void socket.destroy();
    answer.shouldKeepAlive = false; // told to the client where the head is yet to go
    answer.once('close', () => socket.destroySoon());
    const cut = setTimeout(() => socket.destroy(), FINISH_MS).unref();
    socket.once('close', () => clearTimeout(cut));
  }

  return {
    add: (socket) => {
      answers.set(socket, undefined);
      socket.once('close', () => answers.delete(socket));
    },
    endAll: () => {
      for (const [socket, answer] of answers) if (socket instanceof TLSSocket && socket.authorized) end(socket, answer);
    },
    close: () => void server.off('request', onRequest),
  };
}

/** Stands among the headers of a request, where no client can put it: no name on the wire begins with a colon. */
const CERTIFICATE = ':certificate-sha256';

/** Notes which certificate a request came with. Not to be seen by whoever lists the headers, so it is sent nowhere. */
export function noteCertificate({ socket, headers }: IncomingMessage, known: WeakMap<Socket, string>): void {
  if (!(socket instanceof TLSSocket) || !socket.authorized) return;
  const value = known.get(socket) ?? fingerprintOf(socket);
  known.set(socket, value);
  if (value !== '') Object.defineProperty(headers, CERTIFICATE, { value, enumerable: false });
}

function fingerprintOf(socket: TLSSocket): string {
  return socket.getPeerX509Certificate()?.fingerprint256.replaceAll(':', '').toLowerCase() ?? '';
}

/** The SHA-256 of the client's certificate in hexadecimal, as it came with its connection. @see RFC 8705 §3.1 */
export function certificateOf(headers: IncomingMessage['headers']): string | undefined {
  const value = headers[CERTIFICATE];
  return typeof value === 'string' ? value : undefined;
}
