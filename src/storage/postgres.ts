import pg from 'pg';
import type { Clock } from '../kernel/clock.ts';
import type { Scope, Tx } from '../kernel/tx.ts';
import { storageFault } from './errors.ts';
import { isWorthRetrying, postgresFault, spoilsConnection } from './postgres-errors.ts';
import { createPostgresLeases } from './postgres-leases.ts';
import { migratePostgres } from './postgres-migrate.ts';
import { createRetry } from './postgres-retry.ts';
import { scrubPostgres } from './postgres-scrub.ts';
import { type Catalog, createCatalog } from './postgres-statements.ts';
import { type Access, type OpenTx, openTx } from './postgres-tx.ts';
import type { Storage } from './storage.ts';

export interface PostgresOptions {
  /** `postgres://user:password@host:port/database`; the user may be the owner, for every transaction steps down. */
  readonly url: string;
  readonly clock: Clock;
  /** How many connections this process holds at most. Default 10. */
  readonly poolSize?: number | undefined;
  /** A statement that runs longer is ended, and so is a transaction idle for as long. Default 10,000. */
  readonly statementTimeoutMs?: number | undefined;
  /** Hears of what nobody awaits: idle connections that broke, effects that threw. */
  readonly onError?: ((error: unknown) => void) | undefined;
}

const CONNECT_MS = 2_000;
const PROBE_MS = 1_000;
const ANSWER_GRACE_MS = 2_000;
const MAX_ATTEMPTS = 12;

/**
 * The storage contract on PostgreSQL 14 or later. Reads run `repeatable read`, writes `serializable` and are tried
 * again when another one was in their way. Each transaction runs as a role that can't step over row-level security.
 * A database that stops never stops the process: the next transaction after its return succeeds.
 *
 * @throws TypeError for a URL of another form
 */
export function createPostgresStorage(options: PostgresOptions): Storage {
  const { url, clock, onError = () => undefined } = options;
  // The parser's own error would carry the URL, and the password in it, to the log.
  if (!/^postgres(ql)?:\/\//.test(url) || !URL.canParse(url)) {
    throw new TypeError('the URL of the database must be of the form postgres://user:password@host:port/database');
  }
  const connections = createConnections(options, onError);
  const retry = createRetry(MAX_ATTEMPTS);
  const catalog = createCatalog();
  let closing: Promise<void> | undefined;

  const run = <T>(access: Access, scope: Scope, work: (tx: Tx) => Promise<T>): Promise<T> =>
    retry(() => runOnce(connections, catalog, { access, scope, work, onError }));

  return {
    dialect: 'postgres',
    read: (scope, work) => run('read', scope, work),
    write: (scope, work) => run('write', scope, work),
    migrate: (migrations) => migratePostgres(connections.open, migrations, clock),
    ...createPostgresLeases(connections.pool, clock),
    probe: async () => void (await ask(connections.pool, 'select 1')),
    integrity: async () => (await ask(connections.pool, CHECKSUMS)).map((row) => String(row['finding'])),
    scrub: (tables) => scrubPostgres(connections.open, tables),
    close: () => (closing ??= connections.pool.end()),
  };
}

/** PostgreSQL checks a page as it reads it, and counts those that were damaged (from version 18 on by default). */
const CHECKSUMS = `select
  checksum_failures || ' pages failed their checksum, the last at ' || checksum_last_failure as finding
  from pg_stat_database where datname = current_database() and checksum_failures > 0`;

/** A question outside any transaction of ours, to be answered soon or not at all. */
async function ask(pool: pg.Pool, text: string): Promise<readonly Readonly<Record<string, unknown>>[]> {
  try {
    const question = { text, query_timeout: PROBE_MS };
    return (await pool.query<Record<string, unknown>>(question)).rows;
  } catch (error) {
    throw postgresFault(error);
  }
}

interface Connections {
  readonly pool: pg.Pool;
  take(): Promise<pg.PoolClient>;
  /** What ended a connection of the pool, if the server said so while nobody was waiting for an answer. */
  lost(client: pg.PoolClient): unknown;
  /** A connection beside the pool, without time limits. */
  open(): Promise<pg.Client>;
}

function createConnections(options: PostgresOptions, onError: (error: unknown) => void): Connections {
  const timeoutMs = options.statementTimeoutMs ?? 10_000;
  const config: pg.ClientConfig = {
    connectionString: options.url,
    application_name: 'twinkeep',
    connectionTimeoutMillis: CONNECT_MS,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    types: { getTypeParser: () => (raw: string) => raw }, // values are decoded by the column's type alone
  };
  const pool = new pg.Pool({
    ...config,
    max: options.poolSize ?? 10,
    idleTimeoutMillis: 60_000,
    statement_timeout: timeoutMs,
    idle_in_transaction_session_timeout: timeoutMs,
    query_timeout: timeoutMs + ANSWER_GRACE_MS, // a server that vanished without a word answers nothing at all
    pipeline: true,
  });
  const ends = new WeakMap<pg.PoolClient, unknown>();
  // Without a listener on the pool and on each client, a server that stops would stop this process.
  pool.on('error', onError);
  pool.on('connect', (client) => client.on('error', (error) => void (ends.has(client) || ends.set(client, error))));
  return {
    pool,
    lost: (client) => ends.get(client),
    take: async () => {
      try {
        return await pool.connect();
      } catch (error) {
        throw postgresFault(error);
      }
    },
    open: async () => {
      const client = new pg.Client(config);
      client.on('error', onError);
      try {
        await client.connect();
        return client;
      } catch (error) {
        throw postgresFault(error);
      }
    },
  };
}

interface Job<T> {
  readonly access: Access;
  readonly scope: Scope;
  readonly work: (tx: Tx) => Promise<T>;
  readonly onError: (error: unknown) => void;
}

async function runOnce<T>(connections: Connections, catalog: Catalog, job: Job<T>): Promise<T> {
  const client = await connections.take();
  const open = openTx(client, catalog, job.scope, job.access, () => connections.lost(client));
  let value: T;
  try {
    value = await job.work(open.tx);
    await open.end();
    const failure = open.failure();
    if (failure !== undefined) throw failure; // `work` swallowed it, but PostgreSQL keeps nothing after an error
  } catch (error) {
    await open.end();
    const failure = open.failure();
    if (failure !== undefined && spoilsConnection(failure)) client.release(true);
    else leave(client, 'rollback');
    throw failure !== undefined && isWorthRetrying(failure) ? failure : error;
  }
  if (job.access === 'read') leave(client, 'commit');
  else await commit(client, connections);
  runEffects(open, job.onError);
  return value;
}

/** Not awaited: nothing hangs on the answer, and the connection goes back to the pool with it. */
function leave(client: pg.PoolClient, word: 'commit' | 'rollback'): void {
  const giveBack = (): void => client.release();
  const drop = (): void => client.release(true);
  client.query(word).then(giveBack, drop);
}

async function commit(client: pg.PoolClient, connections: Connections): Promise<void> {
  try {
    const { command } = await client.query('commit');
    // PostgreSQL answers the commit of an aborted transaction with a polite ROLLBACK.
    if (command !== 'COMMIT') throw storageFault('STORAGE_BROKEN', {}, new Error(`commit was answered by ${command}`));
  } catch (error) {
    const fault = postgresFault(connections.lost(client) ?? error);
    client.release(spoilsConnection(fault));
    throw fault;
  }
  client.release();
}

function runEffects({ effects }: OpenTx, onError: (error: unknown) => void): void {
  for (const effect of effects) {
    try {
      effect();
    } catch (error) {
      onError(error); // the write is durable, so its caller must not be told that it failed
    }
  }
}
