import { spawn } from 'node:child_process';
import { endChild, logOf } from './start-victim.ts';

/** A look into, or a hand in, the system calls of a running process. */
export interface Strace {
  /** Lets go of the process, which goes on. */
  stop(): Promise<void>;
}

const ATTACH_MS = 10_000;

/** Attaches to all threads of a process. @returns why it can't where it can't: no `strace` here, or no right to it */
export function attachStrace(pid: number, args: readonly string[]): Promise<Strace | string> {
  return new Promise((resolve) => {
    const child = spawn('strace', ['-f', '-p', String(pid), ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
    const log = logOf(child);
    const timer = setTimeout(() => child.kill('SIGKILL'), ATTACH_MS);
    const refuse = (reason: string): void => {
      clearTimeout(timer);
      resolve(`strace can't be had here: ${reason}`);
    };
    child.on('error', ({ message }) => refuse(message));
    child.on('exit', () => refuse(log().trim()));
    child.stderr.on('data', () => {
      if (!log().includes('attached')) return;
      clearTimeout(timer);
      resolve({ stop: () => endChild(child, 'SIGINT') });
    });
  });
}
