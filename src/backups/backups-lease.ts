import { setTimeout as pause } from 'node:timers/promises';
import { seconds } from '../kernel/clock.ts';
import { isFault } from '../kernel/errors.ts';
import type { Random } from '../kernel/random.ts';
import type { Storage } from '../storage/index.ts';
import { backupFault } from './errors.ts';

export interface LeaseDeps {
  readonly storage: Storage;
  readonly random: Random;
  /** Names this process among those that share a database. */
  readonly holder: string;
  readonly onError: (error: unknown) => void;
}

const LEASE_MS = seconds(15);
const PAUSE_MS = 100;

/** Whether the lease is still ours: a process that stood still for longer may find that somebody else has begun. */
export type IsOurs = () => Promise<boolean>;

/**
 * Does what only one may do at a time, over all processes and threads.
 *
 * @param patienceMs how long somebody else who does it is waited for
 * @throws BACKUP_RUNNING, also where the work failed because somebody else has begun it meanwhile
 */
export async function underLease<T>(
  { storage, random, holder, onError }: LeaseDeps,
  name: string,
  patienceMs: number,
  work: (isOurs: IsOurs) => Promise<T>,
): Promise<T> {
  const own = `${holder}.${random.bytes(4).toString('hex')}`;
  const take = () => storage.lease(name, own, LEASE_MS);
  let lease = await take();
  for (let left = patienceMs; lease === undefined && left > 0; left -= PAUSE_MS) {
    await pause(PAUSE_MS);
    lease = await take();
  }
  if (lease === undefined) throw backupFault('BACKUP_RUNNING');
  let last = lease;
  const { fence } = lease;
  const isOurs: IsOurs = async () => {
    const now = await take();
    last = now ?? last; // one that was lost and taken anew has to be released too
    return now?.fence === fence;
  };
  const renewing = setInterval(() => void isOurs().catch(onError), LEASE_MS / 3).unref();
  try {
    return await work(isOurs);
  } catch (error) {
    const isTold = isFault(error) && error.code.startsWith('BACKUP_');
    if (isTold || (await isOurs().catch(() => true))) throw error;
    throw backupFault('BACKUP_RUNNING', {}, error); // whoever took over has cleared away what this one had written
  } finally {
    clearInterval(renewing);
    await storage.release(last).catch(onError);
  }
}
