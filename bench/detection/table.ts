import type { HostileTime } from './hostile.ts';
import { type Count, isMet, type Outcome, percentOf } from './measure.ts';

const HEAD = ['', 'n', 'blocked %', 'bar', '', 'wrong', 'weak', 'p50 us', 'p99 us', 'longest ms', 'least'];

/** One table of the report. */
export function tableOf(title: string, outcomes: readonly Outcome[]): string {
  return `${title}\n${aligned([HEAD, ...outcomes.map(cellsOf)])}`;
}

function cellsOf(outcome: Outcome): readonly string[] {
  const { id, bar, strong, weak, wrong, time, byGroup } = outcome;
  return [
    id,
    String(strong.n),
    percent(strong),
    bar === undefined ? '-' : `${bar.kind === 'at least' ? '>=' : '<='} ${bar.percent}`,
    { true: 'pass', false: 'SHORT', undefined: '' }[`${isMet(outcome)}`] ?? '',
    String(wrong.length),
    weak.n === 0 ? '-' : `${weak.blocked}/${weak.n}`,
    time.p50Us.toFixed(0),
    time.p99Us.toFixed(0),
    time.longestMs.toFixed(1),
    leastOf(outcome.kind, byGroup),
  ];
}

/** The group that fares worst, where one fares worse than the bar of perfection. */
function leastOf(kind: Outcome['kind'], groups: ReadonlyMap<string, Count>): string {
  const worse = [...groups].filter(([, { n, blocked }]) => blocked !== (kind === 'attack' ? n : 0));
  const [worst] = worse.toSorted(([, a], [, b]) => (percentOf(a) - percentOf(b)) * (kind === 'attack' ? 1 : -1));
  return worst === undefined ? '' : `${worst[0]} ${percent(worst[1])}`;
}

const percent = (count: Count): string => (count.n === 0 ? '-' : percentOf(count).toFixed(2));
/** Of a list shorter than this one line more or less says nothing. */
const FEWEST = 10;

/** Each source by itself, the worst first: a class is as good as its worst source. */
export function sourcesOf(outcomes: readonly Outcome[]): string {
  const rows = outcomes.flatMap(({ id, bar, bySource }) =>
    [...bySource]
      .filter(([, { n }]) => n >= FEWEST)
      .toSorted(([, a], [, b]) => percentOf(a) - percentOf(b))
      .map(([source, count]) => {
        const isShort = bar !== undefined && percentOf(count) < bar.percent;
        return [`${id}  ${source}`, String(count.n), percent(count), isShort ? 'SHORT' : ''];
      }),
  );
  return `by source (of at least ${FEWEST} lines)\n${aligned([['', 'n', 'blocked %', ''], ...rows])}`;
}

const SHOWN_TIMES = 5;

/** The slowest texts of each length. */
export function timesOf(times: readonly HostileTime[]): string {
  const lengths = [...new Set(times.map(({ characters }) => characters))];
  const rows = lengths.flatMap((length) =>
    times
      .filter(({ characters }) => characters === length)
      .toSorted((a, b) => b.ms - a.ms)
      .slice(0, SHOWN_TIMES)
      .map(({ name, characters, ms, bar }) => [
        `${characters} characters: ${name}`,
        ms.toFixed(2),
        `<= ${bar}`,
        ms <= bar ? 'pass' : 'SHORT',
      ]),
  );
  return `hostile texts, the slowest\n${aligned([['', 'ms', 'bar', ''], ...rows])}`;
}

function aligned(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((cells) => cells[i]?.length ?? 0)));
  return rows
    .map((cells) => cells.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))))
    .map((cells) => `  ${cells.join('  ').trimEnd()}`)
    .join('\n');
}
