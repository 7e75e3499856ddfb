import { setTimeout as sleep } from 'node:timers/promises';
import type { AuditEntry, AuditSink } from '../kernel/audit.ts';
import { epochMs } from '../kernel/brand.ts';
import { type Clock, days, seconds } from '../kernel/clock.ts';
import type { Actor } from '../kernel/principal.ts';
import type { Random } from '../kernel/random.ts';
import { platform, type Tx } from '../kernel/tx.ts';
import type { Storage } from '../storage/index.ts';
import { masterFault } from './master-errors.ts';
import { masterIdOf } from './master-key.ts';
import { FIXED_FILE } from './master-lack.ts';
import { type RewrapDeps, type Rewrapped, rewrapKeys } from './master-rewrap.ts';
import type { OpenMasters } from './masters.ts';
import type { MadeMaster, MasterKeyProvider } from './provider.ts';
import { masterStore } from './store-masters.ts';

/** How far a new master has come: announced to every process, keys wrapped anew, the old one retired, its place taken. */
export type RotationStep = 'announced' | 'rewrapping' | 'retired' | 'settled';

export interface MasterRotationDeps {
  readonly storage: Storage;
  readonly masters: OpenMasters;
  readonly provider: MasterKeyProvider;
  readonly audit: AuditSink;
  readonly clock: Clock;
  readonly random: Random;
  /** Who stands in the record for what is finished, or asked for by a setting, without anybody at hand. */
  readonly operator: Actor;
  readonly leadMs?: number | undefined;
  /** Waits; for real unless told. */
  readonly wait?: (ms: number) => Promise<unknown>;
  readonly onStep?: (step: RotationStep, keys: number) => void;
}

export interface MasterRotated extends Rewrapped {
  readonly from: string;
  readonly to: string;
}

/** Replaces the master key while everything goes on: the keys that it wraps are wrapped anew, what they seal is not. */
export interface MasterRotator {
  /**
   * Makes another master key and wraps every key by it.
   *
   * @throws VAULT_MASTER_ROTATING, VAULT_MASTER_FIXED, VAULT_PROVIDER_AWAY
   */
  rotate(by: Actor): Promise<MasterRotated>;
  /** Finishes what a stop has cut short, and does what a new setting asks for. A job of one process, every minute. */
  settle(): Promise<MasterRotated | undefined>;
}

const LEASE = 'vault.master';
const LEASE_MS = seconds(30);
const LEAD_MS = seconds(15);
const LATE_MS = days(1);

