/** Floor 5. Moves fields of somebody else's database from a legacy cipher to envelopes, in place. */
export type { FieldSet, ForeignDatabase } from './database.ts';
export { type LegacyForm, type LegacyKeys, readLegacyKeys } from './legacy-keys.ts';
export { createMigration, type Phase } from './migration.ts';
export { openForeign } from './open.ts';
export type { MigrationReport } from './report.ts';
export type { Answer, Envelopes } from './scan.ts';
