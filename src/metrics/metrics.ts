import { AggregatorRegistry, Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import { createDurations, type Row } from './durations.ts';

/** What the request line and the rooms count; printed as Prometheus text. Labels are never personal. */
export interface Metrics {
  request(route: string, method: string, status: number, ms: number): void;
  /** An exchange with a back end; status 499 where the client left first, 0 where the answer was cut. */
  exchange(backEnd: string, status: number, ms: number): void;
  /** @param labels their names; whoever adds gives their values, of which there must be few */
  counter(name: string, help: string, labels?: readonly string[]): Count;
  gauge(name: string, help: string, read: () => number): void;
  text(): Promise<string>;
  /** The numbers as they stand, in a form that can be handed to another thread. */
  snapshot(): Promise<MetricsSnapshot>;
  readonly contentType: string;
}

/** A number that only grows; with labels one for each set of their values. */
export interface Count {
  add(n?: number, labels?: Readonly<Record<string, string>>): void;
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
  const requests = createDurations<{ method: string; route: string; status: string }>({
    name: 'twinkeep_http_request_duration_seconds',
    help: 'Time from the first byte of a request to the last of its answer.',
    bucketsS: BUCKETS_S,
  });
  const exchanges = createDurations<{ back_end: string; status: string }>({
    name: 'twinkeep_back_end_duration_seconds',
    help: 'Time from the first byte handed to a back end to the last of its answer.',
    bucketsS: BUCKETS_S,
  });
  // Maps in Maps, for a key put together of route, method and status would cost more than counting.
  const byRoute = new Map<string, Map<string, Map<number, Row>>>();
  const byBackEnd = new Map<string, Map<number, Row>>();
  const durations = (): MetricsSnapshot => [requests.snapshot(), exchanges.snapshot()];

  function requestRow(route: string, method: string, status: number): Row {
    const byMethod = byRoute.get(route) ?? new Map<string, Map<number, Row>>();
    const byStatus = byMethod.get(method) ?? new Map<number, Row>();
    const row = requests.row({ method, route, status: String(status) });
    byRoute.set(route, byMethod.set(method, byStatus.set(status, row)));
    return row;
  }

  function exchangeRow(backEnd: string, status: number): Row {
    const byStatus = byBackEnd.get(backEnd) ?? new Map<number, Row>();
    const row = exchanges.row({ back_end: backEnd, status: String(status) });
    byBackEnd.set(backEnd, byStatus.set(status, row));
    return row;
  }

  return {
    request: (route, method, status, ms) => {
      const row = byRoute.get(route)?.get(method)?.get(status) ?? requestRow(route, method, status);
      row.observe(ms);
    },
    exchange: (backEnd, status, ms) => {
      const row = byBackEnd.get(backEnd)?.get(status) ?? exchangeRow(backEnd, status);
      row.observe(ms);
    },
    counter: (name, help, labels = []) => {
      const counter = new Counter({ name, help, labelNames: [...labels], registers: [registry] });
      return { add: (n = 1, values = {}) => counter.inc({ ...values }, n) };
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
    text: async () => `${await registry.metrics()}\n${await sumMetrics([durations()])}`,
    snapshot: async () => [...(await registry.getMetricsAsJSON()), ...durations()],
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
