/** Counts of durations by bucket, as a Prometheus histogram has them; a library's own costs more than what it times. */
export interface Durations<Labels extends Readonly<Record<string, string>>> {
  /** The row of these labels, which the caller keeps: one for each that there are. */
  row(labels: Labels): Row;
  /** In the form that prom-client aggregates and prints. */
  snapshot(): object;
}

/** All durations of one set of labels. */
export interface Row {
  observe(ms: number): void;
}

export interface DurationOptions {
  readonly name: string;
  readonly help: string;
  /** Upper bounds in seconds, ascending. */
  readonly bucketsS: readonly number[];
}

interface Kept<Labels> {
  readonly labels: Labels;
  /** By the first bound that a duration was not above; the last for those above all. */
  readonly counts: Float64Array;
  sumS: number;
}

export function createDurations<Labels extends Readonly<Record<string, string>>>(
  options: DurationOptions,
): Durations<Labels> {
  const { name, help, bucketsS } = options;
  const rows: Kept<Labels>[] = [];
  return {
    row: (labels) => {
      const counts = new Float64Array(bucketsS.length + 1);
      const kept = { labels, counts, sumS: 0 };
      rows.push(kept);
      return {
        observe: (ms) => {
          const seconds = ms / 1_000;
          let at = 0;
          while (at < bucketsS.length && seconds > (bucketsS[at] ?? 0)) at++;
          counts[at] = (counts[at] ?? 0) + 1;
          kept.sumS += seconds;
        },
      };
    },
    snapshot: () => ({
      name,
      help,
      type: 'histogram',
      aggregator: 'sum',
      values: rows.flatMap((row) => valuesOf(name, bucketsS, row)),
    }),
  };
}

/** Each bucket counts those below it too. @see https://prometheus.io/docs/instrumenting/exposition_formats/ */
function valuesOf<Labels>(name: string, bucketsS: readonly number[], { labels, counts, sumS }: Kept<Labels>) {
  let count = 0;
  const buckets = Array.from(counts, (ofBucket, at) => {
    count += ofBucket;
    return { labels: { le: bucketsS[at] ?? '+Inf', ...labels }, value: count, metricName: `${name}_bucket` };
  });
  return [
    ...buckets,
    { labels: { ...labels }, value: sumS, metricName: `${name}_sum` },
    { labels: { ...labels }, value: count, metricName: `${name}_count` },
  ];
}
