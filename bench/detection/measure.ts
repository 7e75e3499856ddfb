import { quantile } from '../stats.ts';
import type { Bar, Probe, Series } from './probe.ts';
import type { Subject, Verdict } from './subject.ts';

/** A probe that was judged other than it should have been. */
export interface Wrong {
  readonly probe: Probe;
  readonly verdict: Verdict;
}

export interface Count {
  readonly n: number;
  readonly blocked: number;
}

/** What became of a series. */
export interface Outcome {
  readonly id: string;
  readonly table: string;
  readonly kind: Series['kind'];
  readonly bar: Bar | undefined;
  readonly strong: Count;
  /** Lines that are neither attack nor honest by themselves. */
  readonly weak: Count;
  readonly bySource: ReadonlyMap<string, Count>;
  readonly byGroup: ReadonlyMap<string, Count>;
  readonly wrong: readonly Wrong[];
  readonly time: { readonly p50Us: number; readonly p99Us: number; readonly longestMs: number };
}

/** Percent, and NaN of nothing. */
export const percentOf = ({ n, blocked }: Count): number => (n === 0 ? Number.NaN : (blocked / n) * 100);

/** Whether a bar is met; undefined where there is none, or nothing was measured. */
export function isMet({ bar, strong }: Outcome): boolean | undefined {
  if (bar === undefined || strong.n === 0) return undefined;
  return bar.kind === 'at least' ? percentOf(strong) >= bar.percent : percentOf(strong) <= bar.percent;
}

/** Who judges a probe: what was trained must not have seen it. */
export type JudgeOf = (probe: Probe) => Subject;

/** @param subject trained anew for each fold, if it can be; else as it is */
export function judgesOf(subject: Subject): JudgeOf {
  const trained = new Map<string, Subject>();
  return ({ fold }) => {
    if (subject.without === undefined || fold === undefined) return subject;
    const known = trained.get(fold) ?? subject.without(fold);
    trained.set(fold, known);
    return known;
  };
}

const NONE: Count = { n: 0, blocked: 0 };

export function measure(series: Series, judgeOf: JudgeOf): Outcome {
  let strong = NONE;
  let weak = NONE;
  const bySource = new Map<string, Count>();
  const byGroup = new Map<string, Count>();
  const wrong: Wrong[] = [];
  const times: number[] = [];
  for (const probe of series.probes()) {
    const judge = judgeOf(probe);
    const begin = performance.now();
    const verdict = verdictOf(judge, probe);
    times.push(performance.now() - begin);
    if (probe.weak) {
      weak = counted(weak, verdict);
      continue;
    }
    strong = counted(strong, verdict);
    bySource.set(probe.source, counted(bySource.get(probe.source) ?? NONE, verdict));
    if (probe.group !== undefined) byGroup.set(probe.group, counted(byGroup.get(probe.group) ?? NONE, verdict));
    if (verdict.attack !== (series.kind === 'attack')) wrong.push({ probe, verdict });
  }
  const { id, table, kind, bar } = series;
  return { id, table, kind, bar, strong, weak, bySource, byGroup, wrong, time: timeOf(times) };
}

function verdictOf(judge: Subject, { input }: Probe): Verdict {
  return input.kind === 'value' ? judge.judgeValue(input.text, input.channel) : judge.judgeRequest(input.request);
}

const counted = ({ n, blocked }: Count, { attack }: Verdict): Count => ({
  n: n + 1,
  blocked: blocked + (attack ? 1 : 0),
});

function timeOf(times: readonly number[]): Outcome['time'] {
  const sorted = times.toSorted((a, b) => a - b);
  return {
    p50Us: quantile(sorted, 0.5) * 1e3,
    p99Us: quantile(sorted, 0.99) * 1e3,
    longestMs: sorted.at(-1) ?? Number.NaN,
  };
}
