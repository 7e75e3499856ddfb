import type { SealedField } from '../kernel/sealed.ts';
import { passkeySealedFields } from './passkey-labels.ts';

/** What a person's factors are stored under. */
export const DETAILS = 'mfa_factor.details';
export const PEPPER = 'mfa_person.pepper';
export const BACKUP = 'mfa_person.backup';

const ofPerson = {
  table: 'mfa_person',
  rows: 'platform',
  key: { person_id: 'text' },
  row: ({ person_id }: Readonly<Record<string, string | number>>) => String(person_id),
  under: { subject: 'person_id' },
} as const;

/** The columns of this room that are stored sealed: all under the key of their person, and gone with it. */
export const sealedFields: readonly SealedField[] = [
  {
    table: 'mfa_factor',
    column: 'details',
    rows: 'platform',
    key: { id: 'text' },
    row: ({ id }) => String(id),
    under: { subject: 'person_id' },
  },
  { ...ofPerson, column: 'pepper' },
  { ...ofPerson, column: 'backup' },
  ...passkeySealedFields,
];
