/**
 * Better Auth as its documentation shows it: `node:sqlite`, e-mail and password, its own handler on `node:http`. Its
 * limiter is off, as Twinkeep's limits are.
 *
 * Environment: PORT, AUTH_SECRET, DATABASE (file), COOKIE_CACHE (`on`: sessions are read from a signed cookie).
 */
import { createServer } from 'node:http';
import { DatabaseSync } from 'node:sqlite';
import { betterAuth } from 'better-auth';
import { getMigrations } from 'better-auth/db/migration';
import { toNodeHandler } from 'better-auth/node';

const { PORT, AUTH_SECRET = '', DATABASE = '', COOKIE_CACHE } = process.env;

const database = new DatabaseSync(DATABASE);
database.exec('pragma journal_mode = wal; pragma synchronous = full');
const auth = betterAuth({
  baseURL: `http://127.0.0.1:${PORT}`,
  secret: AUTH_SECRET,
  database,
  emailAndPassword: { enabled: true },
  rateLimit: { enabled: false },
  telemetry: { enabled: false },
  session: { cookieCache: { enabled: COOKIE_CACHE === 'on', maxAge: 3_600 } },
});
const { runMigrations } = await getMigrations(auth.options);
await runMigrations();

const handle = toNodeHandler(auth);
const server = createServer((request, response) => {
  if (request.url === '/ready') response.end('ready');
  else void handle(request, response);
});
server.listen(Number(PORT), '127.0.0.1');
process.once('SIGTERM', () => process.exit(0));
