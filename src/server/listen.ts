import { chmodSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Twinkeep } from '../app/index.ts';

/** A Twinkeep with its doors open. */
export interface Listening {
  /** `http://127.0.0.1:8080`. */
  readonly address: string;
  /** Lets running requests finish, then closes everything. */
  close(): Promise<void>;
}

/**
 * Opens the port, and the owner's socket in the data folder: whoever may open that file is the operator.
 *
 * @throws the system's error when the port is taken or not allowed; nothing stays open then
 */
export async function listen(twinkeep: Twinkeep): Promise<Listening> {
  const { config, server, socketPath } = twinkeep;
  const door = createServer(twinkeep.handleOperator);
  try {
    await open(server, () => server.listen(config.port, config.host));
    await openDoor(door, socketPath);
  } catch (error) {
    await twinkeep.close();
    throw error;
  }
  const { port } = server.address() as AddressInfo; // a TCP server's address has a port
  const host = config.host.includes(':') ? `[${config.host}]` : config.host;
  return {
    address: `http://${host}:${port}`,
    close: async () => {
      door.close();
      door.closeIdleConnections();
      rmSync(socketPath, { force: true });
      await twinkeep.close();
    },
  };
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
