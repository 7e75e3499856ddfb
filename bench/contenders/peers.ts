import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import jwt from 'jsonwebtoken';
import { type Contender, type Environment, freePort, launch, PROXIED, type Stage } from '../contender.ts';

const BARE = new URL('./bare-node.ts', import.meta.url);
const BARE_SEAL = new URL('./bare-seal.ts', import.meta.url);
const BARE_PROXY = new URL('./bare-undici.ts', import.meta.url);
const EXPRESS = new URL('./express-stack.ts', import.meta.url);
const EXPRESS_PROXY = new URL('./express-proxy.ts', import.meta.url);

const ROUTES = {
  me: '/me',
  readings: '/readings',
  bulk: { path: '/readings/bulk', format: 'json', status: 201 },
} as const;

export const bareNode: Contender = {
  ...ROUTES,
  name: 'bare node:http',
  kept: undefined,
  start: (stage, folder) => startBare(stage, BARE, folder, {}),
};

export const bareSeal: Contender = {
  ...ROUTES,
  name: 'bare JSON and AES-256-GCM',
  kept: undefined,
  start: (stage, folder) => startBare(stage, BARE_SEAL, folder, {}),
};

export const bareProxy: Contender = {
  ...PROXIED,
  name: 'bare undici proxy',
  start: async (stage, folder) => startBare(stage, BARE_PROXY, folder, { BACK_END: await stage.backEnd() }),
};

async function startBare(stage: Stage, module: URL, folder: string, more: Environment) {
  const port = await freePort();
  const env = { PORT: String(port), NODE_ENV: 'production', ...more };
  const launched = await launch(stage.children, { ...node(module), env, folder, port });
  return { ...launched, port, helpers: [], person: {}, machine: {}, stop: () => stage.children.stop(launched.child) };
}

/** What stands behind the proxies: a small server that answers from memory. @returns its origin */
export async function startBackEnd(stage: Pick<Stage, 'children'>, folder: string): Promise<string> {
  const port = await freePort();
  const env = { PORT: String(port), NODE_ENV: 'production' };
  await launch(stage.children, { ...node(BARE), env, folder, port });
  return `http://127.0.0.1:${port}`;
}

export const expressStack: Contender = {
  ...ROUTES,
  name: 'Express stack',
  kept: 'kept',
  start: (stage, folder) =>
    startExpress(stage, EXPRESS, folder, {
      LIMITER: stage.redis === undefined ? 'memory' : String(stage.redis.port),
      DATABASE: join(folder, 'readings.db'),
    }),
};

/** The same without counting requests, for Twinkeep runs with its limits off. */
export const expressUnlimited: Contender = {
  ...ROUTES,
  name: 'Express, no limiter',
  kept: 'kept',
  start: (stage, folder) =>
    startExpress(stage, EXPRESS, folder, { LIMITER: 'off', DATABASE: join(folder, 'readings.db') }),
};

/** Its limiter counts in memory, as Twinkeep's does in one process. */
export const expressProxy: Contender = {
  ...PROXIED,
  name: 'Express + http-proxy-middleware',
  start: async (stage, folder) =>
    startExpress(stage, EXPRESS_PROXY, folder, { LIMITER: 'memory', BACK_END: await stage.backEnd() }),
};

async function startExpress(stage: Stage, module: URL, folder: string, more: Environment & { LIMITER: string }) {
  const port = await freePort();
  const secret = randomBytes(32).toString('base64url');
  const env = { PORT: String(port), NODE_ENV: 'production', JWT_SECRET: secret, ...more };
  const launched = await launch(stage.children, { ...node(module), env, folder, port });
  const token = jwt.sign({ roles: ['analyst'], tenant_id: 'plant-1' }, secret, {
    algorithm: 'HS256',
    subject: 'ada',
    issuer: 'bench',
    audience: 'bench',
    expiresIn: '1h',
  });
  const headers = { authorization: `Bearer ${token}` };
  const helpers =
    stage.redis === undefined || more.LIMITER !== String(stage.redis.port)
      ? []
      : [{ name: 'redis-server', pid: stage.redis.pid }];
  return {
    ...launched,
    port,
    helpers,
    person: headers,
    machine: headers,
    stop: () => stage.children.stop(launched.child),
  };
}

const node = (module: URL) => ({ command: process.execPath, args: [fileURLToPath(module)] });
