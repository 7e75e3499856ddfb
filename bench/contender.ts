import type { ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { request } from 'node:http';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { PostgresServer } from '../src/testing/index.ts';
import { type Children, tailOf } from './children.ts';

export type Environment = Readonly<Record<string, string>>;
export type Headers = Readonly<Record<string, string>>;

/** What a contender may use: the bench's processes, a Redis when there is one, and a back end when it is a proxy. */
export interface Stage {
  readonly children: Children;
  readonly redis: { readonly port: number; readonly pid: number } | undefined;
  /** Starts the back end at the first call; all proxies have the same one. @returns its origin */
  readonly backEnd: () => Promise<string>;
  /** Starts PostgreSQL on the disk at the first call; undefined where it can't run. */
  readonly postgres: () => Promise<PostgresServer | undefined>;
  /** The file of `wrk`, where the machine has it. */
  readonly wrk: string | undefined;
}

/** A server under measurement: alone in its process, ready, and with somebody signed in. */
export interface Server {
  readonly port: number;
  readonly pid: number;
  /** Processes that work for it and are counted apart. */
  readonly helpers: readonly { readonly name: string; readonly pid: number }[];
  /** From the spawn to the first 200 of `/ready`. */
  readonly readyMs: number;
  /** How a person and how a machine is let in. */
  readonly person: Headers;
  readonly machine: Headers;
  /** Bodies with which people sign in, where some were made for it. */
  readonly logins?: readonly string[];
  /** Where the probe tells how late its event loop is, in a server that was started with one. */
  readonly loopFile?: string | undefined;
  stop(): Promise<void>;
}

export interface Contender {
  readonly name: string;
  /** Where its routes stand and how it takes many readings in one body. */
  readonly me: string;
  readonly login?: string;
  readonly readings: string;
  readonly bulk: { readonly path: string; readonly format: 'ndjson' | 'json'; readonly status: number };
  /** The member of its answer that counts the readings it has stored; undefined where it stores none. */
  readonly kept: string | undefined;
  /** What this machine lacks to run it, in one line; nothing where it has all. */
  readonly lacks?: () => string | undefined;
  /** @param folder its own empty one, or one that it has run in before */
  start(stage: Stage, folder: string): Promise<Server>;
}

/** A proxy has no routes of its own: what is asked of it is asked of the one back end, which stores nothing. */
export const PROXIED = {
  me: '/api/me',
  readings: '/api/readings',
  bulk: { path: '/api/readings', format: 'json', status: 201 },
  kept: undefined,
} as const;

export interface Launch {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Environment;
  readonly folder: string;
  readonly port: number;
}

const READY_WITHIN_MS = 30_000;
const POLL_MS = 3;

/** Starts a server and waits for `/ready`; the time counts from the spawn. */
export async function launch(
  children: Children,
  options: Launch,
): Promise<{ child: ChildProcess; pid: number; readyMs: number }> {
  const { command, args, env, folder, port } = options;
  const logFile = join(folder, 'server.log');
  const startedAt = performance.now();
  const child = children.spawn(command, args, { cwd: folder, env: { ...inherited(), ...env }, logFile });
  let failure: string | undefined;
  child.once('error', (error) => {
    failure = error.message;
  });
  child.once('exit', (code, signal) => {
    failure ??= `it ended with ${signal ?? code}`;
  });
  while (!(await answers(port))) {
    if (failure === undefined && performance.now() - startedAt > READY_WITHIN_MS) failure = 'it was not ready in time';
    if (failure !== undefined) {
      await children.stop(child);
      throw new Error(`${args[0] ?? command} did not start: ${failure}\n${tailOf(logFile)}`);
    }
    await delay(POLL_MS);
  }
  const readyMs = performance.now() - startedAt;
  if (child.pid === undefined) throw new Error(`${command} has no process id`);
  return { child, pid: child.pid, readyMs };
}

/** Nothing of the bench's own surroundings but what a program needs to run: no setting leaks into a contender. */
function inherited(): Environment {
  const names = ['PATH', 'HOME', 'TMPDIR', 'LANG'];
  return Object.fromEntries(
    names.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])),
  );
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const asked = request({ host: '127.0.0.1', port, path: '/ready', agent: false, timeout: 1_000 }, (reply) => {
      reply.resume();
      resolve(reply.statusCode === 200);
    });
    asked.once('timeout', () => asked.destroy());
    asked.once('error', () => resolve(false));
    asked.end();
  });
}

/** The answer of a server that is started when somebody first asks for it. */
export function lazily<Answer>(start: () => Promise<Answer>): () => Promise<Answer> {
  let started: Promise<Answer> | undefined;
  return () => {
    started ??= start();
    return started;
  };
}

/** A port that was free a moment ago. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      server.close(() => resolve(port));
    });
  });
}

/** @throws Error when a file that a contender runs is not there */
export function mustExist(file: string): string {
  if (!existsSync(file)) throw new Error(`${file} is not there`);
  return file;
}
