import type { Scope, Tx } from '../kernel/tx.ts';
import { storageFault } from './errors.ts';
import { type Connection, sqliteFault } from './sqlite-connection.ts';

/** The one writer: what arrives in the same turn of the event loop shares one commit and one disk sync. */
export interface Writer {
  write<T>(scope: Scope, work: (tx: Tx) => Promise<T>): Promise<T>;
  /** Resolves when everything accepted so far has been answered; nothing more is accepted. */
  close(): Promise<void>;
}

interface Job {
  readonly scope: Scope;
  readonly work: (tx: Tx) => Promise<unknown>;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

interface Done {
  readonly job: Job;
  readonly value: unknown;
  readonly effects: readonly (() => void)[];
}

const MAX_QUEUE = 20_000;
const MAX_GROUP = 512;

/**
 * @param sync makes the last commit durable; commits made while it runs share the next one.
 */
export function createWriter(connection: Connection, sync: () => Promise<void>): Writer {
  const queue: Job[] = [];
  let scheduled = false;
  let closed = false;
  let broken: unknown; // after a failed sync nobody knows what is on the disk, so nothing more is acknowledged
  let unsynced: Done[] = [];
  let syncing = false;
  let idle: (() => void) | undefined;

  const write = <T>(scope: Scope, work: (tx: Tx) => Promise<T>): Promise<T> =>
    new Promise<T>((resolve, reject) => {
      if (closed || broken !== undefined) return reject(storageFault('STORAGE_UNAVAILABLE', {}, broken));
      if (queue.length >= MAX_QUEUE) return reject(storageFault('STORAGE_BUSY'));
      queue.push({ scope, work, resolve: (value) => resolve(value as T), reject }); // the value is work's own
      schedule();
    });

  function schedule(): void {
    if (scheduled || queue.length === 0) return;
    scheduled = true;
    setImmediate(() => {
      void runGroup(connection, queue.splice(0, MAX_GROUP)).then((done) => {
        scheduled = false;
        unsynced.push(...done);
        void settle();
        schedule();
        if (isIdle()) idle?.();
      });
    });
  }

  async function settle(): Promise<void> {
    if (syncing) return;
    syncing = true;
    while (unsynced.length > 0) {
      const group = unsynced;
      unsynced = [];
      try {
        await sync();
        for (const { job, value, effects } of group) {
          for (const effect of effects) effect();
          job.resolve(value);
        }
      } catch (error) {
        broken = error;
        for (const { job } of [...group, ...unsynced]) job.reject(storageFault('STORAGE_UNAVAILABLE', {}, error));
        unsynced = [];
      }
    }
    syncing = false;
    if (isIdle()) idle?.();
  }

  const isIdle = (): boolean => queue.length === 0 && !scheduled && !syncing;

  return {
    write,
    close: () => {
      closed = true;
      return isIdle() ? Promise.resolve() : new Promise((resolve) => (idle = resolve));
    },
  };
}

/** Runs jobs as savepoints of one transaction and commits; answers those that failed, returns those that did not. */
async function runGroup(connection: Connection, jobs: readonly Job[]): Promise<readonly Done[]> {
  const done: Done[] = [];
  const alarm = createAlarm();
  try {
    connection.step('begin immediate');
    for (const job of jobs) {
      const kept = await runJob(connection, job, alarm);
      if (kept !== undefined) done.push(kept);
      if (!connection.db.isTransaction) throw storageFault('STORAGE_FULL'); // SQLite gave up the whole group
    }
    connection.step('commit');
    return done;
  } catch (error) {
    if (connection.db.isTransaction) connection.exec('rollback');
    for (const job of jobs) job.reject(sqliteFault(error)); // those that failed by themselves have their answer already
    return [];
  } finally {
    alarm.clear();
  }
}

async function runJob(connection: Connection, job: Job, alarm: Alarm): Promise<Done | undefined> {
  const { tx, effects, end } = connection.open(job.scope, 'write');
  connection.step('savepoint job');
  try {
    const value = await Promise.race([job.work(tx), alarm.rang()]);
    connection.step('release job');
    return { job, value, effects };
  } catch (error) {
    if (connection.db.isTransaction) connection.exec('rollback to job; release job');
    job.reject(error);
    return undefined;
  } finally {
    end();
  }
}

/**
 * A group runs in microtasks only, for every call of its `tx` is done before it returns. If a later turn of the event
 * loop finds the group still open, a job waits for something else and would hold up every other write.
 */
interface Alarm {
  rang(): Promise<never>;
  clear(): void;
}

function createAlarm(): Alarm {
  let ring: (error: Error) => void;
  let bell: Promise<never>;
  let timer: NodeJS.Immediate;
  const set = (): void => {
    bell = new Promise<never>((_, reject) => {
      ring = reject;
    });
    bell.catch(() => undefined); // nobody may be waiting
    timer = setImmediate(() => {
      ring(storageFault('STORAGE_WAITED'));
      set();
    });
  };
  set();
  return { rang: () => bell, clear: () => clearImmediate(timer) };
}
