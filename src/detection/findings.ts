import { createHash } from 'node:crypto';
import type { Hit, Judgement } from './judge/index.ts';
import { redact, shapeOf } from './redact.ts';
import { isAbout, isExcepted, type RoutePlan } from './route-plan.ts';
import type { Finding, Mode, Verdict } from './verdict.ts';
import type { Cursor, Oddity } from './walk/index.ts';

/** Where something was found. */
export type Spot = Pick<Cursor, 'at' | 'field'>;

/** What stayed unseen is refused; what is only odd adds to what the texts say. */
const ODDITIES: Readonly<Record<Oddity['code'], 'whole' | number>> = {
  cut: 'whole',
  unread: 'whole',
  'content-encoding': 'whole',
  charset: 'whole',
  malformed: 2,
  'too-deep': 2,
  'too-many': 1,
};
const MAX_FINDINGS = 10;

/** What an inspection comes to. */
export interface Found {
  readonly findings: readonly Finding[];
  /** The reasons of exceptions that changed something. */
  readonly excepted: ReadonlySet<string>;
}

export function verdictOf(
  mode: Mode,
  { findings: found, excepted }: Found,
  oddities: readonly Oddity[],
  threshold: number,
): Verdict | undefined {
  if (found.length === 0 && oddities.length === 0 && excepted.size === 0) return undefined;
  const signs = oddities.filter(({ kind }) => kind === undefined);
  const unread = oddities.find(({ kind }) => kind !== undefined);
  const findings = [...found, ...signs.map((oddity) => oddFinding(oddity, threshold))].sort(
    (one, other) => other.score - one.score,
  );
  const odd = Math.max(0, ...signs.map(({ code }) => weightOf(code, threshold)));
  const score = Math.max(0, ...found.map((one) => one.score)) + odd;
  return {
    attack: score >= threshold,
    mode,
    score,
    threshold,
    findings: findings.slice(0, MAX_FINDINGS),
    excepted: [...excepted],
    unreadable: unread?.kind,
    fingerprint: fingerprintOf(findings),
  };
}

/** @param excepted where the reasons of exceptions that changed something are put */
export function findingOf(
  judgement: Judgement,
  cursor: Spot,
  { exceptions }: RoutePlan,
  excepted: Set<string>,
): Finding | undefined {
  const field = cursor.field();
  const at = cursor.at();
  for (const rule of judgement.spared ?? []) {
    const exception = exceptions.find((one) => isAbout(one, field, rule));
    if (exception !== undefined) excepted.add(exception.because);
  }
  const left = judgement.hits.filter((hit) => {
    const exception = exceptions.find((one) => isExcepted(one, field, hit.rule));
    if (exception !== undefined) excepted.add(exception.because);
    return exception === undefined;
  });
  if (left.length === 0) return undefined;
  const hits = left.map((hit) => ({ ...hit, evidence: redact(at, hit.evidence) }));
  const score =
    left.length === judgement.hits.length ? judgement.score : left.reduce((sum, one) => sum + one.weight, 0);
  return { at, score, class: judgement.class, hits, shape: left.map(({ evidence }) => shapeOf(evidence)).join('\n') };
}

/** The strongest few: a body of ten thousand texts must not make a verdict of as many. */
export function keep(findings: Finding[], finding: Finding): void {
  findings.push(finding);
  if (findings.length <= MAX_FINDINGS * 2) return;
  findings.sort((one, other) => other.score - one.score);
  findings.length = MAX_FINDINGS;
}

function weightOf(code: Oddity['code'], threshold: number): number {
  const weight = ODDITIES[code];
  return weight === 'whole' ? threshold : weight;
}

function oddFinding({ code, at }: Oddity, threshold: number): Finding {
  const weight = weightOf(code, threshold);
  const hit: Hit = { rule: `evasion-${code}`, class: 'evasion', weight, view: 'raw', evidence: '' };
  return { at, score: weight, class: 'evasion', hits: [hit] };
}

/** Of what matched and where, not of the request: the same link followed twice is one attack. */
function fingerprintOf(findings: readonly Finding[]): string {
  const hash = createHash('sha256');
  for (const { at, hits, shape = '' } of findings) {
    for (const { rule, evidence } of hits) hash.update(`${at}\n${rule}\n${evidence}\n`);
    hash.update(`${shape}\n`);
  }
  return hash.digest('base64url').slice(0, 22);
}
