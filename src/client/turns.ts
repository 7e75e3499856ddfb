import { here, type KeyValue, pause, wallClock } from './environment.ts';

/** Lets one of all tabs work at a time. */
export type Turns = <T>(work: () => Promise<T>) => Promise<T>;

const LEASE_MS = 30_000;
const SETTLE_MS = 40;

/**
 * By the Web Locks API, which lets go when a tab dies; where there is none (a page over plain http), by a lease in the
 * shared storage; and where nothing is shared there is nobody to wait for.
 */
export function createTurns(name: string, shared: KeyValue | undefined): Turns {
  const locks = here.navigator?.locks;
  if (locks !== undefined) return (work) => locks.request(name, () => settled(work));
  return shared === undefined ? (work) => work() : (work) => leased(shared, `${name}:lease`, work);
}

/** The lock may pass on sooner than what its last holder stored reaches this tab's process: so wait for it first. */
async function settled<T>(work: () => Promise<T>): Promise<T> {
  await pause(SETTLE_MS);
  return work();
}

/**
 * A lease is taken when what was written still stands a moment later: storage knows no compare-and-set. Should two tabs
 * both believe to have it, both refresh, and the server gives the second the answer of the first.
 */
export async function leased<T>(store: KeyValue, key: string, work: () => Promise<T>): Promise<T> {
  const owner = `${performance.timeOrigin}-${performance.now()}`; // unlike any other tab's, and no secret
  const givingUp = wallClock() + LEASE_MS;
  while (wallClock() < givingUp) {
    if (leaseIn(store.getItem(key)) > wallClock()) {
      await pause(SETTLE_MS);
      continue;
    }
    store.setItem(key, `${wallClock() + LEASE_MS} ${owner}`);
    await pause(SETTLE_MS);
    if (store.getItem(key)?.endsWith(` ${owner}`)) break;
  }
  try {
    return await work();
  } finally {
    if (store.getItem(key)?.endsWith(` ${owner}`)) store.removeItem(key);
  }
}

/** Until when somebody has it; one that claims to be for longer than any was planted. */
function leaseIn(text: string | null): number {
  const until = Number.parseFloat(text ?? '0');
  return until <= wallClock() + LEASE_MS ? until : 0;
}
