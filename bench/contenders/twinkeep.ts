import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { type Contender, freePort, type Headers, launch, mustExist } from '../contender.ts';

const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
const KEY_SECONDS = 3_600;

const login = z.object({ access_token: z.string() });
const apiKey = z.object({ id: z.string(), key: z.string() });

/** The product, started as a user starts it: its own command, an empty data folder, everything on but the limits. */
export const twinkeep: Contender = {
  name: 'Twinkeep',
  me: '/v1/me',
  readings: '/v1/readings',
  bulk: { path: '/v1/readings', format: 'ndjson', status: 200 },
  kept: 'stored',
  start: async (stage, folder) => {
    const port = await freePort();
    const password = passwordOf(folder);
    const data = join(folder, 'data');
    mkdirSync(data, { recursive: true, mode: 0o700 });
    const env = {
      TWINKEEP_PORT: String(port),
      TWINKEEP_HOST: '127.0.0.1',
      TWINKEEP_DATA: data,
      TWINKEEP_LIMITS: 'off',
      TWINKEEP_ADMIN_USERNAME: 'admin',
      TWINKEEP_ADMIN_PASSWORD: password,
    };
    const args = [mustExist(MAIN), 'serve'];
    const launched = await launch(stage.children, { command: process.execPath, args, env, folder, port });
    const stop = (): Promise<void> => stage.children.stop(launched.child);
    try {
      const signedIn = login.parse(await post(port, '/v1/login', {}, { username: 'admin', password }));
      const person = { authorization: `Bearer ${signedIn.access_token}` };
      const wish = { name: 'bench', scopes: ['read', 'write:meter_data'], expires_in: KEY_SECONDS };
      const { key } = apiKey.parse(await post(port, '/v1/api-keys', person, wish));
      return { ...launched, port, helpers: [], person, machine: { 'x-api-key': key }, stop };
    } catch (error) {
      await stop();
      throw error;
    }
  },
};

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
