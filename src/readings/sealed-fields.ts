import type { RowKey, SealedField } from '../kernel/sealed.ts';
import { locationPlace, searchedLocation } from './location.ts';

const placeOf = (key: RowKey) => locationPlace({ meterId: String(key['meter_id']), at: Number(key['at']) });
const { table, column } = placeOf({});

/** The columns of this room that are stored sealed. */
export const sealedFields: readonly SealedField[] = [
  {
    table,
    column,
    rows: 'tenant',
    key: { meter_id: 'text', at: 'int' },
    row: (key) => placeOf(key).row,
    under: 'tenant',
    indexes: [{ column: 'location_index', of: searchedLocation }],
  },
];
