import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

/** What the request line and the rooms count; printed as Prometheus text. Labels are never personal. */
export interface Metrics {
  request(route: string, method: string, status: number, ms: number): void;
  counter(name: string, help: string): { add(n?: number): void };
  gauge(name: string, help: string, read: () => number): void;
  text(): Promise<string>;
  readonly contentType: string;
}

const BUCKETS_S = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10];

/** A registry of its own, so that two Twinkeeps in one process don't share numbers. */
export function createMetrics(): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const requests = new Histogram({
    name: 'twinkeep_http_request_duration_seconds',
    help: 'Time from the first byte of a request to the last of its answer.',
    labelNames: ['method', 'route', 'status'] as const,
    buckets: BUCKETS_S,
    registers: [registry],
  });
  // Looking a child up by its labels costs more than counting, so each is looked up once.
  const children = new Map<string, ReturnType<typeof requests.labels>>();

  return {
    request: (route, method, status, ms) => {
      const key = `${method} ${route} ${status}`;
      const child = children.get(key) ?? requests.labels(method, route, String(status));
      children.set(key, child);
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
    contentType: registry.contentType,
  };
}
