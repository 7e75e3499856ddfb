import { connect } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import {
  type Config,
  createTwinkeep,
  loadAlerts,
  ownerSocketOf,
  type Twinkeep,
  type TwinkeepOptions,
} from '../app/index.ts';
import { isFault } from '../kernel/errors.ts';
import { failure } from './errors.ts';
import { loadSettings } from './setting.ts';

/** Who answers for a data folder: the server that runs on it, or the Twinkeep that was opened here. */
export type Folder =
  | { readonly kind: 'served'; readonly socketPath: string }
  | { readonly kind: 'opened'; readonly twinkeep: Twinkeep };

const PATIENCE_MS = 10_000;
const PAUSE_MS = 100;

/** How a folder is opened here, where it is. */
export interface OpenOptions {
  /** For a server that is told to read its configuration anew. */
  readonly readConfig?: () => Promise<Config>;
  /** Whether it is opened for one command. */
  readonly isVisit?: boolean;
  /** Tells of an administrator that was made before the rest failed. */
  readonly onUnopened?: NonNullable<TwinkeepOptions['onUnopened']>;
}

/**
 * Finds the server that holds the data folder, or opens the folder. Whoever holds it without a door is a server that
 * is starting or ending, or a command that is soon done: it is waited for.
 *
 * @param assertMayOpen throws where the folder must not be opened here
 * @throws STORAGE_LOCKED after 10 s, and what `createTwinkeep` throws
 */
export async function takeFolder(
  config: Config,
  assertMayOpen: () => void,
  { readConfig = loadSettings, onUnopened = () => undefined, isVisit = false }: OpenOptions = {},
): Promise<Folder> {
  const socketPath = ownerSocketOf(config);
  const until = Date.now() + PATIENCE_MS;
  const alerts = loadAlerts(config, process.env);
  for (;;) {
    if (await isServed(socketPath)) return { kind: 'served', socketPath };
    assertMayOpen();
    try {
      return { kind: 'opened', twinkeep: await createTwinkeep(config, { alerts, readConfig, onUnopened, isVisit }) };
    } catch (error) {
      if (!isFault(error, 'STORAGE_LOCKED') || Date.now() > until) throw error;
      await wait(PAUSE_MS);
    }
  }
}

/** Whether a server answers at the owner's socket. @throws CLI_FAILED where the socket may not be opened */
export function isServed(path: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const socket = connect(path, () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', (error) => {
      const code = 'code' in error ? error.code : undefined;
      if (code === 'ENOENT' || code === 'ECONNREFUSED' || code === 'ENOTDIR') resolve(false);
      else reject(failure(`You may not open ${path}; run this as the user that Twinkeep runs as.`, {}, error));
    });
  });
}
