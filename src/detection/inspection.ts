import { createHash } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import type { Exception } from './inspection-config.ts';
import { type Budget, type Channel, type Hit, type Judge, type Judgement, newBudget } from './judge/index.ts';
import { createVerdictCache } from './judge/verdict-cache.ts';
import { protocolHits } from './protocol.ts';
import { redact } from './redact.ts';
import type { Finding, Mode, Verdict } from './verdict.ts';
import { type Cursor, type Oddity, type Visit, walkBody, walkHead } from './walk/index.ts';

/** How a route is looked at. */
export interface InspectedRoute {
  /** `GET /v1/x`: what exceptions name. */
  readonly name: string;
  readonly mode: Mode;
  /** Fields of free text, which weigh as running text: `body.note`, `body.items.*`. */
  readonly text: readonly string[];
  /** Fields that are not looked at, for what they hold is interpreted nowhere: passwords, sealed texts. */
  readonly unseen: readonly string[];
}

export interface Head {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
}

/** Looks at requests, whole. Every call is synchronous and bounded. */
export interface Inspection {
  /** @returns undefined where nothing was found, or the route is not looked at */
  head(head: Head, route: InspectedRoute): Verdict | undefined;
  /** @param isWhole false where more of it follows, unseen: that counts as an oddity of its own */
  body(head: Head, body: Uint8Array, route: InspectedRoute, isWhole?: boolean): Verdict | undefined;
  /** The same, with a pause after every few KB of text: a large body must not keep everybody else waiting. */
  bodyInSteps(
    head: Head,
    body: Uint8Array,
    route: InspectedRoute,
    isWhole?: boolean,
  ): Generator<void, Verdict | undefined>;
}

export interface InspectionDeps {
  readonly judge: Judge;
  readonly threshold: number;
  readonly exceptions: readonly Exception[];
}

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
const REST_UNREAD: Oddity = { code: 'unread', at: 'body' };
/** The place of what stands between the parts of a head. */
const WHOLE_HEAD = { at: () => 'head', field: () => 'head' };
const MAX_FINDINGS = 10;
/** Headers that stay the same for a session. */
const SECRETS = ['authorization', 'cookie', 'x-api-key'] as const;
/** Headers that are remembered, and how long they may be: at most 16 MB of them. */
const REMEMBERED = 2_000;
const MOST_REMEMBERED = 2_048;

