import type { AuditSink } from '../kernel/audit.ts';
import { type EpochMs, epochMs } from '../kernel/brand.ts';
import type { Clock } from '../kernel/clock.ts';
import type { Actor } from '../kernel/principal.ts';
import type { Random } from '../kernel/random.ts';
import { type Json, platform } from '../kernel/tx.ts';
import type { Storage } from '../storage/index.ts';
import { vaultFault } from './errors.ts';
import { masterIdOf } from './master-key.ts';
import type { MasterRotator } from './master-rotation.ts';
import type { MadeShares, MasterActs } from './master-routes.ts';
import type { OpenMasters } from './masters.ts';
import { parseShare } from './share-text.ts';
import { type Splitting, splitMaster } from './shares.ts';
import { masterStore } from './store-masters.ts';

export interface MasterActDeps {
  readonly storage: Storage;
  readonly masters: OpenMasters;
  readonly rotator: MasterRotator;
  readonly audit: AuditSink;
  readonly clock: Clock;
  readonly random: Random;
}

/** What an administrator does with the master key. */
export function createMasterActs(deps: MasterActDeps): MasterActs {
  const { masters, rotator } = deps;
  return {
    rotate: async (by) => {
      const { from, to, keys } = await rotator.rotate(by);
      return { oldMaster: from, newMaster: to, keys };
    },
    makeShares: (wish, by) => makeShares(deps, wish, by),
    confirmShares: (set, by) => confirmShares(deps, set, by),
    status: async () => {
      await masters.learn();
      const { id, shares } = masters.newest;
      const inUse = masters.known.filter(({ retired_at }) => retired_at === null).map((known) => known.id);
      const earlier = inUse.filter((one) => one !== id);
      return { id, ...masters.state, earlier, shares: confirmedOf(shares) };
    },
  };
}

type Marked = Splitting & { readonly at: EpochMs };

/**
 * They leave only when it is on record that they did. The key does not count as one with a second copy by that: on their
 * way they may be lost, and nobody would be warned any more. `confirmShares` says that they arrived.
 *
 * @throws VAULT_SHARES, VAULT_PROVIDER_AWAY
 */
async function makeShares(
  { storage, masters, audit, clock, random }: MasterActDeps,
  { threshold, count }: Splitting,
  by: Actor,
): Promise<MadeShares> {
  const bytes = masters.bytes();
  const texts = await splitMaster(bytes, { threshold, count }, random);
  const { set } = parseShare(texts[0] ?? '', 'the first share');
  const id = masterIdOf(bytes.reveal());
  await storage.write(platform, async (tx) => {
    const stored = (await masterStore.all(tx)).find((one) => one.id === id)?.shares ?? null;
    const made = { set, threshold, count, at: clock.now() };
    await masterStore.markShares(tx, id, { ...confirmedOf(stored), made });
    const facts = { master: id, threshold, count, set };
    await audit.record(tx, { action: 'vault.shares_made', outcome: 'done', ...by, facts });
  });
  return { set, texts };
}

/** Called again it says the same again: the answer to the first time may have been lost. @throws VAULT_SHARES */
async function confirmShares({ storage, audit }: MasterActDeps, set: string, by: Actor): Promise<void> {
  await storage.write(platform, async (tx) => {
    const master = (await masterStore.all(tx)).find(({ shares }) => madeOf(shares)?.set === set);
    const made = master && madeOf(master.shares);
    if (master === undefined || made === undefined) throw vaultFault('VAULT_SHARES', { reason: NOT_LAST });
    if (master.retired_at !== null) throw vaultFault('VAULT_SHARES', { reason: RETIRED });
    const { threshold, count, at } = made;
    await masterStore.markShares(tx, master.id, { threshold, count, at, made: { set, threshold, count, at } });
    const facts = { master: master.id, threshold, count, set };
    await audit.record(tx, { action: 'vault.shares_confirmed', outcome: 'done', ...by, facts });
  });
}

const NOT_LAST = 'no such shares were made, or others were made since';
const RETIRED = 'the master key that they give was replaced since; make others';

/** As the store has them: `made` was made last, and may have reached nobody; beside it stands what did. */
function confirmedOf(stored: Json): Marked | null {
  const { threshold, count, at } = Object(stored);
  return Number.isSafeInteger(at) ? { threshold: Number(threshold), count: Number(count), at: epochMs(at) } : null;
}

function madeOf(stored: Json): (Marked & { readonly set: string }) | undefined {
  const { made } = Object(stored);
  const marked = confirmedOf(made ?? null);
  return marked === null ? undefined : { ...marked, set: String(Object(made).set) };
}
