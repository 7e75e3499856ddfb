import type { Line } from './measure.ts';
import type { Row } from './rows.ts';
import type { Figures } from './stats.ts';

interface Column {
  readonly title: string;
  readonly figure: string;
  readonly digits: number;
}

const column = (title: string, figure: string, digits: number): Column => ({ title, figure, digits });

function columnsOf(row: Row): readonly Column[] {
  switch (row.kind) {
    case 'load': {
      const item = row.lines > 1 ? 'reading' : 'request';
      const body = row.lines > 1 ? ' (body)' : '';
      return [
        column(`${item}s/s`, 'perSecond', 0),
        column(`p50 ms${body}`, 'p50', 2),
        column(`p99 ms${body}`, 'p99', 2),
        column(`CPU us/${item}`, 'cpuUs', 1),
        column('+ Redis', 'helperCpuUs', 1),
      ];
    }
    case 'micro':
      return [
        column('calls/s', 'perSecond', 0),
        column('p50 us', 'p50', 2),
        column('p99 us', 'p99', 2),
        column('CPU us/call', 'cpuUs', 2),
      ];
    case 'start':
      return [
        column('ready ms', 'readyMs', 0),
        column('first start ms', 'firstMs', 0),
        column('memory MiB', 'memoryMiB', 0),
      ];
  }
}

const COMPARED: Readonly<Record<Row['kind'], string>> = { load: 'cpuUs', micro: 'cpuUs', start: 'readyMs' };

/** How many times Twinkeep's figure (CPU, or time to start) this one is; above 1 it costs more than Twinkeep. */
export function ratioToTwinkeep(row: Row, lines: readonly Line[], line: Line): number {
  return (
    figure(line, COMPARED[row.kind]) / (lines[0] === undefined ? Number.NaN : figure(lines[0], COMPARED[row.kind]))
  );
}

const figure = ({ outcome }: Line, name: string): number =>
  outcome.kind === 'measured' ? (outcome.figures[name] ?? Number.NaN) : Number.NaN;

/** One row's table, as text. */
export function tableOf(row: Row, lines: readonly Line[]): string {
  const columns = columnsOf(row);
  const head = ['', ...columns.map(({ title }) => title), 'x Twinkeep'];
  const body = lines.map((line) => {
    if (line.outcome.kind === 'failed') return [line.label, `FAILED: ${line.outcome.reason}`];
    const ratio = ratioToTwinkeep(row, lines, line);
    return [line.label, ...cells(line.outcome.figures, columns), number(ratio, 2)];
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
  return [`${row.title}  [${row.id}]`, ...text.map((line) => `  ${line.trimEnd()}`)].join('\n');
}

const cells = (figures: Figures, columns: readonly Column[]): readonly string[] =>
  columns.map(({ figure, digits }) => number(figures[figure] ?? Number.NaN, digits));

function number(value: number, digits: number): string {
  if (!Number.isFinite(value)) return '-';
  return value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits });
}
