import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runShared } from './shared-commands.ts';

/** What a command printed, and how it ended. */
export interface Ended {
  /** Null where a signal ended it. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** The one JSON value on standard output. */
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape
  readonly json: any;
}

export interface Typing {
  readonly input?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Run through `bin/twinkeep` instead of straight on the Node of the tests. */
  readonly shell?: true;
}

/** A command that still runs. */
export interface Running {
  readonly child: ChildProcess;
  stdout(): string;
  /** Waits until the pattern stands in standard output or standard error. @returns its first group, or all of it */
  printed(pattern: RegExp): Promise<string>;
  ended(): Promise<Ended>;
  /** Sends a signal and waits for the end. */
  stop(signal: NodeJS.Signals): Promise<Ended>;
}

/** The real command line, spawned, with a data folder of its own. */
export interface CommandLine {
  readonly folder: string;
  run(args: readonly string[], typing?: Typing): Promise<Ended>;
  /** The same in a process that runs many: where what it prints is looked at, and nothing of a process. */
  look(args: readonly string[], env?: Typing['env']): Promise<Ended>;
  start(args: readonly string[], typing?: Typing): Running;
  /** Starts `serve` and waits for its address. */
  serve(env?: Typing['env']): Promise<Running & { readonly address: string }>;
  /** Ends whatever runs and removes the folder. */
  close(): Promise<void>;
}

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const PATIENCE_MS = 30_000;

export function createCommandLine(settings: Readonly<Record<string, string>> = {}): CommandLine {
  const folder = mkdtempSync(join(tmpdir(), 'twinkeep-cli-'));
  const own = { TWINKEEP_DATA: join(folder, 'data'), TWINKEEP_PORT: '0', ...settings };
  const children = new Set<ChildProcess>();

  const environment = (env: Typing['env']): Record<string, string> => {
    const inherited = Object.entries(process.env).flatMap(([name, value]) =>
      value === undefined || /^(TWINKEEP_|NODE_ENV$|NODE_OPTIONS$)/.test(name) ? [] : [[name, value] as const],
    );
    return { ...Object.fromEntries(inherited), ...own, ...env };
  };

  const start: CommandLine['start'] = (args, { input, env, shell } = {}) => {
    const [command, first] = shell ? [join(ROOT, 'bin/twinkeep'), []] : [process.execPath, [`${ROOT}src/cli/main.ts`]];
    const child = spawn(command, [...first, ...args], {
      cwd: folder, // no twinkeep.config.ts of the developer's
      env: environment(env),
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    children.add(child);
    child.once('exit', () => children.delete(child));
    child.stdin.on('error', () => undefined); // it may end without reading
    child.stdin.end(input ?? '');
    return watch(child);
  };

  return {
    folder,
    start,
    run: (args, typing) => start(args, typing).ended(),
    look: async (args, env) => {
      const told = await runShared({ args, env: environment(env), folder });
      return { ...told, json: jsonOf(told.stdout) };
    },
    serve: async (env) => {
      const running = start(['serve', '--json'], env === undefined ? {} : { env });
      const address = await running.printed(/"address":"(http:[^"]+)"/);
      return { ...running, address };
    },
    close: async () => {
      for (const child of children) {
        child.kill('SIGKILL');
        await once(child, 'exit');
      }
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function watch(child: ChildProcess): Running {
  let [stdout, stderr] = ['', ''];
  child.stdout?.on('data', (chunk: Buffer) => {
    stdout += chunk.toString();
  });
  child.stderr?.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  const closed = once(child, 'close');
  const ended = async (): Promise<Ended> => {
    await closed;
    return { code: child.exitCode, stdout, stderr, json: jsonOf(stdout) };
  };
  return {
    child,
    stdout: () => stdout,
    ended,
    stop: (signal) => {
      child.kill(signal);
      return ended();
    },
    printed: (pattern) =>
      new Promise((resolve, reject) => {
        const timer = setTimeout(() => reject(new Error(`never printed ${pattern}: ${stdout}${stderr}`)), PATIENCE_MS);
        const look = (): void => {
          const found = pattern.exec(stdout) ?? pattern.exec(stderr);
          if (found === null) return;
          clearTimeout(timer);
          resolve(found[1] ?? found[0]);
        };
        child.stdout?.on('data', look);
        child.stderr?.on('data', look);
        void closed.then(() => {
          clearTimeout(timer);
          reject(new Error(`ended before it printed ${pattern}: ${stdout}${stderr}`));
        });
        look();
      }),
  };
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Asks a running server. */
export async function ask(
  address: string,
  method: string,
  path: string,
  { token, key, body }: { readonly token?: string; readonly key?: string; readonly body?: unknown } = {},
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape
): Promise<{ readonly status: number; readonly json: any }> {
  const response = await fetch(address + path, {
    method,
    headers: {
      connection: 'close',
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(key === undefined ? {} : { 'x-api-key': key }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: response.status, json: jsonOf(await response.text()) };
}

/** Signs in and answers the access token. */
export async function signIn(address: string, username: string, password: string): Promise<string> {
  const { status, json } = await ask(address, 'POST', '/v1/login', { body: { username, password } });
  if (status !== 200) throw new Error(`signing in as ${username} answered ${status}`);
  return json.access_token;
}
