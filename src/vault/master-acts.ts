import type { AuditSink } from '../kernel/audit.ts';
import { type EpochMs, epochMs } from '../kernel/brand.ts';
import type { Clock } from '../kernel/clock.ts';
import type { Actor } from '../kernel/principal.ts';
import type { Random } from '../kernel/random.ts';
import { type Json, platform } from '../kernel/tx.ts';
import type { Storage } from '../storage/index.ts';
import { masterIdOf } from './master-key.ts';
import type { MasterRotator } from './master-rotation.ts';
import type { MasterActs } from './master-routes.ts';
import type { OpenMasters } from './masters.ts';
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
    status: async () => {
      await masters.learn();
      const { id, shares } = masters.newest;
      return { id, ...masters.state, shares: sharesOf(shares) };
    },
  };
}

/** They leave only when it is on record that they did. @throws VAULT_SHARES, VAULT_PROVIDER_AWAY */
async function makeShares(
  { storage, masters, audit, clock, random }: MasterActDeps,
  { threshold, count }: Splitting,
  by: Actor,
): Promise<readonly string[]> {
  const bytes = masters.bytes();
  const texts = await splitMaster(bytes, { threshold, count }, random);
  const id = masterIdOf(bytes.reveal());
  await storage.write(platform, async (tx) => {
    await masterStore.markShares(tx, id, { threshold, count, at: clock.now() });
    const facts = { master: id, threshold, count };
    await audit.record(tx, { action: 'vault.shares_made', outcome: 'done', ...by, facts });
  });
  return texts;
}

function sharesOf(stored: Json): (Splitting & { readonly at: EpochMs }) | null {
  if (stored === null || typeof stored !== 'object') return null;
  const { threshold, count, at } = { threshold: 0, count: 0, at: 0, ...stored };
  return { threshold: Number(threshold), count: Number(count), at: epochMs(Number(at)) };
}
