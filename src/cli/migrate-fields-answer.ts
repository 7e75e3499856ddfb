import type { MigrationReport, Phase } from '../migration/index.ts';
import { group } from './import-progress.ts';
import { type Terminal, tableOf } from './terminal.ts';

const BAR = 30;
const LINE_EVERY_MS = 5_000;

/** Says how far a migration is: a bar for whoever watches, else a line at each phase and now and then. */
export function createMigrationProgress(terminal: Terminal): (phase: Phase, done: number, total: number) => void {
  let [phase, since, told, from] = ['', 0, 0, 0];
  return (now, done, total) => {
    const at = performance.now();
    const isNew = now !== phase;
    if (isNew) [phase, since, told, from] = [now, at, at, done];
    const share = total === 0 ? 1 : Math.min(1, done / total);
    const speed = Math.round((done - from) / Math.max(0.001, (at - since) / 1_000));
    const text = `${now}: ${Math.floor(share * 100)} %  ${group(done)} of ${group(Math.max(total, done))} rows`;
    if (terminal.watched) {
      const full = Math.round(share * BAR);
      terminal.progress(`[${'#'.repeat(full)}${'-'.repeat(BAR - full)}] ${text}  ${group(speed)} rows/s`);
    } else if (isNew || at - told >= LINE_EVERY_MS) {
      told = at;
      terminal.say(text);
    }
  };
}

export type Mode = 'migrate' | 'dry-run' | 'verify-only' | 'undo';

/** What the end of a run is worth: 0 done, 1 something is left, 130 stopped half-way. */
function codeOf(report: MigrationReport, mode: Mode): number {
  if (!report.finished) return 130;
  if (mode === 'undo') return report.columns.some(({ envelope }) => envelope > 0) ? 1 : 0;
  if (report.notOpenedTotal > 0) return 1;
  return mode !== 'dry-run' && report.columns.some(({ legacy }) => legacy > 0) ? 1 : 0;
}

/** Prints the report: counts and rows, never what a value says. */
export function answerReport(terminal: Terminal, report: MigrationReport, mode: Mode, table: string): number {
  const { finished, rows, migrated, restored, already, columns, notOpened, notOpenedTotal, undo, copy } = report;
  const value = {
    mode,
    table,
    finished,
    rows,
    ...{ migrated, restored, already },
    columns: columns.map((column) => ({ ...column })),
    not_opened: notOpened.map((left) => ({ ...left })),
    not_opened_total: notOpenedTotal,
    undo_files: [...undo],
    copy: copy ?? null,
  };
  const left = notOpened.map(({ row, column, reason }) => `row ${row}: ${column}: ${reason}`);
  const more = notOpenedTotal > notOpened.length ? [`(${group(notOpenedTotal - notOpened.length)} more)`] : [];
  const lines = [
    ...left,
    ...more,
    ...(finished ? [countsOf(report)] : []),
    ...undo.map((path) => `Undo file: ${path}`),
    ...(copy === undefined ? [] : [`Copy of the whole database: ${copy}`]),
    sentenceOf(report, mode),
  ];
  terminal.answer(value, lines.map(printable).join('\n'));
  return codeOf(report, mode);
}

function countsOf({ columns }: MigrationReport): string {
  const heads = ['column', 'envelopes', 'legacy', 'empty', 'plain?', 'unreadable'];
  return tableOf(
    heads,
    columns.map(({ column, ...of }) => [
      column,
      ...[of.envelope, of.legacy, of.empty, of.plain, of.unreadable].map(group),
    ]),
  );
}

function sentenceOf({ finished, migrated, restored, already, notOpenedTotal, columns }: MigrationReport, mode: Mode) {
  if (!finished)
    return `Stopped after ${group(mode === 'undo' ? restored : migrated)} values; the same command goes on.`;
  const legacy = columns.reduce((sum, column) => sum + column.legacy, 0);
  const rest = `${group(notOpenedTotal)} left as they are`;
  switch (mode) {
    case 'migrate':
      return `${group(migrated)} migrated, ${group(already)} were envelopes already, ${rest}.`;
    case 'dry-run':
      return `${group(legacy)} would be migrated, ${group(already)} are envelopes already, ${rest}. Nothing was written.`;
    case 'verify-only':
      return `${group(already)} envelopes open, ${group(legacy)} are still legacy, ${group(notOpenedTotal)} do not open.`;
    case 'undo':
      return `${group(restored)} put back, ${group(already)} are envelopes still.`;
  }
}

/** Keys and names are somebody else's text: they must not move the cursor of whoever reads. */
export const printable = (text: string): string =>
  text.replaceAll(/[\p{Cc}\p{Cf}]/gu, (found) => (found === '\n' ? found : '\ufffd'));
