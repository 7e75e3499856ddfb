/** Floor 5. Failures are counted and block their address; what is inside a request is not looked at in this version. */
export { type BlockEvent, type Blocks, createBlocks } from './blocks.ts';
export { detectionConfig } from './config.ts';
export { createDetection, type Detection } from './detection.ts';
export { detectionFault } from './errors.ts';
export { createFailures, type FailurePolicy, type Failures } from './failures.ts';
export { detectionMigrations } from './migrations/index.ts';
export { blockRoutes } from './routes.ts';
