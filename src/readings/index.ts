/** Floor 5. Meter readings: validated, tenant-isolated, queryable, streamed. */
export type { Counts, TenantActor } from './batch.ts';
export { type ReadingConfig, readingConfig } from './config.ts';
export { readingFault } from './errors.ts';
export type { BadLine, IntakeAnswer } from './intake-run.ts';
export { sealedFields } from './location.ts';
export { readingMigrations } from './migrations/index.ts';
export type { ReadingItem, ReadingPage, ReadingQuery } from './page.ts';
export { createReadings, type ReadingDeps, type Readings } from './readings.ts';
export { readingPermissions, readingRoutes } from './routes.ts';
export type { Reading } from './validate.ts';
