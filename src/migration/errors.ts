import { defineFaults } from '../kernel/errors.ts';

/** Faults of a migration. Each carries a `reason`: a sentence that says what to do, and never a stored value. */
export const migrationFault = defineFaults({
  MIGRATION_DATABASE: ['unavailable', 'The database cannot be worked with.'],
  MIGRATION_TABLE: ['invalid', 'This table cannot be migrated.'],
  MIGRATION_KEY: ['invalid', 'The legacy key cannot be read.'],
  MIGRATION_RUNNING: ['conflict', 'Another migration of this table runs.'],
  MIGRATION_BACKUP: ['unavailable', 'The backup cannot be written, so nothing more was changed.'],
  MIGRATION_UNDO: ['missing', 'There is nothing to undo from.'],
  MIGRATION_SEAL: ['internal', 'A sealed value did not open to what was sealed, so it was not stored.'],
});

/** What a system or database error says, without the SQL or the values that some of them quote. */
export const saysOf = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error);
  const code = 'code' in error && typeof error.code === 'string' ? ` (${error.code})` : '';
  return `${error.message}${error.message.includes(code.trim()) ? '' : code}`;
};
