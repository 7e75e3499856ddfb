import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort, type ServerProcess, startProcess } from './server-process.ts';
import type { TestServer } from './servers.ts';

/** Starts the machine's own `redis-server`, without persistence. @returns undefined where there is none */
export async function startRedis(): Promise<TestServer | undefined> {
  const folder = await mkdtemp(join(tmpdir(), 'twinkeep-redis-'));
  try {
    return await launch(folder);
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    console.error('Redis for the tests:', error instanceof Error ? error.message : error);
    return undefined;
  }
}

async function launch(folder: string): Promise<TestServer> {
  const port = await freePort();
  const args = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', folder];
  const env = { PATH: process.env['PATH'] ?? '' };
  const start = (): Promise<ServerProcess> =>
    startProcess({ command: 'redis-server', args, ready: 'Ready to accept connections', folder, env }, 'SIGKILL');

  let running: ServerProcess | undefined = await start();
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    const ending = running;
    if (signal !== 'SIGSTOP' && signal !== 'SIGCONT') running = undefined;
    await ending?.kill(signal);
  };
  return {
    url: `redis://127.0.0.1:${port}/0`,
    kill: end,
    restart: async () => {
      await end('SIGKILL');
      running = await start();
    },
    stop: async () => {
      await end('SIGKILL');
      await rm(folder, { recursive: true, force: true });
    },
  };
}
