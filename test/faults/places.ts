import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as pause } from 'node:timers/promises';
import { openStorage } from '../../src/app/index.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { createSecret } from '../../src/kernel/secret.ts';
import type { Storage } from '../../src/storage/index.ts';
import { type PostgresServer, queryPostgres } from '../../src/testing/index.ts';
import type { Setting } from './start-victim.ts';

type Row = Readonly<Record<string, unknown>>;

/** A data folder and a database that outlive their server, and a look at them past all of its care. */
export interface Place {
  readonly setting: Setting;
  query(sql: string): Promise<readonly Row[]>;
  /** Waits until the database has ended what it still did for processes that are dead since this moment. */
  settle(deadSince: number): Promise<void>;
  /** The database as the program opens it; only while no server runs on it. */
  open(): Promise<Storage>;
  remove(): Promise<void>;
}

const newFolder = (): Promise<string> => mkdtemp(join(tmpdir(), 'twinkeep-faults-'));

/** @param parent a folder on the disk to use */
export async function sqlitePlace(parent?: string): Promise<Place> {
  const data = parent === undefined ? await newFolder() : await mkdtemp(join(parent, 'data-'));
  const file = join(data, 'twinkeep.db');
  return {
    setting: { data },
    query: async (sql) => {
      const db = new DatabaseSync(file, { readOnly: true, timeout: 5_000 });
      try {
        return db.prepare(sql).all();
      } finally {
        db.close();
      }
    },
    settle: async () => undefined, // what SQLite does, it does in the process that is dead
    open: () => openStorage(createSecret(`sqlite:${file}`), systemClock, console.error),
    remove: () => rm(data, { recursive: true, force: true }),
  };
}

/** @param password goes into the URL; the server asks for none, but nobody may see it */
export async function postgresPlace(server: PostgresServer, password?: string): Promise<Place> {
  const data = await newFolder();
  const url = await server.createDatabase();
  const given = password === undefined ? url : url.replace('@', `:${password}@`);
  return {
    setting: { data, env: { TWINKEEP_DATABASE_URL: given } },
    query: (sql) => queryPostgres(url, sql),
    settle: async (deadSince) => {
      const orphans = `select 1 from pg_stat_activity where application_name = 'twinkeep'
        and datname = current_database() and backend_start < to_timestamp(${deadSince / 1_000})`;
      while ((await queryPostgres(url, orphans)).length > 0) await pause(20);
    },
    open: () => openStorage(createSecret(url), systemClock, console.error),
    remove: () => rm(data, { recursive: true, force: true }),
  };
}
