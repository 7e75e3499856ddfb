/** `npm run bench:detection`: how much is seen, how much is refused wrongly, and what it costs. Progress goes to stderr. */
import { existsSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { type HostileTime, hostileTimes } from './hostile.ts';
import { isMet, type JudgeOf, judgesOf, measure, type Outcome, percentOf } from './measure.ts';
import type { Probe, Series } from './probe.ts';
import { allSeries, FULL, QUICK } from './series.ts';
import { sourcesOf, tableOf, timesOf } from './table.ts';
import { openTwinkeep } from './twinkeep.ts';
import { sharedPath } from './vectors-folder.ts';

const USAGE = `usage: npm run bench:detection -- [SERIES...] [--quick] [--json] [--misses SERIES] [--false SERIES]

  SERIES         the start of a name is enough: sqli, own/, mutated/url, past/, crs; all without one
  --misses ID    attacks of a series that were not seen, with what was found in them
  --false ID     honest texts of a series that were refused, with the rules that did it
  --sources      each source by itself
  --quick        fewer of what is made from the corpora, and all by the shipped model, which has seen them
  --json         all figures as JSON on stdout

The corpora are read from ../shared/vectors beside the repository, or from the folder that TWINKEEP_VECTORS names.`;

function main(): number {
  const { values, positionals } = parseArgs({
    options: {
      quick: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      sources: { type: 'boolean', default: false },
      misses: { type: 'string' },
      false: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
    allowPositionals: true,
  });
  if (values.help) {
    console.log(USAGE);
    return 0;
  }
  if (!existsSync(sharedPath('')))
    console.error(`no shared vectors at ${sharedPath('')}: only our own texts are tried; set TWINKEEP_VECTORS`);
  const subject = openTwinkeep(values.quick ? undefined : sharedPath);
  const all = allSeries(sharedPath, subject, values.quick ? QUICK : FULL);
  const wanted = [values.misses, values.false].filter((id) => id !== undefined);
  const starts = [...positionals, ...wanted];
  const chosen = starts.length === 0 ? all : all.filter(({ id }) => starts.some((start) => isMeant(id, start, all)));
  const unknown = starts.filter((start) => !all.some(({ id }) => id.startsWith(start)));
  if (unknown.length > 0) {
    console.error(`no such series: ${unknown.join(', ')}\n\n${USAGE}`);
    return 2;
  }
  const judgeOf = judgesOf(subject);
  const outcomes = chosen.map((series) => told(series, judgeOf));
  const times = starts.length === 0 ? [...hostileTimes(subject, values.quick)] : [];
  if (values.json) console.log(JSON.stringify({ subject: subject.name, series: outcomes.map(plain), times }, null, 2));
  else if (wanted.length > 0) printWrong(outcomes);
  else print(outcomes, times, values.sources);
  subject.dispose();
  return summary(outcomes, times);
}

/** The start of a name is enough, unless it is a name itself: `text` is not `text_hard` as well. */
const isMeant = (id: string, start: string, all: readonly Series[]): boolean =>
  all.some((series) => series.id === start) ? id === start : id.startsWith(start);

function told(series: Series, judgeOf: JudgeOf): Outcome {
  const begin = performance.now();
  const outcome = measure(series, judgeOf);
  console.error(`${series.id}: ${outcome.strong.n} in ${((performance.now() - begin) / 1e3).toFixed(1)} s`);
  return outcome;
}

function print(outcomes: readonly Outcome[], times: readonly HostileTime[], sources: boolean): void {
  for (const table of new Set(outcomes.map((outcome) => outcome.table))) {
    const own = outcomes.filter((outcome) => outcome.table === table);
    console.log(`${tableOf(table, own)}\n`);
    if (table === 'attacks' || sources) console.log(`${sourcesOf(own.filter(({ kind }) => kind === 'attack'))}\n`);
  }
  if (times.length > 0) console.log(`${timesOf(times)}\n`);
}

const SHOWN = 400;

function printWrong(outcomes: readonly Outcome[]): void {
  for (const { id, wrong, strong } of outcomes) {
    console.log(`${id}: ${wrong.length} of ${strong.n}`);
    for (const { probe, verdict } of wrong) {
      const place = verdict.at === undefined ? '' : ` at ${verdict.at}`;
      console.log(`  ${probe.id} [${probe.source}] ${verdict.score}${place} ${verdict.why ?? ''}`);
      console.log(`    ${JSON.stringify(shownOf(probe)).slice(0, SHOWN)}`);
    }
  }
}

const shownOf = ({ input }: Probe): string => (input.kind === 'value' ? input.text : input.shown);

function plain(outcome: Outcome) {
  const { id, table, kind, bar, strong, weak, bySource, byGroup, time } = outcome;
  const counts = { blockedPercent: percentOf(strong), strong, weak };
  const groups = { bySource: Object.fromEntries(bySource), byGroup: Object.fromEntries(byGroup) };
  return { id, table, kind, bar, isMet: isMet(outcome), ...counts, ...groups, time };
}

function summary(outcomes: readonly Outcome[], times: readonly HostileTime[]): number {
  const short = outcomes.filter((outcome) => isMet(outcome) === false).map(({ id }) => id);
  const slow = times.filter(({ ms, bar }) => ms > bar).map(({ name, characters }) => `${name} (${characters})`);
  console.error(short.length + slow.length === 0 ? 'every bar is met' : `short: ${[...short, ...slow].join(', ')}`);
  return short.length + slow.length === 0 ? 0 : 1;
}

process.exit(main());
