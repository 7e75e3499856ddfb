import type { AuditSink } from '../kernel/audit.ts';
import { apiKeyId, type EpochMs, type TenantId } from '../kernel/brand.ts';
import type { Clock } from '../kernel/clock.ts';
import { type Actor, nameOf } from '../kernel/principal.ts';
import { newUuid, type Random } from '../kernel/random.ts';
import { inTenant, type Tx } from '../kernel/tx.ts';
import type { Storage } from '../storage/index.ts';
import { importFault, type LegacyEntry, MOST_HASHES, MOST_WORK, readLegacyKeys } from './legacy-file.ts';
import { type ApiKey, apiKeyStore } from './store.ts';
import { type KeptHash, legacyStore, type NewHash } from './store-legacy.ts';

/** Asked of the access room, in the write: nobody gives a key rights that they lack. */
export type AssertMayGive = (tx: Tx, actor: Actor, tenantId: TenantId, permissions: readonly string[]) => Promise<void>;

export interface LegacyWish {
  /** Of keys that are new; those that are here already keep theirs. */
  readonly scopes: readonly string[];
  /** Where the keys come from, for the audit log. */
  readonly source: string;
  /** Ends the keys that the file no longer has. */
  readonly replace?: boolean | undefined;
}

export interface LegacyCounts {
  readonly added: number;
  readonly kept: number;
  readonly ended: number;
  /** Of the file, but ended here by hand: they stay ended. */
  readonly revoked: number;
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

/** Takes legacy keys over, all or none; a second time it changes nothing. */
export function createLegacyImport({ storage, audit, clock, random, onChange }: LegacyImportDeps): LegacyImport {
  async function add(tx: Tx, actor: Actor, tenantId: TenantId, entries: readonly Wanted[], scopes: readonly string[]) {
    const added = entries.map((entry) => ({ ...entry, id: apiKeyId(newUuid(clock, random)) }));
    const vanished = added.filter(({ kept }) => kept !== undefined);
    const fresh = added.filter(({ kept }) => kept === undefined);
    const foreign = await legacyStore.add(tx, tenantId, fresh.map(hashOf));
    // The same key in two tenants would be one credential for both.
    if (foreign.length > 0) throw importFault(foreign.map((at) => ({ at: fresh[at]?.prefix ?? '', reason: FOREIGN })));
    for (const entry of vanished) await legacyStore.revive(tx, tenantId, hashOf(entry));
    const [createdBy, now] = [nameOf(actor.principal), clock.now()];
    await apiKeyStore.addLegacy(
      tx,
      added.map((entry) => keyOf(entry, scopes, createdBy, now)),
    );
  }

  return async (actor, tenantId, file, { scopes, source, replace = false }, assertMayGive) => {
    const entries = readLegacyKeys(file);
    return storage.write(inTenant(tenantId), async (tx) => {
      await assertMayGive(tx, actor, tenantId, scopes);
      const present = new Map((await legacyStore.ofTenant(tx, tenantId)).map((kept) => [nameIn(kept), kept]));
      const wanted = entries.map((entry) => ({ ...entry, kept: present.get(nameIn(entry)) }));
      const missing = wanted.filter(({ kept }) => kept === undefined || kept.ended === 'vanished');
      await add(tx, actor, tenantId, missing, [...new Set(scopes)]);
      const gone = replace ? goneOf(present, entries) : [];
      for (const { id } of gone) await apiKeyStore.end(tx, tenantId, id, clock.now());
      await assertRoom(tx, missing);
      const revoked = wanted.filter(({ kept }) => kept?.ended === 'revoked').length;
      const kept = wanted.length - missing.length - revoked;
      const counts: LegacyCounts = { added: missing.length, kept, ended: gone.length, revoked };
      const facts = { source, scopes, replace, ...counts };
      await audit.record(tx, { ...actor, tenantId, action: 'api_key.imported', outcome: 'done', facts });
      onChange(tx);
      return counts;
    });
  };
}

type Wanted = LegacyEntry & { readonly kept: KeptHash | undefined };

const FOREIGN = 'stands in another tenant already';
const CROWDED = `must share its first characters with fewer keys: ${MOST_HASHES} hashes and ${MOST_WORK} rounds at most`;

const nameIn = ({ prefix, hash }: { readonly prefix: string; readonly hash: string }): string => `${prefix} ${hash}`;
const hashOf = ({ prefix, hash, work, id }: NewHash): NewHash => ({ prefix, hash, work, id });

function goneOf(present: ReadonlyMap<string, KeptHash>, entries: readonly LegacyEntry[]): readonly KeptHash[] {
  const wanted = new Set(entries.map(nameIn));
  return [...present].filter(([name, { ended }]) => ended === undefined && !wanted.has(name)).map(([, kept]) => kept);
}

/** Counted after the insert: the transaction is serializable, so no other one adds to the same prefix unseen. */
async function assertRoom(tx: Tx, added: readonly LegacyEntry[]): Promise<void> {
  if (added.length === 0) return;
  const own = new Set(added.map(({ prefix }) => prefix));
  const crowded = (await legacyStore.crowded(tx, MOST_HASHES, MOST_WORK)).filter((prefix) => own.has(prefix));
  if (crowded.length > 0) throw importFault(crowded.map((at) => ({ at, reason: CROWDED })));
}

function keyOf({ id, prefix }: NewHash, scopes: readonly string[], createdBy: string, createdAt: EpochMs): ApiKey {
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
