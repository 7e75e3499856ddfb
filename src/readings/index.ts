/** Floor 5. Meter readings: validated, tenant-isolated, queryable, streamed. */
export { readingConfig } from './config.ts';
export { readingFault } from './errors.ts';
export { readingMigrations } from './migrations/index.ts';
export { createReadings, type Readings } from './readings.ts';
export { readingPermissions, readingRoutes } from './routes.ts';
export { sealedFields } from './sealed-fields.ts';
export { createReadingStream } from './stream.ts';
export { readingStreamRoutes } from './stream-routes.ts';
export { parseRfc3339 } from './timestamp.ts';
export { meterId } from './validate.ts';
