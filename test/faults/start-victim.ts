import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { KIT_PASSWORD } from '../../src/testing/index.ts';

/** Where a victim keeps what it has; the same setting started again finds it. */
export interface Setting {
  readonly data: string;
  /** Variables beside those that every victim has. */
  readonly env?: Readonly<Record<string, string>> | undefined;
  /** A program and arguments to run Node under. */
  readonly under?: readonly string[] | undefined;
}

/** A running Twinkeep in a process of its own. */
export interface Victim {
  readonly address: string;
  readonly pid: number;
  /** From spawning the process to the first 200 of `/ready`. */
  readonly readyMs: number;
  /** Resolves when the process is gone. */
  kill(signal: NodeJS.Signals): Promise<void>;
  /** True until the process has ended by itself or by us. */
  alive(): boolean;
  /** The end of what it has written to standard error. */
  log(): string;
}

const VICTIM = new URL('./victim.ts', import.meta.url).pathname;
const MODULES = new URL('../../node_modules', import.meta.url).pathname;
const READY_MS = 30_000; // until then it may be slow; how slow is for the test to judge
const LOG_CHARS = 16_384;

/** Starts a victim and waits until it serves. @throws Error with what it wrote when it ends before, or takes too long */
export async function startVictim(setting: Setting): Promise<Victim> {
  const started = performance.now();
  const child = spawnVictim(setting);
  const log = logOf(child);
  const address = await addressOf(child, log);
  while (!(await isReady(address))) {
    if (child.exitCode !== null || performance.now() - started > READY_MS) {
      child.kill('SIGKILL');
      throw new Error(`the victim did not get ready: ${log()}`);
    }
    await pause(5);
  }
  return {
    address,
    pid: child.pid ?? 0,
    readyMs: Math.round(performance.now() - started),
    log,
    alive: () => isAlive(child),
    kill: (signal) => endChild(child, signal),
  };
}

/** Starts a victim without waiting, to be killed before it is ready. */
export function spawnVictim({ data, env = {}, under = [] }: Setting): ChildProcess {
  const [program = process.execPath, ...args] = [...under, process.execPath, VICTIM];
  return spawn(program, args, {
    cwd: data, // away from any `twinkeep.config.ts`
    stdio: ['pipe', 'pipe', 'pipe'],
    env: {
      PATH: process.env['PATH'] ?? '',
      NODE_COMPILE_CACHE: join(MODULES, '.cache', 'node'),
      TWINKEEP_DATA: data,
      TWINKEEP_PORT: '0',
      TWINKEEP_LIMITS: 'off',
      TWINKEEP_LOG_LEVEL: 'error',
      TWINKEEP_ADMIN_PASSWORD: KIT_PASSWORD,
      ...env,
    },
  });
}

/** Ends a child and waits for its end; at once when it has ended already. */
export async function endChild(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (!isAlive(child)) return;
  const gone = once(child, 'exit');
  child.kill(signal);
  await gone;
}

/** Collects what a child writes to standard error. @returns the end of it */
export function logOf(child: ChildProcess): () => string {
  let text = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    text = `${text}${chunk.toString()}`.slice(-LOG_CHARS);
  });
  return () => text;
}

const isAlive = (child: ChildProcess): boolean => child.exitCode === null && child.signalCode === null;

async function addressOf(child: ChildProcess, log: () => string): Promise<string> {
  const timer = setTimeout(() => child.kill('SIGKILL'), READY_MS);
  const printed = once(child.stdout ?? child, 'data');
  const ended = once(child, 'exit').then(([code, signal]): never => {
    throw new Error(`the victim ended with ${code ?? signal} before it printed its address: ${log()}`);
  });
  ended.catch(() => undefined); // it ends some day in any case
  try {
    const [line] = await Promise.race([printed, ended]);
    return String(JSON.parse(String(line)).address);
  } finally {
    clearTimeout(timer);
  }
}

async function isReady(address: string): Promise<boolean> {
  try {
    const response = await fetch(`${address}/ready`, { headers: { connection: 'close' } });
    await response.arrayBuffer();
    return response.status === 200;
  } catch {
    return false;
  }
}
