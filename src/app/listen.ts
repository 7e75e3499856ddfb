import { chmodSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Config } from './config.ts';
import { appFault } from './errors.ts';
import { type Front, openFront, watchCertificates } from './front.ts';
import { blindness } from './kernel-queues.ts';
import { createLog } from './log.ts';
import { createRedirect } from './redirect.ts';
import { servesTls, unsafeTls } from './tls-config.ts';
import type { TlsWatch } from './tls-watch.ts';
import type { Twinkeep } from './twinkeep.ts';
import { warmUp } from './warm-up.ts';

/** A Twinkeep with its doors open: a port for everybody, a socket for the owner. */
export interface Listening {
  /** `http://127.0.0.1:8080`, or `https://…` with a certificate. */
  readonly address: string;
  /** Where browsers are sent to HTTPS from, where that is asked for. */
  readonly redirectAddress: string | undefined;
  /** Lets running requests finish, then closes everything. */
  close(): Promise<void>;
}

/** What `sun_path` of the system's socket address holds. */
const MAX_SOCKET_PATH_BYTES = 107;
const FINISH_MS = 10_000;
/** Connections that wait to be taken. Of more the system drops the first packet, and an honest client waits for seconds. */
const BACKLOG = 4_096;

/**
 * Opens the port, and the owner's socket in the data folder: whoever may open that file is the operator.
 *
 * @throws CONFIG_INVALID when the folder's path is too long for a socket, or TLS cannot be had as it is asked for; the
 *   system's error when the port is taken or not allowed. The Twinkeep is still the caller's to close then
 */
export async function listen(twinkeep: Twinkeep): Promise<Listening> {
  const { config, server, socketPath, crew } = twinkeep;
  assertSocketPath(socketPath);
  const errors = unsafeTls(config);
  if (errors.length > 0) throw appFault('CONFIG_INVALID', { errors });
  const front = frontOf(twinkeep);
  const door = createServer(twinkeep.handleOperator);
  let redirect: Server | undefined;
  try {
    const port = crew === undefined ? await openPort(server, config) : await crew.open();
    await openDoor(door, socketPath);
    redirect = front.tls === undefined ? undefined : await openRedirect(config, port, front.tls);
    if (crew === undefined) warmUp(twinkeep);
    const blind = await blindness();
    if (blind !== undefined) createLog(config).warn(blind);
    const scheme = front.tls === undefined ? 'http' : 'https';
    return {
      address: `${scheme}://${authorityOf(config, port)}`,
      redirectAddress: redirect && `http://${authorityOf(config, portOf(redirect))}`,
      close: async () => {
        redirect?.close().closeAllConnections();
        await closeDoor(door);
        await twinkeep.close();
        front.close();
      },
    };
  } catch (error) {
    door.close();
    front.close();
    throw error;
  }
}

/** With threads of its own the port is theirs; who owns the folder tells of the certificate for all of them. */
function frontOf({ server, config, metrics, crew }: Twinkeep): Front {
  if (crew === undefined) return openFront(server, { config, metrics, threads: 1, tells: true });
  const tls = servesTls(config.tls) ? watchCertificates({ config, metrics, tells: true }, () => undefined) : undefined;
  return { tls, close: () => tls?.stop() };
}

async function openRedirect(config: Config, port: number, watch: TlsWatch): Promise<Server | undefined> {
  const { redirectPort, redirectHost } = config.tls;
  if (redirectPort === undefined) return undefined;
  const server = createRedirect({ host: redirectHost, port, certificate: () => watch.material.chain[0] });
  try {
    await open(server, () => server.listen(redirectPort, config.host));
  } catch (error) {
    const reason = `names port ${redirectPort}, which cannot be opened`;
    throw appFault('CONFIG_INVALID', { errors: [{ at: 'TWINKEEP_TLS_REDIRECT_PORT', reason }] }, error);
  }
  return server;
}

async function openPort(server: Server, { port, host }: Config): Promise<number> {
  await open(server, () => server.listen({ port, host, backlog: BACKLOG }));
  return portOf(server);
}

const portOf = (server: Server): number => (server.address() as AddressInfo).port; // a TCP server's address has a port

const authorityOf = ({ host }: Config, port: number): string => `${host.includes(':') ? `[${host}]` : host}:${port}`;

function assertSocketPath(path: string): void {
  const bytes = Buffer.byteLength(path);
  if (bytes <= MAX_SOCKET_PATH_BYTES) return;
  const reason = `makes ${path} ${bytes} bytes long, and a socket's path holds ${MAX_SOCKET_PATH_BYTES}; choose a shorter one`;
  throw appFault('CONFIG_INVALID', { errors: [{ at: 'TWINKEEP_DATA', reason }] });
}

async function openDoor(door: Server, path: string): Promise<void> {
  rmSync(path, { force: true }); // we hold the folder's lock, so a socket that lies there is from a process that died
  const before = process.umask(0o177); // the socket must not be open to others even for a moment
  try {
    await open(door, () => door.listen(path));
  } finally {
    process.umask(before);
  }
  chmodSync(path, 0o600);
}

/** Node removes the socket as it closes the door; what runs behind it may finish, and is cut off if it does not. */
function closeDoor(door: Server): Promise<void> {
  return new Promise((resolve) => {
    const cut = setTimeout(() => door.closeAllConnections(), FINISH_MS).unref();
    door.close(() => {
      clearTimeout(cut);
      resolve();
    });
    door.closeIdleConnections();
  });
}

function open(server: Server, start: () => void): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.once('listening', () => {
      server.off('error', reject);
      resolve();
    });
    start();
  });
}
