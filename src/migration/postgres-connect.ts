import type { Client } from 'pg';
import { migrationFault, saysOf } from './errors.ts';

const CONNECT_MS = 10_000;
const SHAPE = 'postgres://user:password@host:port/database';
const ENCODED = 'in user and password # / ? % @ : are typed %23 %2F %3F %25 %40 %3A, or PGPASSWORD keeps the password';

/**
 * Connects as the URL says; what it leaves out comes from `PGPASSWORD`, `~/.pgpass` and their like.
 *
 * @throws MIGRATION_DATABASE where the URL is none or the server cannot be reached, without the password
 */
export async function connectPostgres(url: string): Promise<Client> {
  assertUrl(url);
  const { default: pg } = await import('pg');
  const client = clientOf(pg.Client, url);
  client.on('error', () => undefined); // the next query says so
  try {
    await client.connect();
  } catch (error) {
    throw migrationFault('MIGRATION_DATABASE', { reason: `PostgreSQL cannot be reached: ${saysOf(error)}.` }, error);
  }
  return client;
}

/**
 * A password with `#`, `/` or `?` ends where that stands, and its beginning is taken for a port and told to whoever
 * resolves names; so whatever looks like one is refused before anything is connected to.
 */
function assertUrl(url: string): void {
  const behind = url.slice(url.indexOf('://') + 3);
  const end = behind.search(/[/?#]/);
  const rest = end < 0 ? '' : behind.slice(end);
  if (/[@#]/.test(rest) || /%(?![0-9a-f]{2})/i.test(url)) throw malformed();
}

function clientOf(Maker: typeof Client, url: string): Client {
  try {
    return new Maker({
      connectionString: url,
      application_name: 'twinkeep migrate fields',
      connectionTimeoutMillis: CONNECT_MS,
      keepAlive: true,
    });
  } catch (error) {
    if (!isSystemError(error)) throw malformed(); // the cause is not kept: parsers quote the URL with its password
    const reason = `A file that --db names cannot be read: ${saysOf(error)}.`;
    throw migrationFault('MIGRATION_DATABASE', { reason }, error);
  }
}

const isSystemError = (error: unknown): boolean => error instanceof Error && 'syscall' in error;

const malformed = (): Error =>
  migrationFault('MIGRATION_DATABASE', { reason: `--db is not written as ${SHAPE}; ${ENCODED}.` });
