import type { RowKey, SealedField } from '../kernel/sealed.ts';
import { answerPlace, oldSecretPlace, payloadPlace, type SealedPlace, secretPlace, urlPlace } from './sealing.ts';

/** A column whose rows have one text for a key. */
function byId(placeOf: (id: string) => SealedPlace): Pick<SealedField, 'table' | 'column' | 'key' | 'row'> {
  const { table, column } = placeOf('');
  return { table, column, key: { id: 'text' }, row: (key) => placeOf(String(key['id'])).row };
}

const placeOfAnswer = (key: RowKey) => answerPlace(String(key['message_id']), Number(key['n']));
const { table, column } = placeOfAnswer({});

/** The columns of this room that are stored sealed. */
export const sealedFields: readonly SealedField[] = [
  { ...byId(payloadPlace), rows: 'platform', under: 'platform' },
  {
    table,
    column,
    rows: 'platform',
    key: { message_id: 'text', n: 'int' },
    row: (key) => placeOfAnswer(key).row,
    under: 'platform',
  },
  { ...byId(urlPlace), rows: 'tenant', under: 'tenant' },
  { ...byId(secretPlace), rows: 'tenant', under: 'tenant' },
  { ...byId(oldSecretPlace), rows: 'tenant', under: 'tenant' },
];
