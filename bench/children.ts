import { type ChildProcess, fork, type Serializable, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs';
import type { Environment } from './contender.ts';

/** Every process that the bench starts, so that each is ended by its own id whatever happens. */
export interface Children {
  /** Starts a server; what it prints goes to `logFile`, so that nobody spends time on reading it. */
  spawn(command: string, args: readonly string[], options: SpawnOptions): ChildProcess;
  /** Starts one of our own modules, gives it one job, and waits for its one answer. */
  ask<Answer>(module: URL, job: Serializable, options: AskOptions<Answer>): Promise<Answer>;
  /** Asks a process to end and insists after five seconds. */
  stop(child: ChildProcess): Promise<void>;
  stopAll(): Promise<void>;
  /** For the last moment, when nothing can be awaited any more. */
  killAll(): void;
}

export interface SpawnOptions {
  readonly cwd: string;
  readonly env: Environment;
  readonly logFile: string;
}

export interface AskOptions<Answer> {
  readonly timeoutMs: number;
  readonly parse: (message: unknown) => Answer;
}

const GRACE_MS = 5_000;
const TAIL_CHARACTERS = 1_500;

export function createChildren(): Children {
  const alive = new Set<ChildProcess>();

  function remember(child: ChildProcess): ChildProcess {
    alive.add(child);
    child.once('error', () => alive.delete(child));
    child.once('exit', () => alive.delete(child));
    return child;
  }

  async function stop(child: ChildProcess): Promise<void> {
    if (!alive.has(child)) return;
    const gone = once(child, 'exit');
    child.kill('SIGTERM');
    const insist = setTimeout(() => child.kill('SIGKILL'), GRACE_MS);
    await gone;
    clearTimeout(insist);
  }

  async function ask<Answer>(module: URL, job: Serializable, options: AskOptions<Answer>): Promise<Answer> {
    const child = remember(
      fork(module, { execArgv: ['--no-deprecation'], stdio: ['ignore', 'inherit', 'inherit', 'ipc'] }),
    );
    const answer = answerOf(child, options.timeoutMs);
    child.send(job);
    try {
      return options.parse(await answer);
    } finally {
      await stop(child);
    }
  }

  return {
    spawn: (command, args, { cwd, env, logFile }) => {
      const log = openSync(logFile, 'a', 0o600);
      try {
        return remember(spawn(command, args, { cwd, env, stdio: ['ignore', log, log] }));
      } finally {
        closeSync(log);
      }
    },
    ask,
    stop,
    stopAll: async () => {
      await Promise.all([...alive].map(stop));
    },
    killAll: () => {
      for (const child of alive) child.kill('SIGKILL');
    },
  };
}

function answerOf(child: ChildProcess, timeoutMs: number): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const limit = setTimeout(() => reject(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
    child.once('message', (message) => {
      clearTimeout(limit);
      resolve(message);
    });
    child.once('exit', (code, signal) => {
      clearTimeout(limit);
      reject(new Error(`the measuring process ended early (${signal ?? code})`));
    });
  });
}

/** The end of what a server printed, for the message about its failure. */
export function tailOf(logFile: string): string {
  return existsSync(logFile) ? readFileSync(logFile, 'utf8').slice(-TAIL_CHARACTERS).trim() : '';
}
