import type { Route } from '../http/index.ts';
import type { Trial, Tried } from './explain-trial.ts';
import type { BadSample, Read, Sample } from './replay-sample.ts';

/** How often something was found, by the rules in force and by the changed ones. */
export interface Both {
  readonly now: number;
  readonly changed: number;
  /** Found by the changed rules alone. */
  readonly hit: number;
  /** Found by the rules in force alone. */
  readonly freed: number;
}

export interface ReplayReport extends Both {
  readonly requests: number;
  /** Those hit by the changed rules that the record does not call attacks. */
  readonly falseHits: number;
  readonly byRule: readonly (Both & { readonly rule: string })[];
  readonly byRoute: readonly (Both & { readonly route: string; readonly requests: number })[];
  readonly byLabel: readonly (Both & { readonly label: string; readonly requests: number })[];
  readonly examples: readonly Example[];
  /** The reasons of exceptions that changed a verdict by the changed rules. */
  readonly excepted: readonly string[];
  readonly bad: number;
  /** The first of those that could not be read. */
  readonly badSamples: readonly BadSample[];
}

/** A request whose fate changes, or that is hit though it is honest, with nothing secret of it. */
export interface Example {
  readonly place: string;
  readonly fate: 'hit' | 'freed' | 'false';
  readonly route: string;
  readonly at: string;
  readonly rules: readonly string[];
  readonly score: number;
  readonly evidence: string;
}

export interface Replay {
  add(read: Read): void;
  report(): ReplayReport;
}

export interface ReplayDeps {
  readonly now: Pick<Trial, 'judge'>;
  /** The same as `now` where only the rules in force are asked about. */
  readonly changed: Pick<Trial, 'judge'>;
  readonly routeOf: (sample: Sample) => Route;
}

type Count = { -readonly [Key in keyof Both]: number } & { requests: number };

const MAX_EXAMPLES = 10;
const MAX_BAD = 20;
const MAX_LABELS = 100;
/** What a record may call a request that is none; all else that it calls by a name is an attack. */
const HONEST = /^(?:|0|false|no|none|benign|honest|clean|good|ok|normal|legit(?:imate)?|harmless|negative|valid)$/i;
const OTHERS = 'others';

/** Asks of each recorded request what the rules in force and the changed ones make of it. Sends nothing, and keeps counts alone. */
export function createReplay({ now, changed, routeOf }: ReplayDeps): Replay {
  const all = none();
  const byRule = new Map<string, Count>();
  const byRoute = new Map<string, Count>();
  const byLabel = new Map<string, Count>();
  const examples: Example[] = [];
  const badSamples: BadSample[] = [];
  const excepted = new Set<string>();
  let bad = 0;
  let falseHits = 0;

  function judge(sample: Sample): void {
    const route = routeOf(sample);
    const name = `${route.method} ${route.path}`;
    const before = now.judge(route, sample);
    const after = changed === now ? before : changed.judge(route, sample);
    const [was, is] = [isAttack(before), isAttack(after)];
    tally(all, was, is);
    for (const because of after.verdicts.flatMap((one) => one.excepted)) excepted.add(because);
    tally(countOf(byRoute, name), was, is);
    if (sample.label !== undefined) tally(countOf(byLabel, sample.label, MAX_LABELS), was, is);
    const isFalse = is && HONEST.test(sample.label ?? '');
    if (isFalse) falseHits++;
    const [rulesBefore, rulesAfter] = [rulesOf(before), rulesOf(after)];
    for (const rule of new Set([...rulesBefore, ...rulesAfter]))
      tally(countOf(byRule, rule), rulesBefore.has(rule), rulesAfter.has(rule));
    if (was !== is) keepExample(sample.place, name, is ? 'hit' : 'freed', is ? after : before);
    else if (isFalse) keepExample(sample.place, name, 'false', after);
  }

  function keepExample(place: string, route: string, fate: Example['fate'], { verdicts }: Tried): void {
    if (examples.filter((one) => one.fate === fate).length >= MAX_EXAMPLES) return;
    const strongest = verdicts.flatMap(({ findings }) => findings).toSorted((one, other) => other.score - one.score)[0];
    if (strongest === undefined) return;
    const { at, hits, score } = strongest;
    const rules = hits.map(({ rule }) => rule);
    examples.push({ place, fate, route, at, rules, score, evidence: hits[0]?.evidence ?? '' });
  }

  return {
    add: (read) => {
      if ('sample' in read) return judge(read.sample);
      bad++;
      if (badSamples.length < MAX_BAD) badSamples.push(read.bad);
    },
    report: () => ({
      ...all,
      falseHits,
      byRule: sorted(byRule).map(([rule, { requests: _, ...both }]) => ({ rule, ...both })),
      byRoute: sorted(byRoute).map(([route, both]) => ({ route, ...both })),
      byLabel: sorted(byLabel).map(([label, both]) => ({ label, ...both })),
      examples,
      excepted: [...excepted],
      bad,
      badSamples,
    }),
  };
}

const none = (): Count => ({ requests: 0, now: 0, changed: 0, hit: 0, freed: 0 });

function countOf(counts: Map<string, Count>, key: string, most = Number.POSITIVE_INFINITY): Count {
  const name = counts.has(key) || counts.size < most ? key : OTHERS;
  const known = counts.get(name);
  if (known !== undefined) return known;
  const made = none();
  counts.set(name, made);
  return made;
}

function tally(count: Count, was: boolean, is: boolean): void {
  count.requests++;
  if (was) count.now++;
  if (is) count.changed++;
  if (is && !was) count.hit++;
  if (was && !is) count.freed++;
}

const isAttack = ({ verdicts }: Tried): boolean => verdicts.some(({ attack }) => attack);

/** Of the attacks alone: a rule that adds too little to be one refuses nobody. */
const rulesOf = ({ verdicts }: Tried): ReadonlySet<string> =>
  new Set(
    verdicts
      .filter(({ attack }) => attack)
      .flatMap(({ findings }) => findings.flatMap(({ hits }) => hits.map(({ rule }) => rule))),
  );

/** Those first whose figures change most. */
const sorted = (counts: Map<string, Count>): readonly (readonly [string, Count])[] =>
  [...counts].toSorted(([, one], [, other]) => weightOf(other) - weightOf(one));

const weightOf = ({ hit, freed, changed, now }: Count): number => (hit + freed) * 1e9 + changed + now;
