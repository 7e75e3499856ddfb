import type { RowKey, SealedField } from '../kernel/sealed.ts';
import { tokenKeyPlace } from './token-keys.ts';

const placeOf = (key: RowKey) => tokenKeyPlace(String(key['issuer']), String(key['kid']));
const { table, column } = placeOf({});

/** The columns of this room that are stored sealed. The keys of assertions are those of an issuer of their own. */
export const sealedFields: readonly SealedField[] = [
  {
    table,
    column,
    rows: 'platform',
    key: { issuer: 'text', kid: 'text' },
    row: (key) => placeOf(key).row,
    under: 'platform',
  },
  {
    table: 'session',
    column: 'device',
    rows: 'platform',
    key: { id: 'text' },
    row: ({ id }) => String(id),
    under: { subject: 'person_id' },
  },
  {
    table: 'known_device',
    column: 'device',
    rows: 'platform',
    key: { id: 'text' },
    row: ({ id }) => String(id),
    under: { subject: 'person_id' },
  },
  {
    table: 'session_habit',
    column: 'seen',
    rows: 'platform',
    key: { person_id: 'text' },
    row: ({ person_id: id }) => String(id),
    under: { subject: 'person_id' },
  },
];
