import type { SealedField } from '../kernel/sealed.ts';
import { foldedEmail } from '../vault/index.ts';

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
];
