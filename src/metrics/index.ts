/** Floor 1. Counters and histograms and their Prometheus text. */
export { createMetrics, foldMetrics, type Metrics, type MetricsSnapshot, sumMetrics } from './metrics.ts';
