import { type ApiKeyId, apiKeyId, type EpochMs, epochMs, type TenantId, tenantId } from '../kernel/brand.ts';
import type { Json, RowOf, Tx } from '../kernel/tx.ts';
import { insertion, statement } from '../storage/index.ts';
import { legacyStore } from './store-legacy.ts';

/** Characters of a legacy key that find its hash; those of our own keys are 12. */
export const LEGACY_PREFIX_CHARS = 8;

const insertLookup = insertion({
  reach: 'lookup',
  table: 'api_key_lookup',
  columns: { prefix: 'text', digest: 'bytes', tenant_id: 'text', api_key_id: 'text', ended: 'text?' },
});

const selectLookup = statement({
  reach: 'lookup',
  sql: 'select digest, tenant_id, api_key_id, ended from api_key_lookup where prefix = :prefix',
  params: { prefix: 'text' },
  returns: { digest: 'bytes', tenant_id: 'text', api_key_id: 'text', ended: 'text?' },
});

/** It stays, so that one who has yet to notice can be told from one who guesses. */
const endLookup = statement({
  reach: 'lookup',
  sql: "update api_key_lookup set ended = 'revoked' where prefix = :prefix",
  params: { prefix: 'text' },
});

const selectLive = statement({
  reach: 'lookup',
  sql: `select api_key_id from api_key_lookup where api_key_id = :id and ended is null
    union all select api_key_id from api_key_legacy where api_key_id = :id and ended is null`,
  params: { id: 'text' },
  returns: { api_key_id: 'text' },
});

const selectTenant = statement({
  reach: 'lookup',
  sql: `select tenant_id from api_key_lookup where api_key_id = :id
    union all select tenant as tenant_id from api_key_legacy where api_key_id = :id`,
  params: { id: 'text' },
  returns: { tenant_id: 'text' },
});

const key = {
  id: 'text',
  prefix: 'text',
  name: 'text',
  scopes: 'json',
  created_by: 'text',
  created_at: 'int',
  expires_at: 'int?',
  last_used_at: 'int?',
  certificate: 'text?',
} as const;

const columns = Object.keys(key).join(', ');

const insertKey = insertion({ reach: 'tenant', table: 'api_key', columns: key });

const selectKey = statement({
  reach: 'tenant',
  sql: `select ${columns} from api_key where tenant_id = :tenant_id and id = :id and revoked_at is null`,
  params: { id: 'text' },
  returns: key,
});

const selectKeys = statement({
  reach: 'tenant',
  sql: `select ${columns} from api_key where tenant_id = :tenant_id and revoked_at is null order by created_at, id`,
  returns: key,
});

/** A key that may make keys hands on what its maker had, also after it has ended itself. */
const selectMadeBy = statement({
  reach: 'tenant',
  sql: `with recursive made (maker) as (
      select created_by from api_key where tenant_id = :tenant_id and created_by = :maker
      union select 'api-key:' || id from api_key join made on created_by = maker where tenant_id = :tenant_id
    )
    select ${columns} from api_key
    where tenant_id = :tenant_id and revoked_at is null and created_by in (select maker from made)
    order by created_at, id`,
  params: { maker: 'text' },
  returns: key,
});

const revokeKey = statement({
  reach: 'tenant',
  sql: 'update api_key set revoked_at = :now where tenant_id = :tenant_id and id = :id and revoked_at is null',
  params: { id: 'text', now: 'int' },
});

const rescopeKey = statement({
  reach: 'tenant',
  sql: 'update api_key set scopes = :scopes where tenant_id = :tenant_id and id = :id and revoked_at is null',
  params: { id: 'text', scopes: 'json' },
});

const touchKey = statement({
  reach: 'tenant',
  sql: 'update api_key set last_used_at = :at where tenant_id = :tenant_id and id = :id',
  params: { id: 'text', at: 'int' },
});

export interface ApiKey {
  readonly id: ApiKeyId;
  readonly prefix: string;
  /** Taken over from a file of another system: only its hash is known. */
  readonly legacy: boolean;
  readonly name: string;
  readonly scopes: readonly string[];
  readonly createdBy: string;
  readonly createdAt: EpochMs;
  readonly expiresAt: EpochMs | undefined;
  readonly lastUsedAt: EpochMs | undefined;
  /** The SHA-256 of the one client certificate that it is good with, in hexadecimal; without it any connection will do. */
  readonly certificate?: string | undefined;
}

