import { createReadStream, statSync } from 'node:fs';
import {
  createReplay,
  createTrial,
  type RecordingFormat,
  type ReplayReport,
  readRecording,
} from '../detection/index.ts';
import type { Arguments, Run } from './command.ts';
import { changedBy, isChanged } from './detect-changes.ts';
import { openRows } from './detect-rows.ts';
import { understood } from './detect-understood.ts';
import { failure, usageFault } from './errors.ts';
import { explain } from './explain.ts';
import { group } from './import-progress.ts';
import { type Terminal, tableOf } from './terminal.ts';

const FORMATS: readonly RecordingFormat[] = ['har', 'jsonl', 'log', 'text'];
const CHUNK_BYTES = 65_536;
const TELL_EVERY = 500;
const LINE_EVERY_MS = 5_000;
const MAX_ROWS = 25;

/** `detect replay <FILE>`: who would be hit or freed by other rules. Nothing is sent to anybody. */
export const replayFile: Run = understood(replayOne);

async function replayOne(args: Arguments, terminal: Terminal): Promise<number> {
  const file = args.operand(0);
  const most = mostOf(args, 'max-false');
  const mostBad = mostOf(args, 'max-bad') ?? (most === undefined ? undefined : 0); // in CI nothing is left out in silence
  const format = formatOf(file, args.text('format'));
  const size = sizeOf(file);
  const rows = await openRows();
  const route = args.text('route');
  const fixed = route === undefined ? undefined : rows.named(route);
  const { inspection } = rows.config.detection;
  const settings = isChanged(args) ? changedBy(args, inspection) : inspection;
  for (const line of rows.stray(settings.exceptions)) terminal.say(line);
  const now = createTrial(inspection);
  const changed = settings === inspection ? now : createTrial(settings);
  try {
    const routeOf = (sample: { method: string; url: string; headers: { host?: string | undefined } }) =>
      fixed ?? rows.of({ ...sample, host: sample.headers.host });
    const replay = createReplay({ now, changed, routeOf });
    const source = createReadStream(file, { highWaterMark: CHUNK_BYTES });
    const tell = progressOf(terminal, size, () => source.bytesRead);
    for await (const read of readRecording(source, format)) {
      replay.add(read);
      tell();
    }
    terminal.progress();
    const report = replay.report();
    if (report.requests === 0) {
      const nothing = failure(`${file} holds no request that can be read.`, { errors: flawsOf(report) });
      await explain(nothing, terminal);
      return 1;
    }
    const idle = idleOf(settings.exceptions, report);
    terminal.answer(JSON.parse(JSON.stringify(wireOf(report, idle))), wordsOf(report, changed !== now, most, idle));
    const isTooMuch = report.falseHits > (most ?? Infinity) || report.bad > (mostBad ?? Infinity);
    return isTooMuch ? 1 : 0;
  } finally {
    now.stop();
    if (changed !== now) changed.stop();
  }
}

/** As the other commands answer. */
const wireOf = (report: ReplayReport, idle: readonly number[]): object => {
  const { falseHits, byRule, byRoute, byLabel, badSamples, excepted: _, ...counts } = report;
  const by = { by_rule: byRule, by_route: byRoute, by_label: byLabel };
  return { ...counts, false_hits: falseHits, ...by, bad_samples: badSamples, exceptions_idle: idle };
};

/** The places of exceptions that changed no verdict. */
const idleOf = (exceptions: readonly { readonly because: string }[], { excepted }: ReplayReport): readonly number[] =>
  exceptions.flatMap(({ because }, place) => (excepted.includes(because) ? [] : [place]));

function mostOf(args: Arguments, option: 'max-false' | 'max-bad'): number | undefined {
  const text = args.text(option);
  if (text === undefined) return undefined;
  if (!/^\d{1,9}$/.test(text)) throw usageFault(`--${option} takes a whole number`);
  return Number(text);
}