export function createMasterRotation(deps: MasterRotationDeps): MasterRotator {
  const { storage, masters, provider, clock, random, operator, leadMs = LEAD_MS, onStep = () => undefined } = deps;
  const isFixed = provider.kind === 'file' && storage.dialect !== 'sqlite';
  let isChecked = false;
  let isRefused = false;

  /** One at a time among all processes; a stopped one's lease runs out by itself. */
  async function alone<T>(work: (renew: () => Promise<void>) => Promise<T>): Promise<T | undefined> {
    const holder = random.bytes(8).toString('hex'); // anew for each: this process may not do it twice at once either
    const lease = await storage.lease(LEASE, holder, LEASE_MS);
    if (lease === undefined) return undefined;
    const renew = async (): Promise<void> => {
      const held = await storage.lease(LEASE, holder, LEASE_MS);
      if (held?.fence !== lease.fence) throw masterFault('VAULT_MASTER_ROTATING');
    };
    try {
      return await work(renew);
    } finally {
      await storage.release(lease).catch(() => undefined); // it runs out by itself
    }
  }

  async function announce(by: Actor): Promise<void> {
    // A new file lies on this machine alone: every other one could open nothing that is made from then on.
    if (isFixed) throw masterFault('VAULT_MASTER_FIXED', { reason: FIXED_FILE });
    const made = await nextOf(provider, masters);
    const row = { id: masterIdOf(made.bytes.reveal()), provider: provider.kind, wrapped: made.wrapped ?? null };
    await storage.write(platform, async (tx) => {
      const known = await masterStore.all(tx);
      const isSeen = known.some(({ id }) => id === row.id); // it was current once, and somebody may have had it since
      if (isSeen || known.filter(({ retired_at }) => retired_at === null).length > 1) {
        throw masterFault('VAULT_MASTER_ROTATING');
      }
      const after = Math.max(0, ...known.map(({ created_at }) => created_at)) + 1; // also where the clock was put back
      await masterStore.add(tx, row, epochMs(Math.max(clock.now(), after)));
      const facts = { from: masters.newest.id, to: row.id, provider: row.provider };
      await deps.audit.record(tx, entryOf(by, 'intended', facts));
    });
    await masters.learn();
    onStep('announced', 0);
  }

  async function finish(by: Actor, renew: () => Promise<void>): Promise<MasterRotated> {
    await awaitTurn(deps, masters.newest.created_at + leadMs, renew);
    const aim = { first: masters.known[0]?.id ?? '', target: masters.newest.id };
    const from =
      masters.known.findLast(({ id, retired_at }) => retired_at === null && id !== aim.target)?.id ?? aim.first;
    const walk: RewrapDeps = { storage, masters, aim, renew, onBatch: (keys) => onStep('rewrapping', keys) };
    const done = await rewrapKeys(walk, (tx, rewrapped) => retire(tx, by, { from, to: aim.target, ...rewrapped }));
    onStep('retired', done.keys);
    await masters.learn();
    provider.settle(aim.target);
    onStep('settled', done.keys);
    return { from, to: aim.target, ...done };
  }

  /** In the write that finds no key left under another: whoever wraps by an earlier one until then is seen by it. */
  async function retire(tx: Tx, by: Actor, done: MasterRotated): Promise<void> {
    const retired = await masterStore.retireOthers(tx, done.to, clock.now());
    if (retired > 0) await deps.audit.record(tx, entryOf(by, 'done', { ...done }));
  }

  /** A process that stood still during a rotation may have wrapped by the old master after all: that is found late. */
  async function isUnsettled(): Promise<boolean> {
    await masters.learn();
    const { known, newest } = masters;
    if (known.filter(({ retired_at }) => retired_at === null).length > 1) return true;
    const last = Math.max(0, ...known.map(({ retired_at }) => retired_at ?? 0));
    if (known.length === 1 || (isChecked && last + LATE_MS < clock.now())) return false;
    isChecked = true;
    const aim = { first: known[0]?.id ?? '', target: newest.id };
    return (await storage.read(platform, (tx) => masterStore.countOthers(tx, aim))) > 0;
  }

  return {
    rotate: async (by) => {
      const rotated = await alone(async (renew) => {
        await masters.learn();
        masters.assertLent(); // what is under a key that this process lacks, it could not wrap anew
        await announce(by);
        return finish(by, renew);
      });
      if (rotated === undefined) throw masterFault('VAULT_MASTER_ROTATING');
      return rotated;
    },
    settle: async () => {
      const unsettled = await isUnsettled();
      if (masters.isLacking) return undefined; // whoever holds it finishes
      if (unsettled) return alone((renew) => finish(operator, renew));
      if (!masters.isOutgrown) {
        provider.settle(masters.newest.id); // a stop may have come between the last write and the rename
        return undefined;
      }
      if (isFixed && isRefused) return undefined; // said once, not every minute
      isRefused = isFixed;
      return alone(async (renew) => {
        await announce(operator);
        return finish(operator, renew);
      });
    },
  };
}

/** The environment has handed its next one in already; the others make theirs. */
async function nextOf(provider: MasterKeyProvider, masters: OpenMasters): Promise<MadeMaster> {
  const [ready] = provider.held();
  return provider.kind === 'environment' && masters.isOutgrown && ready !== undefined
    ? { bytes: ready }
    : provider.make();
}

/** Until every process has had the time to learn of the new master. */
async function awaitTurn({ clock, wait = sleep }: MasterRotationDeps, at: number, renew: () => Promise<void>) {
  while (clock.now() < at) {
    await renew();
    await wait(Math.min(at - clock.now(), LEASE_MS / 3));
  }
}

function entryOf(by: Actor, outcome: AuditEntry['outcome'], facts: AuditEntry['facts']): AuditEntry {
  return { action: 'vault.master_rotated', outcome, ...by, facts };
}
