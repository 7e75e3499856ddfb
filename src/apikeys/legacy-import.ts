import type { AuditSink } from '../kernel/audit.ts';
import { apiKeyId, type EpochMs, type TenantId } from '../kernel/brand.ts';
import type { Clock } from '../kernel/clock.ts';
import { type Actor, nameOf } from '../kernel/principal.ts';
import { newUuid, type Random } from '../kernel/random.ts';
import { inTenant, type Tx } from '../kernel/tx.ts';
import type { Storage } from '../storage/index.ts';
import { importFault, readLegacyKeys } from './legacy-file.ts';
import { type LegacyPlan, planOf, type Wanted } from './legacy-plan.ts';
import { type NewKey, refusalsOf } from './legacy-room.ts';
import { type ApiKey, apiKeyStore } from './store.ts';
import { legacyStore } from './store-legacy.ts';

/** Asked of the access room, in the write: nobody gives a key rights that they lack. */
export type AssertMayGive = (tx: Tx, actor: Actor, tenantId: TenantId, permissions: readonly string[]) => Promise<void>;

export interface LegacyWish {
  /** Of keys that are new; those that are here already keep theirs, unless `replace` says otherwise. */
  readonly scopes: readonly string[];
  /** Names where the keys come from, and stays the same from import to import. */
  readonly source: string;
  /**
   * `true` ends all keys that the file no longer has. `'source'` makes the file the whole truth about this source alone:
   * its keys that the file no longer has end, those that stay get these scopes, and what cannot be added is skipped, so
   * that no other tenant can keep a server from starting. Keys that came from elsewhere stay as they are.
   */
  readonly replace?: boolean | 'source' | undefined;
}

export interface LegacyCounts {
  readonly added: number;
  readonly kept: number;
  readonly ended: number;
  /** Of the file, but ended here by hand: they stay ended. */
  readonly revoked: number;
  /** Of the kept: those that got the scopes of this import. */
  readonly rescoped: number;
  /** Of the kept: those that have other scopes than this import names, and keep them. */
  readonly otherScopes: number;
  /** Prefixes with keys that were left out, where `replace` is `'source'`; else those stop the import. */
  readonly skipped: readonly string[];
}

export interface LegacyImportDeps {
  readonly storage: Storage;
  readonly audit: AuditSink;
  readonly clock: Clock;
  readonly random: Random;
  /** Called in the write: what is cached of legacy keys is no longer so. */
  readonly onChange: (tx: Tx) => void;
}

export type LegacyImport = (
  actor: Actor,
  tenantId: TenantId,
  file: string | object,
  wish: LegacyWish,
  assertMayGive: AssertMayGive,
) => Promise<LegacyCounts>;

/** Takes legacy keys over; a second time it changes nothing, and records nothing. */
export function createLegacyImport({ storage, audit, clock, random, onChange }: LegacyImportDeps): LegacyImport {
  /** @returns the prefixes of those that could not be added */
  async function add(tx: Tx, actor: Actor, tenantId: TenantId, missing: readonly Wanted[], wish: LegacyWish) {
    const added = missing.map((entry) => ({ ...entry, id: apiKeyId(newUuid(clock, random)), source: wish.source }));
    const refused = await refusalsOf(tx, tenantId, added);
    if (refused.size > 0 && wish.replace !== 'source')
      throw importFault([...refused].map(([{ prefix: at }, reason]) => ({ at, reason })));
    for (const { id } of refused.keys()) await legacyStore.remove(tx, tenantId, id);
    const [createdBy, now] = [nameOf(actor.principal), clock.now()];
    const good = added.filter((entry) => !refused.has(entry));
    await apiKeyStore.addLegacy(
      tx,
      good.map((entry) => keyOf(entry, wish.scopes, createdBy, now)),
    );
    return { added: good.length, skipped: [...new Set([...refused.keys()].map(({ prefix }) => prefix))] };
  }

  /** Ends before it adds: a prefix has room for the keys that stand in the place of others. */
  async function carryOut(tx: Tx, actor: Actor, tenantId: TenantId, plan: LegacyPlan, wish: LegacyWish) {
    for (const { id } of plan.gone) await apiKeyStore.end(tx, tenantId, id, clock.now());
    for (const { id } of plan.rescoped) await apiKeyStore.rescope(tx, id, wish.scopes);
    for (const { id } of plan.claimed) await legacyStore.claim(tx, tenantId, id, wish.source);
    return plan.missing.length > 0 ? add(tx, actor, tenantId, plan.missing, wish) : { added: 0, skipped: [] };
  }

  return async (actor, tenantId, file, given, assertMayGive) => {
    const entries = readLegacyKeys(file);
    const wish = { ...given, scopes: [...new Set(given.scopes)] };
    return storage.write(inTenant(tenantId), async (tx) => {
      await assertMayGive(tx, actor, tenantId, wish.scopes);
      const plan = await planOf(tx, tenantId, entries, wish);
      const { added, skipped } = await carryOut(tx, actor, tenantId, plan, wish);
      const { kept, revoked, gone, rescoped, claimed, otherScopes } = plan;
      const counts = { added, kept, ended: gone.length, revoked, rescoped: rescoped.length, otherScopes };
      if (added + gone.length + rescoped.length + claimed.length > 0) {
        const { source, scopes, replace = false } = wish;
        const facts = { source, scopes, replace, ...counts, claimed: claimed.length, skipped: skipped.length };
        await audit.record(tx, { ...actor, tenantId, action: 'api_key.imported', outcome: 'done', facts });
        onChange(tx);
      }
      return { ...counts, skipped };
    });
  };
}

function keyOf({ id, prefix }: NewKey, scopes: readonly string[], createdBy: string, createdAt: EpochMs): ApiKey {
  const name = `legacy ${prefix}…`;
  return {
    id,
    prefix,
    legacy: true,
    name,
    scopes,
    createdBy,
    createdAt,
    expiresAt: undefined,
    lastUsedAt: undefined,
  };
}
