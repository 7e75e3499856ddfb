import { AggregatorRegistry, Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

/** What the request line and the rooms count; printed as Prometheus text. Labels are never personal. */
export interface Metrics {
  request(route: string, method: string, status: number, ms: number): void;
  /** An exchange with a back end; status 499 where the client left first, 0 where the answer was cut. */
  exchange(backEnd: string, status: number, ms: number): void;
  counter(name: string, help: string): { add(n?: number): void };
  gauge(name: string, help: string, read: () => number): void;
  text(): Promise<string>;
  /** The numbers as they stand, in a form that can be handed to another thread. */
  snapshot(): Promise<MetricsSnapshot>;
  readonly contentType: string;
}

/** Numbers of one thread at one moment; what is inside is prom-client's business. */
export type MetricsSnapshot = readonly object[];

const BUCKETS_S = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10];

/**
 * A registry of its own, so that two Twinkeeps in one process don't share numbers.
 *
 * @param ofProcess false in all threads but one: memory and CPU are the whole process's, and must not be added up
 */
export function createMetrics({ ofProcess = true }: { readonly ofProcess?: boolean } = {}): Metrics {
  const registry = new Registry();
  if (ofProcess) collectDefaultMetrics({ register: registry });
  const requests = new Histogram({
    name: 'twinkeep_http_request_duration_seconds',
    help: 'Time from the first byte of a request to the last of its answer.',
    labelNames: ['method', 'route', 'status'] as const,
    buckets: BUCKETS_S,
    registers: [registry],
  });
  const exchanges = new Histogram({
    name: 'twinkeep_back_end_duration_seconds',
    help: 'Time from the first byte handed to a back end to the last of its answer.',
    labelNames: ['back_end', 'status'] as const,
    buckets: BUCKETS_S,
    registers: [registry],
  });
  const byBackEnd = new Map<string, ReturnType<typeof exchanges.labels>>();
  // Looking a child up by its labels costs more than counting, so each is looked up once.
  const children = new Map<string, ReturnType<typeof requests.labels>>();

  return {
    request: (route, method, status, ms) => {
      const key = `${method} ${route} ${status}`;
      const child = children.get(key) ?? requests.labels(method, route, String(status));
      children.set(key, child);
      child.observe(ms / 1_000);
    },
    exchange: (backEnd, status, ms) => {
      const key = `${backEnd} ${status}`;
      const child = byBackEnd.get(key) ?? exchanges.labels(backEnd, String(status));
      byBackEnd.set(key, child);
      child.observe(ms / 1_000);
    },
    counter: (name, help) => {
      const counter = new Counter({ name, help, registers: [registry] });
      return { add: (n = 1) => counter.inc(n) };
    },
    gauge: (name, help, read) => {
      new Gauge({
        name,
        help,
        registers: [registry],
        collect() {
          this.set(read());
        },
      });
    },
    text: () => registry.metrics(),
    snapshot: () => registry.getMetricsAsJSON(),
    contentType: registry.contentType,
  };
}

/** The numbers of several threads as those of one. */
export const sumMetrics = (snapshots: readonly MetricsSnapshot[]): Promise<string> =>
  AggregatorRegistry.aggregate([...snapshots]).metrics();

/** What is left of threads that have ended: what they counted, for a counter must not go down; not what they were. */
export function foldMetrics(snapshots: readonly MetricsSnapshot[]): MetricsSnapshot {
  const summed = AggregatorRegistry.aggregate([...snapshots]).getMetricsAsArray();
  return summed.filter(({ type }) => String(type) !== 'gauge');
}
