import { setTimeout as pause } from 'node:timers/promises';
import { seconds } from '../kernel/clock.ts';
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

/**
 * Does what only one may do at a time, over all processes and threads.
 *
 * @param patienceMs how long somebody else who does it is waited for
 * @throws BACKUP_RUNNING
 */
export async function underLease<T>(
  { storage, random, holder, onError }: LeaseDeps,
  name: string,
  patienceMs: number,
  work: () => Promise<T>,
): Promise<T> {
  const own = `${holder}.${random.bytes(4).toString('hex')}`;
  const take = () => storage.lease(name, own, LEASE_MS);
  let lease = await take();
  for (let left = patienceMs; lease === undefined && left > 0; left -= PAUSE_MS) {
    await pause(PAUSE_MS);
    lease = await take();
  }
  if (lease === undefined) throw backupFault('BACKUP_RUNNING');
  const renewing = setInterval(() => void take().catch(onError), LEASE_MS / 3).unref();
  try {
    return await work();
  } finally {
    clearInterval(renewing);
    await storage.release(lease).catch(onError);
  }
}
