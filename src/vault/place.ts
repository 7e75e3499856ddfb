import type { TenantId } from '../kernel/brand.ts';
import { vaultFault } from './errors.ts';

/** Where a sealed value stands. It opens nowhere else. */
export interface FieldPlace {
  readonly table: string;
  readonly column: string;
  /** The row's key as text, without NUL and lone surrogates, as table and column are. */
  readonly row: string;
}

/**
 * The additional authenticated data of an envelope. NUL, which no stored text contains, keeps the parts apart: without
 * it `a|bc` and `ab|c` would be one place.
 *
 * @throws TypeError for a part that contains NUL
 * @throws VAULT_TEXT_INVALID for one with lone surrogates: as UTF-8 each of them is the same character, and so would
 *   two places be one
 */
export function aadOf(kind: string, ...parts: readonly string[]): Buffer {
  for (const part of parts) assertPart(part);
  return Buffer.from([kind, ...parts].join('\0'));
}

/** `aadOf('tk1', version, tenant, table, column, row)`, put together in one piece: it is made for every field. */
export function fieldAad(version: string, tenant: TenantId | string, { table, column, row }: FieldPlace): Buffer {
  assertPart(tenant);
  assertPart(table);
  assertPart(column);
  assertPart(row);
  return Buffer.from(`tk1\0${version}\0${tenant}\0${table}\0${column}\0${row}`);
}

function assertPart(part: string): void {
  if (part.includes('\0')) throw new TypeError('a place must not contain NUL');
  if (!part.isWellFormed()) throw vaultFault('VAULT_TEXT_INVALID', { where: 'place' });
}
