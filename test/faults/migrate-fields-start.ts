import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const VICTIM = fileURLToPath(new URL('migrate-fields-victim.ts', import.meta.url));
const CACHE = fileURLToPath(new URL('../../node_modules/.cache/node', import.meta.url));

/** A migration in a process of its own. */
export interface MigrationVictim {
  readonly child: ChildProcess;
  /** Resolves once its vault is open and it is about to begin. */
  readonly ready: Promise<unknown>;
  /** The phase that it has told of last. */
  phase(): string;
  /** @returns the last line that it printed, where that is JSON: how it ended */
  // biome-ignore lint/suspicious/noExplicitAny: tests look into reports and errors alike
  ended(): Promise<any>;
}

export interface MigrationPlace {
  readonly url: string;
  readonly vaultFile: string;
  readonly folder: string;
}

export function startMigration(
  { url, vaultFile, folder }: MigrationPlace,
  mode: 'migrate' | 'undo',
  wrap: readonly string[] = [],
): MigrationVictim {
  const [command = process.execPath, ...args] = [...wrap, process.execPath, VICTIM, url, vaultFile, folder, mode];
  const env = { ...process.env, NODE_COMPILE_CACHE: CACHE };
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'], env });
  let out = '';
  child.stdout.on('data', (chunk: Buffer) => {
    out += chunk.toString();
  });
  const closed = once(child, 'close');
  const lines = (): readonly string[] => out.trim().split('\n');
  return {
    child,
    ready: Promise.race([once(child.stdout, 'data'), closed]),
    phase: () => lines().findLast((line) => !line.startsWith('{')) ?? '',
    ended: async () => {
      await closed;
      const last = lines().at(-1) ?? '';
      return last.startsWith('{') ? JSON.parse(last) : undefined;
    },
  };
}
