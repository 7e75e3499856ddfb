import { randomBytes } from 'node:crypto';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Server } from '../contender.ts';
import { startTwinkeep } from '../contenders/twinkeep.ts';
import type { Bench } from '../measure.ts';

/** Processes of Twinkeep on one PostgreSQL and one Redis. */
export interface Fleet {
  /** URL of their database, as its superuser. */
  readonly database: string;
  /** The first administrator's. */
  readonly password: string;
  /** One process more. */
  start(): Promise<Server>;
  stop(): Promise<void>;
}

/** What this machine lacks to run one, in one line. */
export type Lacking = { readonly lacks: string };

/** No process is started yet. @param config what stands in the configuration file of each */
export async function openFleet(
  { stage, folder, say }: Bench,
  config: Readonly<Record<string, unknown>>,
): Promise<Fleet | Lacking> {
  if (stage.redis === undefined) return { lacks: 'redis-server is not on PATH' };
  say('  starting PostgreSQL');
  const postgres = await stage.postgres();
  if (postgres === undefined) return { lacks: 'PostgreSQL can not run here' };
  const database = await postgres.createDatabase();
  const password = `Tk-${randomBytes(18).toString('base64url')}-9`;
  const file = join(mkdtempSync(join(folder, 'fleet-')), 'twinkeep.config.json');
  writeFileSync(file, JSON.stringify(config));
  const settings = {
    TWINKEEP_LIMITS: 'off',
    TWINKEEP_DATABASE_URL: database,
    TWINKEEP_REDIS_URL: `redis://127.0.0.1:${stage.redis.port}`,
    TWINKEEP_MASTER_KEY: randomBytes(32).toString('base64'),
    TWINKEEP_ISSUER: 'https://twin.example',
    TWINKEEP_CONFIG: file,
  };
  const servers: Server[] = [];
  const stop = async (): Promise<void> => {
    await Promise.all(servers.map((server) => server.stop()));
  };
  const start = async (): Promise<Server> => {
    const server = await startTwinkeep(stage, mkdtempSync(join(folder, 'server-')), { settings, password });
    servers.push(server);
    return server;
  };
  return { database, password, start, stop };
}
