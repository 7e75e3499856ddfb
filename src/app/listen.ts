import { chmodSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Config } from './config.ts';
import { appFault } from './errors.ts';
import type { Twinkeep } from './twinkeep.ts';

/** A Twinkeep with its doors open: a port for everybody, a socket for the owner. */
export interface Listening {
  /** `http://127.0.0.1:8080`. */
  readonly address: string;
  /** Lets running requests finish, then closes everything. */
  close(): Promise<void>;
}

/** What `sun_path` of the system's socket address holds. */
const MAX_SOCKET_PATH_BYTES = 107;
const FINISH_MS = 10_000;

/**
 * Opens the port, and the owner's socket in the data folder: whoever may open that file is the operator.
 *
 * @throws CONFIG_INVALID when the folder's path is too long for a socket; the system's error when the port is taken or
 *   not allowed. The Twinkeep is still the caller's to close then
 */
export async function listen(twinkeep: Twinkeep): Promise<Listening> {
  const { config, server, socketPath, crew } = twinkeep;
  assertSocketPath(socketPath);
  const door = createServer(twinkeep.handleOperator);
  const port = crew === undefined ? await openPort(server, config) : await crew.open();
  await openDoor(door, socketPath);
  const host = config.host.includes(':') ? `[${config.host}]` : config.host;
  return {
    address: `http://${host}:${port}`,
    close: async () => {
      await closeDoor(door);
      await twinkeep.close();
    },
  };
}

async function openPort(server: Server, { port, host }: Config): Promise<number> {
  await open(server, () => server.listen(port, host));
  return (server.address() as AddressInfo).port; // a TCP server's address has a port
}

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
