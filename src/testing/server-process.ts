import { ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, Socket } from 'node:net';

/** What to start and how to tell that it is ready. */
export interface Program {
  readonly command: string;
  readonly args: readonly string[];
  /** Printed once the server takes connections. */
  readonly ready: string;
  /** Removed with the process when this one ends without having stopped it. */
  readonly folder: string;
  readonly user?: { readonly uid: number; readonly gid: number } | undefined;
  readonly env?: Readonly<Record<string, string>> | undefined;
}

/** A server process that ends with this one, however this one ends. */
export interface ServerProcess {
  /** Sends a signal; resolves when the process is gone, at once for a signal that doesn't end it. */
  kill(signal: NodeJS.Signals): Promise<void>;
}

const READY_MS = 15_000;
const PASSING: readonly NodeJS.Signals[] = ['SIGSTOP', 'SIGCONT', 'SIGHUP', 'SIGUSR1', 'SIGUSR2'];

/** Runs when our end of the pipe closes, as it does even after `kill -9`, which no exit handler survives. */
const GUARD = 'cat > /dev/null; kill -s "$3" "$1" 2> /dev/null; sleep 0.5; rm -rf "$2"';

/** @throws Error with what the program printed when it doesn't get ready */
export async function startProcess(program: Program, last: NodeJS.Signals): Promise<ServerProcess> {
  const { command, args, env } = program;
  const child = spawn(command, args, { ...program.user, env: env ?? {}, stdio: ['ignore', 'pipe', 'pipe'] });
  const exited = once(child, 'exit').then(
    () => undefined,
    () => undefined,
  );
  await becomeReady(child, program);
  const guard = spawn('sh', ['-c', GUARD, 'guard', String(child.pid), program.folder, last.slice(3)], {
    detached: true, // a Ctrl-C meant for us must not end it before its work is done
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  for (const part of [child, child.stdout, child.stderr, guard, guard.stdin]) {
    if (part instanceof ChildProcess || part instanceof Socket) part.unref(); // neither keeps a test from ending
  }
  return {
    kill: async (signal) => {
      if (PASSING.includes(signal)) return void child.kill(signal);
      guard.kill('SIGKILL'); // the pid may belong to somebody else soon
      child.ref();
      child.kill(signal);
      await exited;
    },
  };
}

function becomeReady(child: ChildProcess, { command, ready }: Program): Promise<void> {
  return new Promise((resolve, reject) => {
    let printed = '';
    const fail = (reason: string): void => {
      clearTimeout(timer);
      child.kill('SIGKILL');
      reject(new Error(`${command} ${reason}: ${printed}`));
    };
    const timer = setTimeout(() => fail('did not get ready'), READY_MS);
    const read = (chunk: Buffer): void => {
      printed = `${printed}${chunk.toString()}`.slice(-4_096);
      if (!printed.includes(ready)) return;
      clearTimeout(timer);
      resolve();
    };
    child.stdout?.on('data', read);
    child.stderr?.on('data', read);
    child.on('error', (error) => fail(error.message));
    child.on('exit', (code) => fail(`ended with ${code}`));
  });
}

/** A port of 127.0.0.1 that nobody listens on at the moment. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port was given');
  return address.port;
}
