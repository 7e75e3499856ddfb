import type { DetectedRoute } from './detection.ts';
import type { Tried } from './explain-trial.ts';
import { fieldName } from './field-name.ts';
import type { Exception, PresetName } from './inspection-config.ts';
import type { AttackClass, Rule } from './judge/index.ts';
import { NO_EXCEPTION } from './known-rules.ts';
import { presetsFor } from './presets.ts';
import type { Finding, Mode, Verdict } from './verdict.ts';

/** A verdict in words, and what to do about it where it is wrong. Holds no secret: its evidence is redacted. */
export interface Explanation {
  readonly attack: boolean;
  readonly score: number;
  readonly threshold: number;
  readonly mode: Mode;
  readonly would:
    | 'be refused'
    | 'be told of and let through'
    | 'pass'
    | 'be refused unread: 415'
    | 'be refused unread: 413';
  readonly findings: readonly ExplainedFinding[];
  /** The reasons of exceptions that changed it. */
  readonly excepted: readonly string[];
  /** What lets the same pass, with a reason still to be written; empty where no exception can. */
  readonly exceptions: readonly Exception[];
  /** Presets that stand for them. */
  readonly presets: readonly PresetName[];
}

export interface ExplainedFinding {
  readonly at: string;
  readonly class: AttackClass;
  readonly score: number;
  readonly rules: readonly ExplainedHit[];
}

export interface ExplainedHit {
  readonly rule: string;
  readonly title: string;
  readonly weight: number;
  /** The reading of the text in which it was seen. */
  readonly view: string;
  readonly evidence: string;
}

/** Of what no rule of a file says: what the judge, the walk and the model find by themselves. */
const TITLES: Readonly<Record<string, string>> = {
  'model-attack': 'the linear model; these runs of tokens spoke loudest',
  'evasion-costly': 'more to look at than one request may ask for',
  'evasion-overlong': 'characters in more bytes than they need',
  'evasion-overlongs': 'many characters in more bytes than they need',
  'evasion-layers': 'encoded several times over',
  'evasion-full-width': 'full-width forms of plain characters',
  'evasion-null': 'a zero byte inside of a text',
  'evasion-percent-u': 'percent-encoding by %u, which no standard knows',
  'evasion-cut': 'more text than is looked at',
  'evasion-unread': 'a part that was not looked at',
  'evasion-content-encoding': 'a content encoding that is not known, or is not what it says',
  'evasion-charset': 'a character set that is not known',
  'evasion-malformed': 'not what its content type says',
  'evasion-too-deep': 'nested deeper than honest data',
  'evasion-too-many': 'more values than honest data has',
};

/** @param route of the exception, as `routeAsked` says it; everywhere where there is none */
export function explain(
  { verdicts, mode }: Pick<Tried, 'verdicts' | 'mode'>,
  threshold: number,
  rules: readonly Pick<Rule, 'id' | 'title'>[],
  route?: string,
): Explanation {
  const titles = new Map(rules.map(({ id, title }) => [id, title]));
  const attack = verdicts.some((one) => one.attack);
  const findings = verdicts.flatMap((one) => one.findings).toSorted((one, other) => other.score - one.score);
  const exceptions = attack ? distinct(verdicts.flatMap((one) => exceptionsFor(one, route))) : [];
  return {
    attack,
    score: Math.max(0, ...verdicts.map(({ score }) => score)),
    threshold,
    mode,
    would: wayOf(attack, mode, verdicts),
    findings: findings.map(({ at, class: kind, score, hits }) => ({
      ...{ at, class: kind, score },
      rules: hits.map(({ rule, weight, view, evidence }) => {
        return { rule, title: titles.get(rule) ?? TITLES[rule] ?? rule, weight, view, evidence };
      }),
    })),
    excepted: [...new Set(verdicts.flatMap((one) => one.excepted))],
    exceptions,
    presets: presetsFor(exceptions),
  };
}

function wayOf(attack: boolean, mode: Mode, verdicts: readonly Verdict[]): Explanation['would'] {
  if (attack && mode !== 'off') return mode === 'block' ? 'be refused' : 'be told of and let through';
  const unreadable = mode === 'block' ? verdicts.find((one) => one.unreadable !== undefined)?.unreadable : undefined;
  if (unreadable === undefined) return 'pass';
  return unreadable === 'unsupported' ? 'be refused unread: 415' : 'be refused unread: 413';
}

/** The fewest rules at the fewest places, so that what is let through is this and little else. */
function exceptionsFor(
  { attack, findings, score, threshold }: Verdict,
  route: string | undefined,
): readonly Exception[] {
  if (!attack) return [];
  const inTexts = findings.filter(({ hits }) => hits.every(({ rule }) => !NO_EXCEPTION.test(rule)));
  const odd = score - Math.max(0, ...inTexts.map((one) => one.score));
  if (odd >= threshold) return [];
  return inTexts.flatMap((finding) => enough(finding, threshold - odd, route));
}

function enough({ at, score, hits }: Finding, bound: number, route: string | undefined): readonly Exception[] {
  const exceptions: Exception[] = [];
  let left = score;
  for (const { rule, weight } of hits) {
    if (left < bound) break;
    left -= weight;
    exceptions.push({ ...(route === undefined ? {} : { route }), field: fieldOf(at), rule, because: '' });
  }
  return exceptions;
}

/** What an exception for a request names: of a route that is open at its end (`/*`) the path that was asked for. */
export function routeAsked({ method, path }: Pick<DetectedRoute, 'method' | 'path'>, url: string): string | undefined {
  if (!path.startsWith('/')) return undefined;
  const [asked = ''] = url.split(/[?#]/, 1);
  return path.endsWith('*') && asked.startsWith(path.slice(0, -1))
    ? `${method} ${asked.slice(0, 200)}`
    : `${method} ${path}`;
}

/** A place as exceptions name it: without indexes, in lower case; one that was shortened stands for all below. */
export function fieldOf(at: string): string {
  const field = fieldName(at);
  return field.endsWith('…') ? `${field.slice(0, 200)}*` : field.slice(0, 256);
}

function distinct(exceptions: readonly Exception[]): readonly Exception[] {
  return [...new Map(exceptions.map((one) => [JSON.stringify(one), one])).values()];
}
