import type { RowKey, SealedField } from '../kernel/sealed.ts';
import { logKeyPlace } from './signing-key.ts';

const placeOf = (key: RowKey) => logKeyPlace(String(key['name']));
const { table, column } = placeOf({});

/**
 * The columns of this room that are stored sealed. What entries say of people stands inside their text, under keys of
 * those people: it is hashed, and never sealed anew.
 */
export const sealedFields: readonly SealedField[] = [
  { table, column, rows: 'platform', key: { name: 'text' }, row: (key) => placeOf(key).row, under: 'platform' },
];
