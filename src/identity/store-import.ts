import type { PersonId } from '../kernel/brand.ts';
import type { Tx } from '../kernel/tx.ts';
import { statement } from '../storage/index.ts';

const selectImported = statement({
  reach: 'platform',
  sql: 'select username, password_hash, password_changed_at, imported_in from person where id = :id',
  params: { id: 'text' },
  returns: { username: 'text', password_hash: 'text', password_changed_at: 'int', imported_in: 'text?' },
});

/** Sessions are kept for a week behind their end, which is why an import can be undone for a week. */
const selectSession = statement({
  reach: 'platform',
  sql: 'select id from session where person_id = :id limit 1',
  params: { id: 'text' },
  returns: { id: 'text' },
});

export const importStore = {
  imported: (tx: Tx, id: PersonId) => tx.one(selectImported, { id }),
  hasSession: async (tx: Tx, id: PersonId): Promise<boolean> => (await tx.one(selectSession, { id })) !== undefined,
};
