/** Floor 1. Counters and histograms and their Prometheus text. */
export { createMetrics, type Metrics } from './metrics.ts';
