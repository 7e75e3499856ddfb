import { type ApiKeyId, apiKeyId, type TenantId, tenantId } from '../kernel/brand.ts';
import type { Tx } from '../kernel/tx.ts';
import { insertion, statement } from '../storage/index.ts';

const row = {
  prefix: 'text',
  hash: 'text',
  work: 'int',
  tenant: 'text',
  api_key_id: 'text',
  ended: 'text?',
  source: 'text?',
} as const;

const insertHash = insertion({
  reach: 'lookup',
  table: 'api_key_legacy',
  columns: row,
  unless: ['prefix', 'hash'],
});

const selectCandidates = statement({
  reach: 'lookup',
  sql: `select hash, tenant, api_key_id from api_key_legacy
    where prefix = :prefix and ended is null order by hash`,
  params: { prefix: 'text' },
  returns: { hash: 'text', tenant: 'text', api_key_id: 'text' },
});

const selectMostWork = statement({
  reach: 'lookup',
  sql: `select max(summed.work) as work
    from (select sum(work) as work from api_key_legacy where ended is null group by prefix) as summed`,
  returns: { work: 'int?' },
});

const selectCrowded = statement({
  reach: 'lookup',
  sql: `select prefix from api_key_legacy where ended is null
    group by prefix having count(*) > :hashes or sum(work) > :work`,
  params: { hashes: 'int', work: 'int' },
  returns: { prefix: 'text' },
});

const selectCrowdedOfTenant = statement({
  reach: 'lookup',
  sql: `select prefix from api_key_legacy where tenant = :tenant and ended is null
    group by prefix having count(*) > :hashes or sum(work) > :work`,
  params: { tenant: 'text', hashes: 'int', work: 'int' },
  returns: { prefix: 'text' },
});

const selectOfTenant = statement({
  reach: 'lookup',
  sql: 'select prefix, hash, api_key_id, ended, source from api_key_legacy where tenant = :tenant',
  params: { tenant: 'text' },
  returns: { prefix: 'text', hash: 'text', api_key_id: 'text', ended: 'text?', source: 'text?' },
});

const reviveHash = statement({
  reach: 'lookup',
  sql: `update api_key_legacy set api_key_id = :id, source = :source, ended = null
    where prefix = :prefix and hash = :hash and tenant = :tenant and ended = 'vanished'`,
  params: { prefix: 'text', hash: 'text', tenant: 'text', id: 'text', source: 'text' },
});

const claimHash = statement({
  reach: 'lookup',
  sql: 'update api_key_legacy set source = :source where tenant = :tenant and api_key_id = :id and ended is null',
  params: { tenant: 'text', id: 'text', source: 'text' },
});

const deleteHash = statement({
  reach: 'lookup',
  sql: 'delete from api_key_legacy where tenant = :tenant and api_key_id = :id',
  params: { tenant: 'text', id: 'text' },
});

const endHash = statement({
  reach: 'lookup',
  sql: 'update api_key_legacy set ended = :why where tenant = :tenant and api_key_id = :id and ended is null',
  params: { tenant: 'text', id: 'text', why: 'text' },
});

/** A hash that a key of a given prefix may belong to. */
export interface LegacyHash {
  readonly hash: string;
  readonly tenantId: TenantId;
  readonly id: ApiKeyId;
}

/** A hash as a tenant has it: live, or ended by hand, which stays so, or because its file no longer had it. */
export interface KeptHash {
  readonly prefix: string;
  readonly hash: string;
  readonly id: ApiKeyId;
  readonly ended: 'revoked' | 'vanished' | undefined;
  /** `undefined` of a key from before sources were kept. */
  readonly source: string | undefined;
}

export interface NewHash {
  readonly prefix: string;
  readonly hash: string;
  /** Rounds of bcrypt: 2 to the power of its cost. */
  readonly work: number;
  readonly id: ApiKeyId;
  readonly source: string;
}

/** What the live hashes of one prefix may be at most: their number, and their rounds together. */
export interface PrefixBound {
  readonly hashes: number;
  readonly work: number;
}

export const legacyStore = {
  /** The one question that is asked before anybody is known. */
  candidates: async (tx: Tx, prefix: string): Promise<readonly LegacyHash[]> =>
    (await tx.all(selectCandidates, { prefix })).map(({ hash, tenant, api_key_id }) => ({
      hash,
      tenantId: tenantId(tenant),
      id: apiKeyId(api_key_id),
    })),
  /** The rounds of all live hashes of that prefix which has most of them; 0 where there is no live hash. */
  mostWork: async (tx: Tx): Promise<number> => (await tx.one(selectMostWork, {}))?.work ?? 0,
  /** Prefixes past a bound, all tenants together. */
  crowded: async (tx: Tx, { hashes, work }: PrefixBound): Promise<ReadonlySet<string>> =>
    new Set((await tx.all(selectCrowded, { hashes, work })).map(({ prefix }) => prefix)),
  /** Prefixes past a bound by the hashes of one tenant alone. */
  crowdedOf: async (tx: Tx, tenant: TenantId, { hashes, work }: PrefixBound): Promise<ReadonlySet<string>> =>
    new Set((await tx.all(selectCrowdedOfTenant, { tenant, hashes, work })).map(({ prefix }) => prefix)),
  ofTenant: async (tx: Tx, tenant: TenantId): Promise<readonly KeptHash[]> =>
    (await tx.all(selectOfTenant, { tenant })).map((found) => ({
      prefix: found.prefix,
      hash: found.hash,
      id: apiKeyId(found.api_key_id),
      ended: found.ended === null ? undefined : found.ended === 'vanished' ? 'vanished' : 'revoked',
      source: found.source ?? undefined,
    })),
  /** @returns the positions of those that another tenant has */
  add: (tx: Tx, tenant: TenantId, added: readonly NewHash[]): Promise<readonly number[]> =>
    tx.insert(
      insertHash,
      added.map(({ prefix, hash, work, id, source }) => ({
        ...{ prefix, hash, work, tenant, source },
        api_key_id: id,
        ended: null,
      })),
    ),
  revive: (tx: Tx, tenant: TenantId, { prefix, hash, id, source }: NewHash) =>
    tx.run(reviveHash, { prefix, hash, tenant, id, source }),
  /** From now on the key is said to come from there. */
  claim: (tx: Tx, tenant: TenantId, id: ApiKeyId, source: string) => tx.run(claimHash, { tenant, id, source }),
  /** As if it had never been added. */
  remove: (tx: Tx, tenant: TenantId, id: ApiKeyId) => tx.run(deleteHash, { tenant, id }),
  end: (tx: Tx, tenant: TenantId, id: ApiKeyId, why: 'revoked' | 'vanished') => tx.run(endHash, { tenant, id, why }),
};
