import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import {
  type Contender,
  type Environment,
  freePort,
  type Headers,
  launch,
  mustExist,
  PROXIED,
  type Stage,
} from '../contender.ts';

const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
const KEY_SECONDS = 3_600;

const login = z.object({ access_token: z.string() });
const apiKey = z.object({ id: z.string(), key: z.string() });

const NATIVE = {
  me: '/v1/me',
  readings: '/v1/readings',
  bulk: { path: '/v1/readings', format: 'ndjson', status: 200 },
  kept: 'stored',
} as const;

/** The product, started as a user starts it: its own command, an empty data folder, everything on but the limits. */
export const twinkeep: Contender = {
  ...NATIVE,
  name: 'Twinkeep',
  start: (stage, folder) => start(stage, folder, [], { TWINKEEP_LIMITS: 'off' }),
};

export const twinkeepWorkers = (workers: number): Contender => ({
  ...NATIVE,
  name: `Twinkeep, --workers ${workers}`,
  start: (stage, folder) => start(stage, folder, ['--workers', String(workers)], { TWINKEEP_LIMITS: 'off' }),
});

/** In front of the back end, with everything on. */
export const twinkeepGateway: Contender = {
  ...PROXIED,
  name: 'Twinkeep',
  start: async (stage, folder) => {
    const file = join(folder, 'twinkeep.config.json');
    writeFileSync(file, JSON.stringify(gatewayTo(await stage.backEnd())));
    return start(stage, folder, [], { TWINKEEP_CONFIG: file });
  },
};

/** Limits count each request, and are too wide to refuse one: what is measured is the work, not the refusal. */
const WIDE = { addressPerMinute: 1_000_000, principalPerMinute: 1_000_000, tenantPerMinute: 1_000_000 };

const gatewayTo = (url: string) => ({
  limits: WIDE,
  gateway: {
    backEnds: { twin: { url } },
    routes: [{ path: '/api/*', to: 'twin', access: { permission: { read: 'read:twin', write: 'write:twin' } } }],
  },
});

async function start(stage: Stage, folder: string, more: readonly string[], settings: Environment) {
  const port = await freePort();
  const password = passwordOf(folder);
  const data = join(folder, 'data');
  mkdirSync(data, { recursive: true, mode: 0o700 });
  const env = {
    TWINKEEP_PORT: String(port),
    TWINKEEP_HOST: '127.0.0.1',
    TWINKEEP_DATA: data,
    TWINKEEP_ADMIN_USERNAME: 'admin',
    TWINKEEP_ADMIN_PASSWORD: password,
    ...settings,
  };
  const args = [mustExist(MAIN), 'serve', ...more];
  const launched = await launch(stage.children, { command: process.execPath, args, env, folder, port });
  const stop = (): Promise<void> => stage.children.stop(launched.child);
  try {
    const signedIn = login.parse(await post(port, '/v1/login', {}, { username: 'admin', password }));
    const person = { authorization: `Bearer ${signedIn.access_token}` };
    const wish = { name: 'bench', scopes: ['read', 'write:meter_data', 'seal:fields'], expires_in: KEY_SECONDS };
    const { key } = apiKey.parse(await post(port, '/v1/api-keys', person, wish));
    return { ...launched, port, helpers: [], person, machine: { 'x-api-key': key }, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Made at the first start in a folder and kept there, for a second start takes none. */
function passwordOf(folder: string): string {
  const file = join(folder, 'password');
  if (!existsSync(file)) writeFileSync(file, `Tk-${randomBytes(18).toString('base64url')}-9`, { mode: 0o600 });
  return readFileSync(file, 'utf8');
}

async function post(port: number, path: string, headers: Headers, body: unknown): Promise<unknown> {
  const reply = await fetch(`http://127.0.0.1:${port}${path}`, {
    method: 'POST',
    headers: { ...headers, 'content-type': 'application/json' },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(10_000),
  });
  const text = await reply.text();
  if (!reply.ok) throw new Error(`POST ${path} was answered ${reply.status}: ${text.slice(0, 500)}`);
  return JSON.parse(text);
}
