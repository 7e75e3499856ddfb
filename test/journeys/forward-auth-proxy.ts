import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

/** Proxies that the system's packages have, each started with the configuration that we ship. */
export const PROXIES = ['nginx', 'haproxy', 'caddy'] as const;
export type ProxyName = (typeof PROXIES)[number];

export interface RunningProxy {
  readonly port: number;
  /** What it printed. */
  log(): string;
  stop(): Promise<void>;
}

interface Places {
  readonly folder: string;
  readonly port: number;
}

export interface Recipe {
  /** What the shipped configuration becomes. */
  readonly write: (places: Places, shipped: string) => string;
  readonly file: string;
  readonly args: (file: string, places: Places) => readonly string[];
}

export const DEPLOY = fileURLToPath(new URL('../../deploy/', import.meta.url));
const READY_MS = 15_000;
const SYSTEM = ['/usr/sbin', '/usr/local/sbin', '/sbin'];

/** Where a program of the system's packages is. */
export function findProxy(name: ProxyName): string | undefined {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), ...SYSTEM];
  return folders.map((folder) => join(folder, name)).find(isProgram);
}

function isProgram(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

const RECIPES: Readonly<Record<ProxyName, Recipe>> = {
  nginx: {
    file: 'nginx/forward-auth.conf',
    write: ({ folder, port }, shipped) => `
user root;
daemon off;
worker_processes 1;
pid ${folder}/nginx.pid;
error_log stderr;
events { worker_connections 256; }
http {
  access_log off;
  ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${folder}/${name};`).join('\n  ')}
  ${shipped.replace('listen 80;', `listen 127.0.0.1:${port};`)}
}`,
    args: (file, { folder }) => ['-p', folder, '-c', file, '-e', 'stderr'],
  },
  haproxy: {
    file: 'haproxy/haproxy.cfg',
    write: ({ folder, port }, shipped) => {
      const lua = join(folder, 'twinkeep.lua');
      const own = (text: string): string => text.replace('@twinkeep-question', `@twinkeep-question-${port}`);
      writeFileSync(lua, own(readFileSync(join(DEPLOY, 'haproxy/twinkeep.lua'), 'utf8')));
      return own(shipped).replace('bind :80', `bind 127.0.0.1:${port}`).replace('/etc/haproxy/twinkeep.lua', lua);
    },
    args: (file) => ['-db', '-f', file],
  },
  caddy: {
    file: 'caddy/Caddyfile',
    write: ({ port }, shipped) => shipped.replace(':80 {', `http://:${port} {\n\tbind 127.0.0.1`),
    args: (file) => ['run', '--adapter', 'caddyfile', '--config', file],
  },
};

/**
 * @param recipe another one than that for asking
 * @throws Error with what it printed where it does not start
 */
export async function startProxy(
  name: ProxyName,
  twinkeep: string,
  backEnd: string,
  recipe: Recipe = RECIPES[name],
): Promise<RunningProxy> {
  const command = findProxy(name) ?? name;
  const folder = mkdtempSync(join(tmpdir(), `twinkeep-${name}-`));
  const places = { folder, port: await freePort() };
  const { file, write, args } = recipe;
  const shipped = readFileSync(join(DEPLOY, file), 'utf8')
    .replaceAll('127.0.0.1:8080', new URL(twinkeep).host)
    .replaceAll('127.0.0.1:5000', new URL(backEnd).host);
  const own = join(folder, 'whole.conf');
  writeFileSync(own, write(places, shipped));
  const env = { PATH: process.env['PATH'] ?? '', HOME: folder, XDG_CONFIG_HOME: folder, XDG_DATA_HOME: folder };
  const child = spawn(command, args(own, places), { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let printed = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text) => {
      printed = (printed + text).slice(-20_000);
    });
  const end = (): void => void child.kill('SIGKILL'); // however this process ends
  process.once('exit', end);
  const stop = async (): Promise<void> => {
    process.off('exit', end);
    await ended(child);
    rmSync(folder, { recursive: true, force: true });
  };
  for (const until = performance.now() + READY_MS; !(await listens(places.port)); await delay(20)) {
    if (child.exitCode === null && performance.now() < until) continue;
    await stop();
    throw new Error(`${name} did not start:\n${printed}`);
  }
  return { port: places.port, log: () => printed, stop };
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGTERM'); // a master tells its workers
  const cut = setTimeout(() => child.kill('SIGKILL'), 3_000);
  await gone;
  clearTimeout(cut);
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('there is no free port');
  return address.port;
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}
