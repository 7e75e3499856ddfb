import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Children } from '../children.ts';
import { freePort, type Stage } from '../contender.ts';
import { findCommand } from '../find-command.ts';

const READY_WITHIN_MS = 5_000;

/** A Redis of our own that keeps nothing on disk; undefined where there is none. */
export async function startRedis(children: Children, folder: string): Promise<Stage['redis']> {
  const command = findCommand('redis-server');
  if (command === undefined) return undefined;
  const port = await freePort();
  const args = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', folder];
  const child = children.spawn(command, args, { cwd: folder, env: {}, logFile: join(folder, 'redis.log') });
  const startedAt = performance.now();
  while (!(await pong(port))) {
    if (child.exitCode !== null || performance.now() - startedAt > READY_WITHIN_MS) {
      await children.stop(child);
      return undefined;
    }
    await delay(20);
  }
  return child.pid === undefined ? undefined : { port, pid: child.pid };
}

function pong(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port, timeout: 1_000 });
    const answer = (yes: boolean): void => {
      resolve(yes);
      socket.destroy();
    };
    socket.once('connect', () => socket.write('PING\r\n'));
    socket.once('data', (data) => answer(data.toString().startsWith('+PONG')));
    socket.once('timeout', () => answer(false));
    socket.once('error', () => answer(false));
  });
}
