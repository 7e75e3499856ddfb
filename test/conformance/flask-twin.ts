import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { io, type ManagerOptions, type Socket, type SocketOptions } from 'socket.io-client';

/** The system's own: what apt installs is not in other Pythons. */
const PYTHON = '/usr/bin/python3';
const SCRIPT = join(import.meta.dirname, 'flask-twin.py');
const READY_MS = 20_000;

/** With `eventlet` it speaks WebSocket too; Werkzeug's threads speak HTTP alone. */
export type Mode = 'threading' | 'eventlet';

/** Something that happened to the back end. */
export interface Told {
  readonly what: 'ready' | 'request' | 'connect' | 'disconnect' | 'event';
  readonly [fact: string]: unknown;
}

export interface FlaskTwin {
  readonly url: string;
  readonly told: Told[];
  of(what: Told['what']): readonly Told[];
  /** Waits until so many of a kind were told. */
  until(what: Told['what'], count: number): Promise<void>;
  close(): Promise<void>;
}

/**
 * Why the old system can't be started here; undefined where it can.
 *
 * @throws AssertionError in CI, where it must not be missing
 */
export function missing(mode: Mode): string | undefined {
  try {
    execFileSync(PYTHON, ['-c', `import flask_socketio${mode === 'eventlet' ? ', eventlet' : ''}`], { stdio: 'pipe' });
    return undefined;
  } catch {
    const reason = 'needs the system packages python3-flask-socketio and python3-eventlet';
    assert.notEqual(process.env['CI'], 'true', reason);
    return reason;
  }
}

/** Starts the old back end in a process of its own, on a free port. */
export async function startFlaskTwin(mode: Mode): Promise<FlaskTwin> {
  const port = await freePort();
  const child = spawn(PYTHON, [SCRIPT, mode, String(port)], { stdio: ['ignore', 'pipe', 'pipe'] });
  const told: Told[] = [];
  let errors = '';
  child.stderr.on('data', (chunk) => {
    errors = `${errors}${chunk}`.slice(-4_000);
  });
  createInterface({ input: child.stdout }).on('line', (line) => {
    if (line.startsWith('{')) told.push(JSON.parse(line));
  });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const url = `http://127.0.0.1:${port}`;
  const giveUp = performance.now() + READY_MS;
  while (!(await answers(url))) {
    assert.ok(performance.now() < giveUp && child.exitCode === null, `the old system does not start: ${errors}`);
    await pause(50);
  }
  told.length = 0;
  const of = (what: Told['what']): readonly Told[] => told.filter((one) => one.what === what);
  return {
    ...{ url, told, of },
    until: async (what, count) => {
      const end = performance.now() + 5_000;
      while (of(what).length < count) {
        assert.ok(performance.now() < end, `no ${count} of ${what} in ${JSON.stringify(told)}; ${errors}`);
        await pause(10);
      }
    },
    close: async () => {
      child.kill('SIGKILL');
      await ended;
    },
  };
}

async function answers(url: string): Promise<boolean> {
  try {
    await fetch(`${url}/nothing`, { headers: { connection: 'close' } });
    return true;
  } catch {
    return false;
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  await new Promise((resolve) => server.close(resolve));
  return address.port;
}

/** The old client: socket.io-client as its pages use it. */
export const openClient = (url: string, options: Partial<ManagerOptions & SocketOptions>): Socket =>
  io(url, { reconnection: false, forceNew: true, ...options });

/** What the server said first, or why it could not be reached. */
export const outcomeOf = (socket: Socket): Promise<unknown> =>
  new Promise((resolve) => {
    socket.once('twin_update', resolve);
    socket.once('connect_error', () => resolve('refused'));
    socket.once('disconnect', () => resolve('refused'));
  });
