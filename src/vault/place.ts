import type { TenantId } from '../kernel/brand.ts';

/** Where a sealed value stands. It opens nowhere else. */
export interface FieldPlace {
  readonly table: string;
  readonly column: string;
  /** The row's key as text, without NUL. */
  readonly row: string;
}

/**
 * The additional authenticated data of an envelope. NUL, which no stored text contains, keeps the parts apart: without
 * it `a|bc` and `ab|c` would be one place.
 *
 * @throws TypeError for a part that contains NUL
 */
export function aadOf(kind: string, ...parts: readonly string[]): Buffer {
  for (const part of parts) if (part.includes('\0')) throw new TypeError('a place must not contain NUL');
  return Buffer.from([kind, ...parts].join('\0'));
}

/** `aadOf('tk1', version, tenant, table, column, row)`, put together in one piece: it is made for every field. */
export function fieldAad(version: string, tenant: TenantId | string, { table, column, row }: FieldPlace): Buffer {
  if (tenant.includes('\0') || table.includes('\0') || column.includes('\0') || row.includes('\0')) {
    throw new TypeError('a place must not contain NUL');
  }
  return Buffer.from(`tk1\0${version}\0${tenant}\0${table}\0${column}\0${row}`);
}
