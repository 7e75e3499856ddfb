/** Floor 5. Who may not go on: failures and attacks add up to blocks of addresses, keys, people and devices. */
export { type Anomalies, type AnomalyDeps, createAnomalies, eraseBaseline } from './anomalies.ts';
export { anomalyFault } from './anomaly-errors.ts';
export { anomalyRoutes } from './anomaly-routes.ts';
export type { BlockEvent } from './block-words.ts';
export { type BlockDeps, type Blocks, createBlocks } from './blocks.ts';
export { detectionConfig } from './config.ts';
export { createDetection, type Detection, MAX_HELD_BYTES } from './detection.ts';
export {
  type EmbeddedDetection,
  type EmbeddedDetectionOptions,
  type EmbeddedRoute,
  type GivenHead,
  type Inspected,
  type Inspector,
  openEmbeddedDetection,
} from './embedded.ts';
export { detectionFault } from './errors.ts';
export { type Explanation, explain, routeAsked } from './explain.ts';
export { ruleRoutes } from './explain-routes.ts';
export { createTrial } from './explain-trial.ts';
export { createFailures, type FailurePolicy, type Failures } from './failures.ts';
export { detectionMigrations } from './migrations/index.ts';
export { createReplay, type ReplayReport } from './replay.ts';
export { type RecordingFormat, readRecording } from './replay-lines.ts';
export { headersOf, type Sample, textSample, wayOf } from './replay-sample.ts';
export { blockRoutes } from './routes.ts';
export { strayLines } from './stray-exceptions.ts';
export { createSuspicion, type Suspicion, type SuspicionPolicy } from './suspicion.ts';
export { mayBePlanted } from './suspicion-planted.ts';
export type { Verdict } from './verdict.ts';
