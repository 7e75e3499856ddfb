import { TEXT } from '../micro/case.ts';

/** A batch for sealing: texts of 64 bytes in one column of as many rows. */
export function fieldsBody(count: number): string {
  const items = Array.from({ length: count }, (_, at) => ({
    table: 'users',
    column: 'address',
    row: `user-${String(at).padStart(6, '0')}`,
    text: TEXT,
  }));
  return JSON.stringify({ items });
}
