import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type Contender, freePort, launch, mustExist, PROXIED } from '../contender.ts';
import { findCommand } from '../find-command.ts';
import { childrenOf } from '../proc.ts';

const WORKER_WITHIN_MS = 2_000;

/** What a proxy of C costs that checks nothing: one worker, connections kept on both sides, no access log. */
export const nginx: Contender = {
  ...PROXIED,
  name: 'nginx alone',
  lacks: () => (findCommand('nginx') === undefined ? 'nginx is not on PATH' : undefined),
  start: async (stage, folder) => {
    const command = mustExist(findCommand('nginx') ?? 'nginx');
    const port = await freePort();
    const config = join(folder, 'nginx.conf');
    writeFileSync(config, configOf(folder, port, new URL(await stage.backEnd()).host));
    const args = ['-p', folder, '-c', config, '-e', 'stderr'];
    const { child, pid: master, readyMs } = await launch(stage.children, { command, args, env: {}, folder, port });
    const stop = (): Promise<void> => stage.children.stop(child);
    try {
      return { port, pid: await workerOf(master), helpers: [], readyMs, person: {}, machine: {}, stop };
    } catch (error) {
      await stop();
      throw error;
    }
  },
};

/** The master only waits: all the work is its one worker's. */
async function workerOf(master: number): Promise<number> {
  for (const until = performance.now() + WORKER_WITHIN_MS; performance.now() < until; await delay(20)) {
    const [worker] = childrenOf(master);
    if (worker !== undefined) return worker;
  }
  throw new Error('the worker of nginx was not found, so its CPU time cannot be taken');
}

/** Without the two `keepalive_requests` it closes a connection after a thousand requests. */
const configOf = (folder: string, port: number, backEnd: string): string => `
daemon off;
worker_processes 1;
pid ${folder}/nginx.pid;
error_log stderr;
events { worker_connections 1024; }
http {
  access_log off;
  ${TEMPORARY.map((name) => `${name}_temp_path ${folder}/${name};`).join('\n  ')}
  keepalive_requests 1000000000;
  upstream back_end { server ${backEnd}; keepalive 128; keepalive_requests 1000000000; }
  server {
    listen 127.0.0.1:${port};
    location = /ready { return 200; }
    location / { proxy_pass http://back_end; proxy_http_version 1.1; proxy_set_header Connection ""; }
  }
}
`;

const TEMPORARY = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
