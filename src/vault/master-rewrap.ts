import { isFault } from '../kernel/errors.ts';
import { platform, type Tx } from '../kernel/tx.ts';
import type { Storage } from '../storage/index.ts';
import type { MasterKeys } from './masters.ts';
import { aadOf } from './place.ts';
import { type Aim, masterStore } from './store-masters.ts';

export interface RewrapDeps {
  readonly storage: Storage;
  readonly masters: MasterKeys;
  readonly aim: Aim;
  /** Called between batches. */
  readonly renew: () => Promise<void>;
  readonly onBatch: (keys: number) => void;
}

export interface Rewrapped {
  /** How many keys were wrapped anew. */
  readonly keys: number;
  /** How many did not open under the master that they name; they stay as they are. */
  readonly unreadable: number;
}

interface Wrapped {
  readonly wrapped: Uint8Array;
  readonly master: string | null;
}

/** Where a pass stands: the last key that it looked at, and what it has done. */
interface Pass {
  readonly keys: number;
  readonly unreadable: number;
  readonly isOver: boolean;
}

const BATCH = 200;
const MOST_PASSES = 100;

/**
 * Wraps every data key and named key by the master `aim.target`, batch by batch; writers go on meanwhile, and what they
 * add under an earlier master is found by another pass.
 *
 * @param seal runs inside the write that finds nothing left under another master
 * @throws VAULT_PROVIDER_AWAY
 */
export async function rewrapKeys(
  deps: RewrapDeps,
  seal: (tx: Tx, done: Rewrapped) => Promise<void>,
): Promise<Rewrapped> {
  let keys = 0;
  for (let pass = 0; pass < MOST_PASSES; pass++) {
    const data = await passOver(deps, { tenant: '', version: '' }, dataBatch, keys);
    const named = await passOver(deps, { purpose: '', name: '' }, namedBatch, keys + data.keys);
    keys += data.keys + named.keys;
    const done = { keys, unreadable: data.unreadable + named.unreadable };
    const isLast = await deps.storage.write(platform, async (tx) => {
      if ((await masterStore.countOthers(tx, deps.aim)) > done.unreadable) return false;
      await seal(tx, done);
      return true;
    });
    if (isLast) return done;
  }
  throw new Error('keys are added under an earlier master faster than they are wrapped anew');
}

type Batch<Place> = (tx: Tx, deps: RewrapDeps, after: Place) => Promise<{ readonly done: Pass; readonly after: Place }>;

async function passOver<Place>(deps: RewrapDeps, start: Place, batch: Batch<Place>, before: number) {
  let [keys, unreadable, after] = [0, 0, start];
  for (;;) {
    await deps.renew();
    const { done, after: next } = await deps.storage.write(platform, (tx) => batch(tx, deps, after));
    keys += done.keys;
    unreadable += done.unreadable;
    after = next;
    deps.onBatch(before + keys);
    if (done.isOver) return { keys, unreadable };
  }
}

const dataBatch: Batch<{ readonly tenant: string; readonly version: string }> = async (tx, deps, after) => {
  const { target } = deps.aim;
  const rows = await masterStore.dataKeys(tx, after, deps.aim, BATCH);
  const done = await rewrapAll(rows, async (row) => {
    const next = again(deps, row, aadOf('data-key', row.tenant, row.version));
    if (next !== undefined) await masterStore.replaceDataKey(tx, row, { next, target });
    return next !== undefined;
  });
  return { done, after: rows.at(-1) ?? after };
};

const namedBatch: Batch<{ readonly purpose: string; readonly name: string }> = async (tx, deps, after) => {
  const { target } = deps.aim;
  const rows = await masterStore.namedKeys(tx, after, deps.aim, BATCH);
  const done = await rewrapAll(rows, async (row) => {
    const next = again(deps, row, aadOf(`${row.purpose}-key`, row.name));
    if (next !== undefined) await masterStore.replaceNamedKey(tx, row, { next, target });
    return next !== undefined;
  });
  return { done, after: rows.at(-1) ?? after };
};

async function rewrapAll<Row>(rows: readonly Row[], one: (row: Row) => Promise<boolean>): Promise<Pass> {
  let keys = 0;
  for (const row of rows) if (await one(row)) keys += 1;
  return { keys, unreadable: rows.length - keys, isOver: rows.length < BATCH };
}

/** A damaged key opens nothing under any master: it must not keep all others under the old one. */
function again({ masters, aim }: RewrapDeps, { wrapped, master }: Wrapped, aad: Buffer): Buffer | undefined {
  const from = masters.of(master);
  let key: Buffer;
  try {
    key = from.unwrap(wrapped, aad);
  } catch (error) {
    if (isFault(error, 'VAULT_MASTER_KEY')) return undefined;
    throw error;
  }
  const next = masters.of(aim.target).wrap(key, aad);
  key.fill(0);
  return next;
}
