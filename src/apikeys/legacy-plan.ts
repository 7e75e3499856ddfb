import type { ApiKeyId, TenantId } from '../kernel/brand.ts';
import type { Tx } from '../kernel/tx.ts';
import type { LegacyEntry } from './legacy-file.ts';
import { apiKeyStore } from './store.ts';
import { type KeptHash, legacyStore } from './store-legacy.ts';

/** An entry of a file, and what is here of it. */
export type Wanted = LegacyEntry & { readonly kept: KeptHash | undefined };

/** What an import has to do. */
export interface LegacyPlan {
  /** To be added: new here, or ended because a file lacked it. */
  readonly missing: readonly Wanted[];
  /** How many are here already. */
  readonly kept: number;
  /** How many were ended here by hand. */
  readonly revoked: number;
  /** To be ended. */
  readonly gone: readonly KeptHash[];
  /** To be given the scopes of the import. */
  readonly rescoped: readonly KeptHash[];
  /** To be noted as of this source. */
  readonly claimed: readonly KeptHash[];
  /** How many keep scopes that are not those of the import. */
  readonly otherScopes: number;
}

interface PlanWish {
  readonly scopes: readonly string[];
  readonly source: string;
  readonly replace?: boolean | 'source' | undefined;
}

/**
 * Sorts out what a file means for the keys of a tenant. Whoever imports by hand takes the keys that they name from the
 * source that brought them, so that its file can be given up; a file that is read at each start takes none from others.
 */
export async function planOf(
  tx: Tx,
  tenantId: TenantId,
  entries: readonly LegacyEntry[],
  { scopes, source, replace = false }: PlanWish,
): Promise<LegacyPlan> {
  const present = new Map((await legacyStore.ofTenant(tx, tenantId)).map((kept) => [nameIn(kept), kept]));
  const wanted = entries.map((entry) => ({ ...entry, kept: present.get(nameIn(entry)) }));
  const live = wanted.flatMap(({ kept }) => (kept !== undefined && kept.ended === undefined ? [kept] : []));
  const isOurs = (kept: KeptHash): boolean => kept.source === source || kept.source === undefined;
  const scopesOf = live.length > 0 ? await scopesByKey(tx) : new Map<ApiKeyId, readonly string[]>();
  const differing = live.filter(({ id }) => !sameScopes(scopesOf.get(id) ?? [], scopes));
  const rescoped = replace === 'source' ? differing.filter(isOurs) : [];
  return {
    missing: wanted.filter(({ kept }) => kept === undefined || kept.ended === 'vanished'),
    kept: live.length,
    revoked: wanted.filter(({ kept }) => kept?.ended === 'revoked').length,
    gone: goneOf(present, entries, (kept) => replace === true || (replace === 'source' && kept.source === source)),
    rescoped,
    claimed: live.filter((kept) => kept.source !== source && (replace !== 'source' || isOurs(kept))),
    otherScopes: differing.length - rescoped.length,
  };
}

function goneOf(
  present: ReadonlyMap<string, KeptHash>,
  entries: readonly LegacyEntry[],
  isReplaced: (kept: KeptHash) => boolean,
): readonly KeptHash[] {
  const wanted = new Set(entries.map(nameIn));
  const live = [...present].filter(([, { ended }]) => ended === undefined);
  return live.filter(([name, kept]) => !wanted.has(name) && isReplaced(kept)).map(([, kept]) => kept);
}

const nameIn = ({ prefix, hash }: { readonly prefix: string; readonly hash: string }): string => `${prefix} ${hash}`;

const scopesByKey = async (tx: Tx): Promise<ReadonlyMap<ApiKeyId, readonly string[]>> =>
  new Map((await apiKeyStore.all(tx)).map(({ id, scopes }) => [id, scopes]));

const sameScopes = (some: readonly string[], others: readonly string[]): boolean =>
  some.length === others.length && some.every((scope) => others.includes(scope)); // neither names one twice
