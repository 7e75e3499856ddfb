import { closeSync, fdatasync, fsyncSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import type { Clock } from '../kernel/clock.ts';
import type { Scope, Tx } from '../kernel/tx.ts';
import { storageFault } from './errors.ts';
import { createPrivateFile } from './private-file.ts';
import { type Connection, openConnection } from './sqlite-connection.ts';
import { createSqliteLeases } from './sqlite-leases.ts';
import { migrateSqlite } from './sqlite-migrate.ts';
import { createWriter, type Writer } from './sqlite-writer.ts';
import type { Storage } from './storage.ts';
import type { Turn } from './turn-threads.ts';

export interface SqliteOptions {
  /** A path, or `:memory:` for a database that lives as long as the storage. */
  readonly file: string;
  readonly clock: Clock;
  /** Hears of what nobody awaits: effects that threw. */
  readonly onError?: ((error: unknown) => void) | undefined;
  /** Hears that writes may stand, and be read, whose callers were told that they failed, and nobody else anything. */
  readonly onDoubt?: (() => void) | undefined;
  /** Given where several threads of this process have a storage each on the one file. */
  readonly turn?: Turn | undefined;
  /** True in the threads that open a file which another one has open already. */
  readonly joins?: boolean | undefined;
}

const MAX_READERS = 4;
const MAX_WAITING_READS = 10_000;

/**
 * The storage contract on SQLite: WAL, one writing connection, read-only readers.
 *
 * Commits run at `synchronous=normal` and are synced by us, off the event loop, before anybody is answered: the same
 * promise as `full` without stopping every other request for the disk. @see docs/decisions/0002-own-disk-sync.md
 */
export function createSqliteStorage(options: SqliteOptions): Storage {
  const { file, clock, onError = () => undefined, onDoubt, turn, joins = false } = options;
  const inMemory = file === ':memory:';
  if (!inMemory) createPrivateFile(file); // SQLite's own default would be readable by others
  const main = openConnection(file, false);
  if (!inMemory && !joins) main.exec('pragma journal_mode = wal');
  main.exec('pragma synchronous = normal; pragma secure_delete = on; pragma wal_autocheckpoint = 2000');

  const disk = inMemory ? undefined : openWal(main, file, joins);
  const sync = disk?.sync ?? (async () => undefined);
  const writer = createWriter({ connection: main, sync, turn, onError, onDoubt });
  const readers = inMemory ? undefined : createReaders(file);

  const storage: Storage = {
    dialect: 'sqlite',
    read: (scope, work) =>
      readers === undefined ? readInMemory(writer, main, scope, work) : readers.read(scope, work),
    write: writer.write,
    migrate: (migrations) => migrateSqlite(writer, main, migrations, clock),
    ...createSqliteLeases(writer, clock),
    probe: async () => {
      writer.probe();
      main.exec('select 1');
    },
    integrity: async () => integrityOf(main),
    scrub: async () => inMemory || writer.between(() => emptyWal(main)),
    close: async () => {
      await writer.close();
      readers?.close();
      disk?.close();
      main.close();
    },
  };
  return storage;
}

const MAX_FINDINGS = 20;

function integrityOf(connection: Connection): readonly string[] {
  const rows = connection.db.prepare(`pragma integrity_check(${MAX_FINDINGS})`).all();
  return rows.map((row) => String(row['integrity_check'])).filter((finding) => finding !== 'ok');
}

/**
 * Deleted content is overwritten in the file itself (`secure_delete`); the log has it until it is emptied. Waiting for
 * readers would stop the event loop, and with it the readers.
 */
function emptyWal({ db, exec }: Connection): boolean {
  exec('pragma busy_timeout = 0');
  try {
    return db.prepare('pragma wal_checkpoint(truncate)').get()?.['busy'] === 0;
  } finally {
    exec('pragma busy_timeout = 2000');
  }
}

/** A process that was killed may have left what it meant to scrub. With a full disk it stays, and the start goes on. */
function emptyOldWal(connection: Connection): void {
  try {
    emptyWal(connection);
  } catch {
    return;
  }
}

/** `:memory:` has one connection, so a read queues with the writes. */
function readInMemory<T>(writer: Writer, main: Connection, scope: Scope, work: (tx: Tx) => Promise<T>): Promise<T> {
  return writer.write(scope, async () => {
    const { tx, end } = main.open(scope, 'read');
    return work(tx).finally(end);
  });
}

function openWal(main: Connection, file: string, joins: boolean): { sync(): Promise<void>; close(): void } {
  if (!joins) {
    main.exec('begin immediate; commit; pragma user_version'); // makes SQLite create the file
    main.exec(`pragma application_id = ${0x74776e6b}`); // "twnk"
  }
  if (!joins) emptyOldWal(main);
  const handle = openSync(`${file}-wal`, 'r+');
  const folder = openSync(dirname(file), 'r');
  fsyncSync(folder); // a log whose name is lost with the power is lost itself
  closeSync(folder);
  const flush = promisify(fdatasync);
  return { sync: () => flush(handle), close: () => closeSync(handle) };
}

interface Readers {
  read<T>(scope: Scope, work: (tx: Tx) => Promise<T>): Promise<T>;
  close(): void;
}

function createReaders(file: string): Readers {
  const free: Connection[] = [];
  const all: Connection[] = [];
  const waiting: ((connection: Connection) => void)[] = [];

  function take(): Connection | Promise<Connection> {
    const connection = free.pop();
    if (connection !== undefined) return connection;
    if (all.length < MAX_READERS) {
      const fresh = openConnection(file, true);
      all.push(fresh);
      return fresh;
    }
    if (waiting.length >= MAX_WAITING_READS) throw storageFault('STORAGE_BUSY');
    return new Promise((resolve) => waiting.push(resolve));
  }

  function give(connection: Connection): void {
    const next = waiting.shift();
    if (next === undefined) free.push(connection);
    else next(connection);
  }

  return {
    async read(scope, work) {
      const taken = take();
      const connection = taken instanceof Promise ? await taken : taken;
      const { tx, end } = connection.open(scope, 'read');
      try {
        connection.step('begin');
        return await work(tx);
      } finally {
        end();
        if (connection.db.isTransaction) connection.step('commit');
        give(connection);
      }
    },
    close: () => {
      for (const connection of all) connection.close();
    },
  };
}
