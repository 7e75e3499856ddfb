import { Worker } from 'node:worker_threads';
import { storageFault } from './errors.ts';
import type { TableCount } from './snapshot.ts';
import { snapshotFault } from './snapshot-errors.ts';
import { sqliteFault } from './sqlite-connection.ts';

/** What the copying thread is to do: copy and then inspect the copy, or inspect a file alone. */
export type CopyTask =
  | { readonly kind: 'copy'; readonly file: string; readonly to: string; readonly without: readonly string[] }
  | { readonly kind: 'inspect'; readonly file: string };

export type WorkerSays =
  | { readonly kind: 'copied'; readonly migrations: readonly string[] }
  | ({ readonly kind: 'inspected'; readonly findings: readonly string[] } & Inspected)
  | { readonly kind: 'failed'; readonly errcode: number; readonly message: string };

export interface Inspected {
  readonly migrations: readonly string[];
  readonly tables: readonly TableCount[];
}

export interface CopyThread {
  /** Names of the migrations, once the copy stands. */
  readonly copied: Promise<readonly string[]>;
  /** Once the file was found whole. */
  readonly inspected: Promise<Inspected>;
  end(): Promise<void>;
}

/** A script of its own, from the sources or as it was compiled. */
const ENTRY = new URL(
  import.meta.filename.endsWith('.ts') ? './snapshot-worker.ts' : './snapshot-worker.js',
  import.meta.url,
);

/** Both promises reject with STORAGE_DAMAGED, STORAGE_FULL, STORAGE_UNAVAILABLE or STORAGE_BROKEN. */
export function startCopyThread(task: CopyTask): CopyThread {
  const copied = Promise.withResolvers<readonly string[]>();
  const inspected = Promise.withResolvers<Inspected>();
  const fail = (error: unknown): void => {
    copied.reject(error);
    inspected.reject(error);
  };
  // Whoever waits for the one need not be waiting for the other yet.
  copied.promise.catch(() => undefined);
  inspected.promise.catch(() => undefined);

  const worker = new Worker(ENTRY, { name: 'twinkeep snapshot', workerData: task, execArgv: [] });
  worker.on('message', (said: WorkerSays) => {
    if (said.kind === 'copied') copied.resolve(said.migrations);
    else if (said.kind === 'failed') fail(faultOf(said.errcode, said.message));
    else if (said.findings.length > 0) fail(snapshotFault('STORAGE_DAMAGED', {}, new Error(said.findings.join('; '))));
    else inspected.resolve({ migrations: said.migrations, tables: said.tables });
  });
  worker.on('error', (error) => fail(storageFault('STORAGE_BROKEN', {}, error)));
  worker.on('exit', () => fail(storageFault('STORAGE_BROKEN', {}, new Error('the copying thread ended early'))));
  return { copied: copied.promise, inspected: inspected.promise, end: async () => void (await worker.terminate()) };
}

const DAMAGED = new Set([11, 26]); // SQLITE_CORRUPT, SQLITE_NOTADB

function faultOf(errcode: number, message: string): Error {
  const error = Object.assign(new Error(message), { errcode });
  return DAMAGED.has(errcode & 0xff) ? snapshotFault('STORAGE_DAMAGED', {}, error) : sqliteFault(error);
}
