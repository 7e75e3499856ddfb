import { personId, type TenantId, tenantId } from '../kernel/brand.ts';
import { isFault } from '../kernel/errors.ts';
import type { SealedField } from '../kernel/sealed.ts';
import { inTenant, platform, type Scope } from '../kernel/tx.ts';
import type { Storage } from '../storage/index.ts';
import type { Vault } from '../vault/index.ts';
import { type SealedSample, samplesOf } from './store-drill.ts';

/** How many values of each sealed column were opened. */
export interface OpenedField {
  /** `table.column` */
  readonly field: string;
  readonly tried: number;
  readonly opened: number;
}

const PER_TENANT = 2;
const MAX_TENANTS = 200;
const PLATFORM = tenantId('platform');

/** Opens a few values of every sealed column with the restored keys. What was erased on purpose counts as neither. */
export async function openSamples(
  storage: Storage,
  vault: Pick<Vault, 'fields' | 'subjects'>,
  fields: readonly SealedField[],
  tenants: readonly string[],
): Promise<readonly OpenedField[]> {
  const known = tenants.filter((name) => name !== PLATFORM).slice(0, MAX_TENANTS);
  const opened: OpenedField[] = [];
  for (const field of fields) {
    const places = field.rows === 'tenant' ? known.map((name) => tenantId(name)) : [undefined];
    const verdicts: (boolean | undefined)[] = [];
    const find = samplesOf(field);
    for (const tenant of places) {
      const scope: Scope = tenant === undefined ? platform : inTenant(tenant);
      const samples = await storage.read(scope, (tx) => find(tx, PER_TENANT));
      for (const sample of samples) verdicts.push(await opens(storage, vault, field, tenant, sample));
    }
    const tried = verdicts.filter((verdict) => verdict !== undefined);
    opened.push({
      field: `${field.table}.${field.column}`,
      tried: tried.length,
      opened: tried.filter((verdict) => verdict).length,
    });
  }
  return opened;
}

/** @returns undefined for a value whose key was destroyed */
async function opens(
  storage: Storage,
  vault: Pick<Vault, 'fields' | 'subjects'>,
  { table, column, row, under }: SealedField,
  tenant: TenantId | undefined,
  { key, sealed, subject }: SealedSample,
): Promise<boolean | undefined> {
  try {
    if (typeof under === 'object') {
      if (subject === undefined) return undefined;
      await storage.read(platform, (tx) => vault.subjects.open(tx, personId(subject), `${table}.${column}`, sealed));
    } else {
      const owner = under === 'tenant' && tenant !== undefined ? tenant : PLATFORM;
      (await vault.fields(owner)).open({ table, column, row: row(key) }, sealed);
    }
    return true;
  } catch (error) {
    if (isFault(error, 'VAULT_SUBJECT_ERASED')) return undefined;
    return false;
  }
}