export function createInspection({ judge, threshold, exceptions }: InspectionDeps): Inspection {
  const plans = new WeakMap<InspectedRoute, RoutePlan>();
  const cleanHeaders = createVerdictCache<true>(REMEMBERED);
  const planOf = (route: InspectedRoute): RoutePlan => {
    const known = plans.get(route);
    if (known !== undefined) return known;
    const plan = makePlan(route, exceptions);
    plans.set(route, plan);
    return plan;
  };

  /** Whether nothing is found in a header, of whatever route. */
  function isCleanHeader(name: string, value: string): boolean {
    const key = `${name}\n${value}`;
    if (cleanHeaders.get(key) !== undefined) return true;
    let isClean = true;
    const oddities = walkHead({ method: '', url: '', headers: { [name]: value } }, (text, cursor) => {
      if (judge.judge(text, channelOf(text, cursor, ANY_ROUTE)) !== undefined) isClean = false;
    });
    if (!isClean || oddities.length > 0) return false;
    cleanHeaders.set(key, true);
    return true;
  }

  /** A token comes with each request of its session: what stands in it is looked at once. */
  function withoutKnown(head: Head): Head {
    let headers: IncomingHttpHeaders | undefined;
    for (const name of SECRETS) {
      const value = head.headers[name];
      if (typeof value !== 'string' || value.length > MOST_REMEMBERED || !isCleanHeader(name, value)) continue;
      headers ??= { ...head.headers };
      delete headers[name];
    }
    return headers === undefined ? head : { method: head.method, url: head.url, headers };
  }

  /** @param known what was found already, of the head as a whole */
  function inspect(
    route: InspectedRoute,
    walk: (visit: Visit) => readonly Oddity[],
    known: readonly Hit[] = [],
  ): Verdict | undefined {
    if (route.mode === 'off') return undefined;
    const plan = planOf(route);
    const seen = seeing();
    const oddities = walk((text, cursor) => {
      if ((cursor.part === 'body' ? plan.hasUnseen : plan.hasUnseenInHead) && plan.isUnseen(cursor.field())) return;
      if (seen.budget.left < RESERVE) seen.rest.push(text);
      else note(judge.judge(text, channelOf(text, cursor, plan), seen.budget), cursor, plan, seen);
    });
    if (seen.rest.length > 0) note(judge.judge(restOf(seen), 'value', seen.budget), THE_REST, plan, seen);
    if (known.length > 0) {
      const score = known.reduce((sum, { weight }) => sum + weight, 0);
      note({ score, class: 'protocol', hits: known }, WHOLE_HEAD, plan, seen);
    }
    return told(route, seen, oddities);
  }

  function* inspectInSteps(
    route: InspectedRoute,
    walk: (visit: Visit) => readonly Oddity[],
  ): Generator<void, Verdict | undefined> {
    if (route.mode === 'off') return undefined;
    const plan = planOf(route);
    const seen = seeing();
    const leaves: Leaf[] = [];
    const oddities = walk((text, cursor) => {
      if (plan.hasUnseen && plan.isUnseen(cursor.field())) return;
      leaves.push({ text, channel: channelOf(text, cursor, plan), place: placeOf(cursor) });
    });
    yield;
    let since = 0;
    for (const { text, channel, place } of leaves) {
      if (seen.budget.left < RESERVE) {
        seen.rest.push(text);
        continue;
      }
      note(yield* judge.judgeInSteps(text, channel, seen.budget), place, plan, seen);
      since += text.length + LEAF_COST;
      if (since < STEP) continue;
      since = 0;
      yield;
    }
    if (seen.rest.length > 0) note(yield* judge.judgeInSteps(restOf(seen), 'value', seen.budget), THE_REST, plan, seen);
    return told(route, seen, oddities);
  }

  function told({ mode }: InspectedRoute, { findings, excepted }: Seen, oddities: readonly Oddity[]) {
    if (findings.length === 0 && oddities.length === 0 && excepted.size === 0) return undefined;
    return verdictOf(mode, findings, oddities, excepted);
  }

  function verdictOf(
    mode: Mode,
    found: readonly Finding[],
    oddities: readonly Oddity[],
    excepted: ReadonlySet<string>,
  ): Verdict {
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

  return {
    head: (head, route) => {
      if (route.mode === 'off') return undefined;
      const left = withoutKnown(head);
      return inspect(route, (visit) => walkHead(left, visit), protocolHits(head));
    },
    body: (head, body, route, isWhole = true) =>
      planOf(route).isUnseen('body') ? undefined : inspect(route, walkOf(head, body, isWhole)), // unseen is not even walked
    *bodyInSteps(head, body, route, isWhole = true) {
      if (planOf(route).isUnseen('body')) return undefined;
      return yield* inspectInSteps(route, walkOf(head, body, isWhole));
    },
  };
}

const walkOf =
  ({ headers }: Head, body: Uint8Array, isWhole: boolean) =>
  (visit: Visit): readonly Oddity[] => {
    const oddities = walkBody(headers, body, visit);
    return isWhole ? oddities : [...oddities, REST_UNREAD];
  };

/** What was found so far, and the reasons of exceptions that changed something. */
interface Seen {
  readonly findings: Finding[];
  readonly excepted: Set<string>;
  /** One for all texts of a request: ten thousand of them must not cost what ten thousand requests do. */
  readonly budget: Budget;
  /** Texts that came when half of it was used up: they are looked at together. */
  readonly rest: string[];
}

const seeing = (): Seen => ({ findings: [], excepted: new Set(), budget: newBudget(), rest: [] });
/** What is kept of the budget for all that is looked at together. */
const RESERVE = newBudget().left / 2;
/** The place of what is looked at together. */
const THE_REST = { at: () => 'the rest', field: () => 'the rest' };
const restOf = ({ rest }: Seen): string => rest.join('\n');
function note(judgement: Judgement | undefined, place: Spot, plan: RoutePlan, { findings, excepted }: Seen): void {
  const finding = judgement === undefined ? undefined : findingOf(judgement, place, plan, excepted);
  if (finding !== undefined) keep(findings, finding);
}

type Spot = Pick<Cursor, 'at' | 'field'>;

/** A text to be judged later, when the walk is elsewhere. */
interface Leaf {
  readonly text: string;
  readonly channel: Channel;
  readonly place: Spot;
}

/** Characters between two pauses, and what a text costs besides its own. */
const STEP = 2_048;
const LEAF_COST = 64;

function placeOf(cursor: Cursor): Spot {
  const [at, field] = [cursor.at(), cursor.field()];
  return { at: () => at, field: () => field };
}

/** What of a route and its exceptions can be sorted out once. */
interface RoutePlan {
  readonly isText: (field: string) => boolean;
  readonly isUnseen: (field: string) => boolean;
  readonly exceptions: readonly Exception[];
  readonly hasText: boolean;
  readonly hasUnseen: boolean;
  readonly hasUnseenInHead: boolean;
}

const ANY_ROUTE = { hasText: false, isText: () => false };

function makePlan({ name, text, unseen }: InspectedRoute, exceptions: readonly Exception[]): RoutePlan {
  const path = name.slice(name.indexOf(' ') + 1);
  return {
    isText: anyOf(text),
    isUnseen: anyOf(unseen),
    hasText: text.length > 0,
    hasUnseen: unseen.length > 0,
    hasUnseenInHead: unseen.some((pattern) => !pattern.startsWith('body')),
    exceptions: exceptions.filter(
      ({ route }) => route === undefined || matches(route, name) || (!route.includes(' ') && matches(route, path)),
    ),
  };
}

const matches = (pattern: string, name: string): boolean =>
  pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : pattern === name;

const anyOf =
  (patterns: readonly string[]) =>
  (field: string): boolean =>
    patterns.some((pattern) => matches(pattern, field));

/** A document of markup. */
const MARKUP = /^[\s\ufeff]*</;

function channelOf(text: string, cursor: Cursor, { hasText, isText }: Pick<RoutePlan, 'hasText' | 'isText'>): Channel {
  if (cursor.isBinary) return 'binary';
  if (cursor.isName) return 'name';
  switch (cursor.part) {
    case 'path':
      return 'path';
    case 'header':
      return cursor.field() === 'header.user-agent' ? 'user-agent' : 'header';
    case 'query':
    case 'cookie':
    case 'body':
      if (hasText && isText(cursor.field())) return 'text';
      // By its place: elements of a list at the top have the field `body` as well.
      return cursor.part === 'body' && cursor.at() === 'body' && MARKUP.test(text) ? 'body' : 'value';
  }
}

/** @param excepted where the reasons of exceptions that changed something are put */
function findingOf(
  judgement: Judgement,
  cursor: Spot,
  { exceptions }: RoutePlan,
  excepted: Set<string>,
): Finding | undefined {
  const field = cursor.field();
  const at = cursor.at();
  const left = judgement.hits.filter((hit) => {
    const exception = exceptions.find((one) => isExcepted(one, field, hit.rule));
    if (exception !== undefined) excepted.add(exception.because);
    return exception === undefined;
  });
  if (left.length === 0) return undefined;
  const hits = left.map((hit) => ({ ...hit, evidence: redact(at, hit.evidence) }));
  const score =
    left.length === judgement.hits.length ? judgement.score : left.reduce((sum, one) => sum + one.weight, 0);
  return { at, score, class: judgement.class, hits };
}

const isExcepted = ({ field, rule }: Exception, at: string, id: string): boolean =>
  (field === undefined || matches(field, at)) && (rule === undefined || matches(rule, id));

/** The strongest few: a body of ten thousand texts must not make a verdict of as many. */
function keep(findings: Finding[], finding: Finding): void {
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
  for (const { at, hits } of findings)
    for (const { rule, evidence } of hits) hash.update(`${at}\n${rule}\n${evidence}\n`);
  return hash.digest('base64url').slice(0, 22);
}