export interface KeyOwner {
  readonly digest: Uint8Array;
  readonly tenantId: TenantId;
  readonly id: ApiKeyId;
  /** Lets nobody in any more. */
  readonly ended: boolean;
}

export const apiKeyStore = {
  add: async (tx: Tx, tenant: TenantId, digest: Uint8Array, added: ApiKey): Promise<void> => {
    await tx.insert(insertLookup, [
      { prefix: added.prefix, digest, tenant_id: tenant, api_key_id: added.id, ended: null },
    ]);
    await tx.insert(insertKey, [rowOf(added)]);
  },
  /** Rows of keys whose look-up rows are `legacyStore`'s. */
  addLegacy: (tx: Tx, added: readonly ApiKey[]) => tx.insert(insertKey, added.map(rowOf)),
  /** The one question that is asked before anybody is known. */
  owner: async (tx: Tx, prefix: string): Promise<KeyOwner | undefined> => {
    const row = await tx.one(selectLookup, { prefix });
    if (row === undefined) return undefined;
    const { digest, tenant_id: tenant, api_key_id: id, ended } = row;
    return { digest, tenantId: tenantId(tenant), id: apiKeyId(id), ended: ended !== null };
  },
  /** Of whatever tenant. */
  isLive: async (tx: Tx, id: ApiKeyId): Promise<boolean> => (await tx.all(selectLive, { id })).length > 0,
  /** Also of one that was revoked. */
  tenantOf: async (tx: Tx, id: ApiKeyId): Promise<TenantId | undefined> => {
    const [row] = await tx.all(selectTenant, { id });
    return row && tenantId(row.tenant_id);
  },
  get: async (tx: Tx, id: ApiKeyId): Promise<ApiKey | undefined> => {
    const row = await tx.one(selectKey, { id });
    return row && keyOf(row);
  },
  all: async (tx: Tx): Promise<readonly ApiKey[]> => (await tx.all(selectKeys, {})).map(keyOf),
  /** @param maker as audit entries name it */
  madeBy: async (tx: Tx, maker: string): Promise<readonly ApiKey[]> =>
    (await tx.all(selectMadeBy, { maker })).map(keyOf),
  revoke: async (tx: Tx, tenant: TenantId, found: ApiKey, now: EpochMs): Promise<void> => {
    await tx.run(revokeKey, { id: found.id, now });
    await apiKeyStore.cutOff(tx, tenant, found);
  },
  /** Ends what finds it, which a write of any tenant reaches. */
  cutOff: async (tx: Tx, tenant: TenantId, { id, prefix, legacy }: ApiKey): Promise<void> => {
    if (legacy) await legacyStore.end(tx, tenant, id, 'revoked');
    else await tx.run(endLookup, { prefix });
  },
  /** Of a legacy key that its file no longer has. */
  end: async (tx: Tx, tenant: TenantId, id: ApiKeyId, now: EpochMs): Promise<void> => {
    await tx.run(revokeKey, { id, now });
    await legacyStore.end(tx, tenant, id, 'vanished');
  },
  rescope: (tx: Tx, id: ApiKeyId, scopes: readonly string[]) => tx.run(rescopeKey, { id, scopes }),
  touch: (tx: Tx, id: ApiKeyId, at: EpochMs) => tx.run(touchKey, { id, at }),
};

const rowOf = (added: ApiKey): RowOf<typeof key> => ({
  id: added.id,
  prefix: added.prefix,
  name: added.name,
  scopes: added.scopes,
  created_by: added.createdBy,
  created_at: added.createdAt,
  expires_at: added.expiresAt ?? null,
  last_used_at: added.lastUsedAt ?? null,
  certificate: added.certificate ?? null,
});

function keyOf(row: RowOf<typeof key>): ApiKey {
  return {
    id: apiKeyId(row.id),
    prefix: row.prefix,
    legacy: row.prefix.length === LEGACY_PREFIX_CHARS,
    name: row.name,
    scopes: textsOf(row.scopes),
    createdBy: row.created_by,
    createdAt: epochMs(row.created_at),
    expiresAt: row.expires_at === null ? undefined : epochMs(row.expires_at),
    lastUsedAt: row.last_used_at === null ? undefined : epochMs(row.last_used_at),
    ...(row.certificate === null ? {} : { certificate: row.certificate }),
  };
}

const textsOf = (value: Json): readonly string[] => (Array.isArray(value) ? value.map(String) : []);
