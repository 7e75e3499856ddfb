import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import jwt from 'jsonwebtoken';
import { type Contender, freePort, launch, type Stage } from '../contender.ts';

const BARE = new URL('./bare-node.ts', import.meta.url);
const EXPRESS = new URL('./express-stack.ts', import.meta.url);

const ROUTES = {
  me: '/me',
  readings: '/readings',
  bulk: { path: '/readings/bulk', format: 'json', status: 201 },
} as const;

export const bareNode: Contender = {
  ...ROUTES,
  name: 'bare node:http',
  kept: undefined,
  start: async (stage, folder) => {
    const port = await freePort();
    const env = { PORT: String(port), NODE_ENV: 'production' };
    const launched = await launch(stage.children, { ...node(BARE), env, folder, port });
    return { ...launched, port, helpers: [], person: {}, machine: {}, stop: () => stage.children.stop(launched.child) };
  },
};

export const expressStack: Contender = {
  ...ROUTES,
  name: 'Express stack',
  kept: 'kept',
  start: (stage, folder) =>
    startExpress(stage, folder, stage.redis === undefined ? 'memory' : String(stage.redis.port)),
};

/** The same without counting requests, for Twinkeep runs with its limits off. */
export const expressUnlimited: Contender = {
  ...ROUTES,
  name: 'Express, no limiter',
  kept: 'kept',
  start: (stage, folder) => startExpress(stage, folder, 'off'),
};

async function startExpress(stage: Stage, folder: string, limiter: string) {
  const port = await freePort();
  const secret = randomBytes(32).toString('base64url');
  const env = {
    PORT: String(port),
    NODE_ENV: 'production',
    JWT_SECRET: secret,
    DATABASE: join(folder, 'readings.db'),
    LIMITER: limiter,
  };
  const launched = await launch(stage.children, { ...node(EXPRESS), env, folder, port });
  const token = jwt.sign({ roles: ['analyst'], tenant_id: 'plant-1' }, secret, {
    algorithm: 'HS256',
    subject: 'ada',
    issuer: 'bench',
    audience: 'bench',
    expiresIn: '1h',
  });
  const headers = { authorization: `Bearer ${token}` };
  const helpers =
    stage.redis === undefined || limiter === 'off' ? [] : [{ name: 'redis-server', pid: stage.redis.pid }];
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
