import {
  equalBytes,
  extendFrontier,
  type Frontier,
  frontierOf,
  frontierRoot,
  hashLeaf,
  signCheckpoint,
  verifyCheckpoint,
} from '../crypto/index.ts';
import { type Clock, rfc3339, seconds } from '../kernel/clock.ts';
import { platform, type Tx } from '../kernel/tx.ts';
import type { Storage } from '../storage/index.ts';
import { auditFault } from './errors.ts';
import type { HeadGuard } from './head.ts';
import type { LogKey } from './signing-key.ts';
import { auditStore, type CheckpointRow } from './store.ts';

export interface IntegratorDeps {
  readonly storage: Storage;
  readonly key: LogKey;
  readonly guard: HeadGuard;
  readonly clock: Clock;
  /** Names this process as the holder of the lease. */
  readonly holder: string;
  readonly onError: (error: unknown) => void;
}

/** Gives committed entries their numbers, hashes them into the tree and signs what it then holds. */
export interface Integrator {
  /** Takes up all that is committed now. @returns the size of the tree */
  integrate(): Promise<number>;
  start(): void;
  stop(): Promise<void>;
}

const EVERY_MS = seconds(0.5); // so that a checkpoint stands within a second of its entries
const LEASE_MS = seconds(5);
const BATCH = 256; // numbered in one write: a larger one would hold up the event loop for longer than a request takes
const HASH_BYTES = 32;

/** Subtree roots of this many levels are kept; what lies between is hashed again from at most 255 of them. */
export const NODE_LEVELS = 8;

export function createIntegrator({ storage, key, guard, clock, holder, onError }: IntegratorDeps): Integrator {
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<unknown> = Promise.resolve();

  let current: Promise<number> = Promise.resolve(0);
  let next: Promise<number> | undefined;

  /**
   * One after the other: of two at once the later may have read the log before the earlier signed more of it, and would
   * take it for one that was cut. Whoever comes while one runs shares the next one with all others.
   */
  function integrate(): Promise<number> {
    next ??= current
      .catch(() => undefined) // it was told to whoever asked for that one
      .then(() => {
        current = next ?? current;
        next = undefined;
        return takeUpAll();
      });
    return next;
  }

  async function takeUpAll(): Promise<number> {
    let kept: Promise<void> | undefined;
    for (;;) {
      const { size, more, note } = await storage.write(platform, (tx) => takeUp(tx));
      // The checkpoint is kept already; a file that can't be written now is written after the next one.
      if (note !== undefined) kept = guard.signed(note).catch(onError);
      if (more) continue;
      await kept; // the newest of them, and so all
      return size;
    }
  }

  /** One batch. It starts from what the database says, so it may run twice, and anywhere. */
  async function takeUp(tx: Tx): Promise<{ size: number; more: boolean; note?: string }> {
    const last = await auditStore.lastCheckpoint(tx);
    const before = frontierIn(last);
    const entries = await auditStore.unnumbered(tx, BATCH);
    if (entries.length === 0) return { size: before.size, more: false };
    if (last !== undefined && !isSigned(last, before)) throw auditFault('AUDIT_LOG_ALTERED');
    guard.assertContinues({ size: before.size, root: frontierRoot(before) });

    const leaves = entries.map(({ body }) => hashLeaf(Buffer.from(body)));
    await Promise.all(
      entries.map(({ id }, at) => auditStore.number(tx, id, before.size + at, leaves[at] ?? Buffer.alloc(0))),
    );
    const { frontier, completed } = extendFrontier(before, leaves);
    const kept = completed.filter(({ level }) => level > 0 && level % NODE_LEVELS === 0);
    await auditStore.addNodes(
      tx,
      kept.map(({ level, index, hash }) => ({ level, idx: index, hash })),
    );
    const checkpoint = checkpointOf(frontier);
    await auditStore.addCheckpoint(tx, checkpoint);
    return { size: frontier.size, more: entries.length === BATCH, note: checkpoint.note };
  }

  /** Whoever can write the database must not get our signature under a history of their own making. */
  function isSigned({ note }: CheckpointRow, { size, roots }: Frontier): boolean {
    const signed = verifyCheckpoint(note, key.publicKey, key.keyName);
    return signed?.size === size && equalBytes(signed.root, frontierRoot({ size, roots }));
  }

  function checkpointOf(frontier: Frontier): CheckpointRow {
    const at = clock.now();
    const head = { origin: key.keyName, size: frontier.size, root: frontierRoot(frontier), extra: [rfc3339(at)] };
    const note = signCheckpoint(head, key.privateKey, key.keyName);
    return { size: frontier.size, at, frontier: Buffer.concat(frontier.roots), note };
  }

  /** On PostgreSQL several processes share a log: the lease spares them from doing the same work at once. */
  async function turn(): Promise<void> {
    try {
      if (storage.dialect === 'postgres') {
        const lease = await storage.lease('audit.integrator', holder, LEASE_MS);
        if (lease === undefined) return;
      }
      await integrate();
    } catch (error) {
      onError(error); // the entries stay where they are; the next turn takes them up
    }
  }

  return {
    integrate,
    start: () => {
      const next = (): void => {
        running = turn().finally(() => {
          if (timer !== undefined) timer = setTimeout(next, EVERY_MS).unref();
        });
      };
      timer = setTimeout(next, EVERY_MS).unref();
    },
    stop: async () => {
      clearTimeout(timer);
      timer = undefined;
      await running;
      await turn(); // nothing stays unsigned over a planned stop
    },
  };
}

/** The frontier that a checkpoint carries; the empty one before the first. */
function frontierIn(row: CheckpointRow | undefined): Frontier {
  if (row === undefined) return frontierOf(0, []);
  const roots: Uint8Array[] = [];
  for (let at = 0; at < row.frontier.length; at += HASH_BYTES) roots.push(row.frontier.subarray(at, at + HASH_BYTES));
  return frontierOf(row.size, roots);
}