function formatOf(file: string, given: string | undefined): RecordingFormat | undefined {
  if (given === undefined) return file.toLowerCase().endsWith('.har') ? 'har' : undefined;
  const format = FORMATS.find((one) => one === given);
  if (format === undefined) throw usageFault(`--format must be one of ${FORMATS.join(', ')}`);
  return format;
}

function sizeOf(file: string): number {
  const found = statSync(file, { throwIfNoEntry: false });
  if (found === undefined) throw failure(`There is no file ${file}.`);
  if (!found.isFile()) throw failure(`${file} is not a file.`);
  return found.size;
}

/** A line that replaces itself for whoever watches, else one now and then. */
function progressOf(terminal: Terminal, size: number, bytes: () => number): () => void {
  let count = 0;
  let told = performance.now();
  return () => {
    count++;
    if (count % TELL_EVERY !== 0) return;
    const now = performance.now();
    const share = size === 0 ? 1 : Math.min(1, bytes() / size);
    const text = `${Math.floor(share * 100)} %  ${group(count)} requests`;
    if (terminal.watched) terminal.progress(text);
    else if (now - told >= LINE_EVERY_MS) {
      told = now;
      terminal.say(text);
    }
  };
}

const flawsOf = ({ badSamples }: ReplayReport) => badSamples.map(({ place, reason }) => ({ at: place, reason }));

function wordsOf(report: ReplayReport, isChange: boolean, most: number | undefined, idle: readonly number[]): string {
  const { requests, now, changed, hit, freed, falseHits, bad } = report;
  const share = (count: number): string => `${group(count)} (${((count / requests) * 100).toFixed(2)} %)`;
  const counts = isChange
    ? `The rules in force hit ${share(now)}, the changed ones ${share(changed)}: ${group(hit)} more are hit, ${group(freed)} freed.`
    : `The rules in force hit ${share(now)}.`;
  const allowed = most === undefined ? '' : `; ${group(most)} are allowed`;
  return [
    `${group(requests)} requests. ${counts}`,
    `Of those hit, ${group(falseHits)} are not called attacks by the record${allowed}.`,
    ...tables(report, isChange),
    ...examplesOf(report),
    ...(idle.length === 0 ? [] : ['']),
    ...idle.slice(0, MAX_ROWS).map((place) => `Exception ${place} fitted nothing.`),
    ...(bad === 0
      ? []
      : [`\n${group(bad)} could not be read:`, ...flawsOf(report).map(({ at, reason }) => `  ${at} ${reason}`)]),
  ].join('\n');
}

function tables({ byRule, byRoute, byLabel }: ReplayReport, isChange: boolean): readonly string[] {
  const kinds = [
    ['rule', byRule.map(({ rule, ...both }) => ({ name: rule, ...both }))],
    ['route', byRoute.map(({ route, ...both }) => ({ name: route, ...both }))],
    ['label', byLabel.map(({ label, ...both }) => ({ name: label, ...both }))],
  ] as const;
  return kinds.flatMap(([head, rows]) => {
    const told = rows.filter(({ now, changed }) => head === 'label' || now + changed > 0);
    if (told.length === 0) return [];
    const cells = told.slice(0, MAX_ROWS).map(({ name, now, changed, hit, freed, ...more }) => {
      const of = 'requests' in more ? [String(more.requests)] : [];
      return [name, ...of, String(now), ...(isChange ? [String(changed), `+${hit}`, `-${freed}`] : [])];
    });
    const of = head === 'rule' ? [] : ['requests'];
    const heads = [head, ...of, 'hit now', ...(isChange ? ['changed', 'more', 'freed'] : [])];
    const rest = told.length > MAX_ROWS ? [`(${told.length - MAX_ROWS} more; see --json)`] : [];
    return ['', tableOf(heads, cells), ...rest];
  });
}

function examplesOf({ examples }: ReplayReport): readonly string[] {
  if (examples.length === 0) return [];
  const lines = examples.map(
    ({ place, fate, route, at, rules, score, evidence }) =>
      `  ${fate} ${place}: ${route}, ${at}, ${score} by ${rules.slice(0, 3).join(', ')}: ${evidence}`,
  );
  return ['\nExamples:', ...lines];
}
