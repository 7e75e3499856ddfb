import type { Scope, Tx } from '../kernel/tx.ts';
import { storageFault } from './errors.ts';
import { type Connection, sqliteFault } from './sqlite-connection.ts';
import type { Turn } from './turn-threads.ts';

/** The one writer: what arrives in the same turn of the event loop shares one commit and one disk sync. */
export interface Writer {
  write<T>(scope: Scope, work: (tx: Tx) => Promise<T>): Promise<T>;
  /** Runs `act` when no write is under way in this thread, and no commit in any other. @throws STORAGE_UNAVAILABLE */
  between<T>(act: () => T): Promise<T>;
  /** @throws STORAGE_UNAVAILABLE once it takes nothing more: it was closed, or a sync has failed */
  probe(): void;
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
const MAX_GROUP_MS = 10; // a group stops the event loop, so the next one begins after others had their turn

export interface WriterDeps {
  readonly connection: Connection;
  /** Makes the last commit durable. */
  readonly sync: () => Promise<void>;
  /** Where other threads of this process write to the same file: a group runs only in its turn. */
  readonly turn?: Turn | undefined;
  /** Hears of effects that threw: what they belong to is kept all the same. */
  readonly onError: (error: unknown) => void;
  /** Hears of a group that was committed but not synced: it can be read, and none of its effects has run. */
  readonly onDoubt?: (() => void) | undefined;
}

/**
 * Runs one group at a time: savepoints, one commit, one sync, then the answers. What arrives while a group is synced
 * becomes the next one, so the busier the writer, the larger its groups.
 */
export function createWriter({ connection, sync, turn, onError, onDoubt }: WriterDeps): Writer {
  const queue: Job[] = [];
  const acts: (() => void)[] = [];
  let working = false;
  let closed = false;
  let broken: unknown; // after a failed sync nobody knows what is on the disk, so nothing more is acknowledged
  let idle: (() => void) | undefined;

  const probe = (): void => {
    if (closed || broken !== undefined || turn?.condemned() === true)
      throw storageFault('STORAGE_UNAVAILABLE', {}, broken);
  };

  const write = <T>(scope: Scope, work: (tx: Tx) => Promise<T>): Promise<T> =>
    new Promise<T>((resolve, reject) => {
      probe();
      if (queue.length >= MAX_QUEUE) return reject(storageFault('STORAGE_BUSY'));
      queue.push({ scope, work, resolve: (value) => resolve(value as T), reject }); // the value is work's own
      schedule();
    });

  const between = <T>(act: () => T): Promise<T> =>
    new Promise<T>((resolve, reject) => {
      probe();
      if (acts.length >= MAX_QUEUE) return reject(storageFault('STORAGE_BUSY'));
      acts.push(() => attemptAct(act, resolve, reject));
      schedule();
    });

  function schedule(): void {
    if (working) return;
    working = true;
    setImmediate(() => void workOff());
  }

  async function workOff(): Promise<void> {
    await answer(await nextGroup());
    working = false;
    if (queue.length > 0 || acts.length > 0) schedule();
    else idle?.();
  }

  /** The turn is given back before the sync: what the others commit meanwhile lies behind it in the same log. */
  async function nextGroup(): Promise<readonly Done[]> {
    if (turn === undefined) return runTurn();
    await turn.take();
    try {
      return await runTurn();
    } finally {
      turn.give();
    }
  }

  function runTurn(): Promise<readonly Done[]> {
    for (const act of acts.splice(0)) act();
    return queue.length === 0 ? Promise.resolve([]) : runGroup(connection, queue);
  }

  async function answer(group: readonly Done[]): Promise<void> {
    try {
      if (group.length > 0) await sync();
      if (turn?.condemned() === true) throw new Error('a sync failed in another thread'); // ours may stand on what it lost
    } catch (error) {
      broken = error;
      turn?.condemn();
      onDoubt?.(); // before anybody is answered
      for (const { reject } of [...group.map(({ job }) => job), ...queue.splice(0)]) {
        reject(storageFault('STORAGE_UNAVAILABLE', {}, error));
      }
      return;
    }
    for (const { job, value, effects } of group) {
      for (const effect of effects) attemptEffect(effect, onError);
      job.resolve(value);
    }
  }

  return {
    write,
    between,
    probe,
    close: () => {
      closed = true;
      return working ? new Promise((resolve) => (idle = resolve)) : Promise.resolve();
    },
  };
}

function attemptAct<T>(act: () => T, resolve: (value: T) => void, reject: (error: unknown) => void): void {
  try {
    resolve(act());
  } catch (error) {
    reject(sqliteFault(error));
  }
}

function attemptEffect(effect: () => void, onError: (error: unknown) => void): void {
  try {
    effect();
  } catch (error) {
    onError(error);
  }
}

/** Runs jobs as savepoints of one transaction and commits; answers those that failed, returns those that did not. */
async function runGroup(connection: Connection, queue: Job[]): Promise<readonly Done[]> {
  const taken: Job[] = [];
  const done: Done[] = [];
  const alarm = createAlarm();
  const end = performance.now() + MAX_GROUP_MS;
  try {
    connection.step('begin immediate');
    for (let job = queue.shift(); job !== undefined; job = queue.shift()) {
      taken.push(job);
      const kept = await runJob(connection, job, alarm);
      if (kept !== undefined) done.push(kept);
      if (!connection.db.isTransaction) throw storageFault('STORAGE_FULL'); // SQLite gave up the whole group
      if (taken.length >= MAX_GROUP || performance.now() > end) break;
    }
    connection.step('commit');
    return done;
  } catch (error) {
    if (connection.db.isTransaction) connection.exec('rollback');
    if (taken.length === 0) taken.push(...queue.splice(0)); // not even begun: whoever waits would wait for ever
    for (const job of taken) job.reject(sqliteFault(error)); // those that failed by themselves have their answer already
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
