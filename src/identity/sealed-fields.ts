import type { SealedField } from '../kernel/sealed.ts';
import { foldedEmail } from '../vault/index.ts';
import { indexedOf, TOKEN_PAYLOAD } from './account-tokens.ts';
import { INVITED_EMAIL } from './invitations.ts';

/** The columns of this room that are stored sealed. */
export const sealedFields: readonly SealedField[] = [
  {
    table: 'person',
    column: 'email',
    rows: 'platform',
    key: { id: 'text' },
    row: ({ id }) => String(id),
    under: { subject: 'id' },
    indexes: [{ column: 'email_index', of: foldedEmail }],
  },
  {
    ...TOKEN_PAYLOAD,
    rows: 'platform',
    key: { id: 'text' },
    row: ({ id }) => String(id),
    under: 'platform',
    indexes: [{ column: 'email_index', of: indexedOf }],
  },
  { ...INVITED_EMAIL, rows: 'tenant', key: { id: 'text' }, row: ({ id }) => String(id), under: 'tenant' },
];
