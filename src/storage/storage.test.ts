import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { epochMs } from '../kernel/brand.ts';
import { systemClock } from '../kernel/clock.ts';
import { queryPostgres, serverSuite, startPostgres } from '../testing/index.ts';
import { createPostgresStorage } from './postgres.ts';
import { createSqliteStorage } from './sqlite.ts';
import { type StorageUnderTest, storageContract } from './storage.contract.ts';
import type { Storage } from './storage.ts';

async function onSqlite(file: string, cleanUp: () => Promise<void>): Promise<StorageUnderTest> {
  let now = 1_800_000_000_000;
  const clock = { now: () => epochMs(now) };
  const storage = createSqliteStorage({ file, clock });
  return {
    storage,
    advance: async (ms) => {
      now += ms;
    },
    reopen: async () => storage, // a folder has one owner
    readsBesideWrites: file !== ':memory:',
    files: async () => {
      if (file === ':memory:') return Buffer.alloc(0);
      return Buffer.concat(await Promise.all([file, `${file}-wal`].map((name) => readFile(name))));
    },
    close: async () => {
      await storage.close();
      await cleanUp();
    },
  };
}

storageContract('SQLite in memory', () => onSqlite(':memory:', () => Promise.resolve()));

storageContract('SQLite in a file', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'twinkeep-sqlite-'));
  return onSqlite(join(folder, 'db'), () => rm(folder, { recursive: true }));
});

await serverSuite('PostgreSQL', startPostgres, (server) => {
  storageContract('PostgreSQL', async () => {
    const url = await server.createDatabase();
    const opened: Storage[] = [];
    const open = (): Storage => {
      const storage = createPostgresStorage({ url, clock: systemClock });
      opened.push(storage);
      return storage;
    };
    return {
      storage: open(),
      advance: (ms) => pause(ms),
      reopen: async () => open(),
      readsBesideWrites: true,
      files: async () => {
        const read = `select encode(pg_read_binary_file(pg_relation_filepath('seat')), 'hex') as bytes`;
        await queryPostgres(url, 'checkpoint');
        const rows = await queryPostgres(url, read);
        return Buffer.from(String(rows[0]?.['bytes'] ?? ''), 'hex');
      },
      close: async () => void (await Promise.all(opened.map((storage) => storage.close()))),
    };
  });
});
