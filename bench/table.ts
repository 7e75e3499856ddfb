import type { Line } from './measure.ts';
import type { Row } from './rows.ts';
import type { Figures } from './stats.ts';

interface Column {
  readonly title: string;
  readonly figure: string;
  readonly digits: number;
}

const column = (title: string, figure: string, digits: number): Column => ({ title, figure, digits });

function columnsOf(row: Row, lines: readonly Line[]): readonly Column[] {
  switch (row.kind) {
    case 'load': {
      const item = row.item ?? (row.lines > 1 ? 'reading' : 'request');
      const body = row.lines > 1 ? ' (body)' : '';
      return [
        column(`${item}s/s`, 'perSecond', 0),
        column(`p50 ms${body}`, 'p50', 2),
        column(`p99 ms${body}`, 'p99', 2),
        column(`CPU us/${item}`, 'cpuUs', 1),
        ...(hasHelpers(lines) ? [column('+ Redis', 'helperCpuUs', 1)] : []),
        ...(lines.some((line) => figure(line, 'loopP99') > 0)
          ? [column('loop p99 ms', 'loopP99', 1), column('loop max ms', 'loopMax', 1)]
          : []),
      ];
    }
    case 'scale':
      return [
        column('requests/s', 'perSecond', 0),
        column('p50 ms', 'p50', 2),
        column('p99 ms', 'p99', 2),
        column('CPU us/request', 'cpuUs', 1),
        column('load us/request', 'generatorCpuUs', 1),
        column('capacity/s', 'capacity', 0),
      ];
    case 'micro':
      return [
        column('calls/s', 'perSecond', 0),
        column('p50 us', 'p50', 2),
        column('p99 us', 'p99', 2),
        column('CPU us/call', 'cpuUs', 2),
      ];
    case 'refresh':
      return [
        column('refreshes/s', 'perSecond', 0),
        column('p50 ms', 'p50', 2),
        column('p99 ms', 'p99', 2),
        column('CPU us/refresh', 'cpuUs', 0),
        column('memory MiB', 'memoryMiB', 0),
      ];
    case 'revocation':
      return [
        column('times', 'count', 0),
        column('p50 ms', 'p50', 1),
        column('p99 ms', 'p99', 1),
        column('longest ms', 'longest', 1),
      ];
    case 'start':
      return [
        column('ready ms', 'readyMs', 0),
        column('first start ms', 'firstMs', 0),
        column('memory MiB', 'memoryMiB', 0),
      ];
  }
}

/** Whether any server of a row had another process work for it. */
export const hasHelpers = (lines: readonly Line[]): boolean => lines.some((line) => figure(line, 'helperCpuUs') > 0);

interface Comparison {
  readonly title: string;
  readonly figure: string;
  /** The line that all are compared to. */
  readonly to: Line | undefined;
  /** Of that line's to this one's, for what is the better the more there is. */
  readonly inverse?: boolean;
}

/** In what the lines of a row are compared: as a multiple of Twinkeep's figure, or of another that says more. */
function comparisonsOf(row: Row, lines: readonly Line[]): readonly Comparison[] {
  const [to] = lines;
  switch (row.kind) {
    case 'load': {
      const floor = lines.find(({ label }) => label === row.floor);
      const least = floor === undefined ? [] : [{ title: `x ${floor.label}`, figure: 'cpuUs', to: floor }];
      const rate = { title: 'Twinkeep x its /s', figure: 'perSecond', to, inverse: true };
      return [{ title: 'x Twinkeep', figure: 'cpuUs', to }, ...least, rate];
    }
    case 'scale':
      return [
        { title: 'x one thread', figure: 'perSecond', to },
        { title: 'capacity x one thread', figure: 'capacity', to },
      ];
    case 'micro':
      return [{ title: 'x Twinkeep', figure: 'cpuUs', to }];
    case 'refresh':
      return [{ title: 'p99 x few', figure: 'p99', to }];
    case 'revocation':
      return [];
    case 'start':
      return [{ title: 'x Twinkeep', figure: 'readyMs', to }];
  }
}

/** A line's figures as multiples of others'; for a cost, above 1 is more than those spend. */
export function ratiosOf(row: Row, lines: readonly Line[], line: Line): Readonly<Record<string, number>> {
  const ratio = ({ figure: name, to, inverse }: Comparison): number => {
    if (to === undefined) return Number.NaN;
    return inverse === true ? figure(to, name) / figure(line, name) : figure(line, name) / figure(to, name);
  };
  return Object.fromEntries(comparisonsOf(row, lines).map((one) => [one.title, ratio(one)]));
}

const figure = ({ outcome }: Line, name: string): number =>
  outcome.kind === 'measured' ? (outcome.figures[name] ?? Number.NaN) : Number.NaN;

/** One row's table, as text. */
export function tableOf(row: Row, lines: readonly Line[], generator: string): string {
  const columns = columnsOf(row, lines);
  const head = ['', ...columns.map(({ title }) => title), ...comparisonsOf(row, lines).map(({ title }) => title)];
  const body = lines.map((line) => {
    const { label, outcome } = line;
    if (outcome.kind !== 'measured') return [label, `${outcome.kind.toUpperCase()}: ${outcome.reason}`];
    const ratios = Object.values(ratiosOf(row, lines, line)).map((ratio) => number(ratio, 2));
    return [label, ...cells(outcome.figures, columns), ...ratios];
  });
  const whole = [head, ...body.filter((cells) => cells.length === head.length)];
  const widths = head.map((_, i) => Math.max(...whole.map((cells) => cells[i]?.length ?? 0), i === 0 ? 30 : 0));
  const text = [head, ...body].map((cells) =>
    cells
      .map((cell, i) =>
        i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(cells.length === 2 ? 0 : (widths[i] ?? 0)),
      )
      .join('  '),
  );
  const isByWrk = row.kind === 'scale' || (row.kind === 'load' && row.byWrk === true);
  const loaded = isByWrk ? `, loaded by ${generator}` : '';
  return [`${row.title}${loaded}  [${row.id}]`, ...text.map((line) => `  ${line.trimEnd()}`)].join('\n');
}

const cells = (figures: Figures, columns: readonly Column[]): readonly string[] =>
  columns.map(({ figure, digits }) => number(figures[figure] ?? Number.NaN, digits));

function number(value: number, digits: number): string {
  if (!Number.isFinite(value)) return '-';
  return value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits });
}
