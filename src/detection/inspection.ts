import type { IncomingHttpHeaders } from 'node:http';
import { type CleanHeaders, createCleanHeaders } from './clean-headers.ts';
import { findingOf, keep, type Spot, verdictOf } from './findings.ts';
import type { Exception } from './inspection-config.ts';
import { type Budget, type Channel, type Hit, type Judge, type Judgement, newBudget } from './judge/index.ts';
import { protocolHits } from './protocol.ts';
import { createRepeats, mayBePiece, type Repeats } from './repeats.ts';
import { type PlanOf, plansOf, type RoutePlan } from './route-plan.ts';
import type { Finding, Mode, Verdict } from './verdict.ts';
import { type Cursor, type HeaderMemory, type Oddity, type Visit, walkBody, walkHead } from './walk/index.ts';

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

const REST_UNREAD: Oddity = { code: 'unread', at: 'body' };
/** The place of what stands between the parts of a head. */
const WHOLE_HEAD = { at: () => 'head', field: () => 'head' };

export function createInspection({ judge, threshold, exceptions }: InspectionDeps): Inspection {
  const plans = new WeakMap<InspectedRoute, PlanOf>();
  const cleanHeaders = createCleanHeaders();
  const planOf = (route: InspectedRoute, { url }: Head): RoutePlan => {
    const known = plans.get(route);
    if (known !== undefined) return known(url);
    const made = plansOf(route, exceptions);
    plans.set(route, made);
    return made(url);
  };

  /** Looks at the first texts as the walk comes by them, and at all others behind it, with a pause now and then. */
  function* inspect({ mode }: InspectedRoute, walked: Walked): Generator<void, Verdict | undefined> {
    const { walk, plan, hits, atOnce, compressed } = walked;
    const seen = seeing(atOnce, compressed);
    const oddities = walk((text, cursor) => {
      if ((cursor.part === 'body' ? plan.hasUnseen : plan.hasUnseenInHead) && plan.isUnseen(cursor.listed())) {
        seen.isClean = false; // for this route alone
        return;
      }
      const channel = channelOf(text, cursor, plan);
      if (mayBePiece(text, cursor)) {
        seen.repeats ??= createRepeats();
        seen.repeats.add(text, channel, cursor);
      }
      const cost = text.length + LEAF_COST;
      if (cost > seen.atOnce) {
        seen.later.push({ text, channel, place: placeOf(cursor) });
        return;
      }
      seen.atOnce -= cost;
      const spared = plan.sparedAt?.(cursor.field());
      if (seen.budget.left < RESERVE && spared?.isAll !== true) putOff({ text, channel, place: cursor }, seen);
      else note(judge.judge(text, channel, seen.budget, spared), cursor, plan, seen);
      if (channel === 'text') seen.isClean = false;
    }, seen);
    for (const { text, channel, at, field } of seen.repeats?.joined() ?? [])
      seen.later.push({ text, channel, place: { at: () => at, field: () => field } });
    if (seen.later.length > 0) yield* inspectLater(plan, seen);
    for (const { place, channel, texts } of seen.rest.values()) {
      const spared = plan.sparedAt?.(place.field());
      note(yield* judge.judgeInSteps(texts.join('\n'), channel, seen.budget, spared), place, plan, seen);
      yield;
    }
    if (hits.length > 0) {
      const score = hits.reduce((sum, { weight }) => sum + weight, 0);
      note({ score, class: 'protocol', hits }, WHOLE_HEAD, plan, seen);
    }
    return verdictOf(mode, seen, oddities, threshold);
  }

  function* inspectLater(plan: RoutePlan, seen: Seen): Generator<void> {
    yield;
    let since = 0;
    for (const leaf of seen.later) {
      const { text, channel, place } = leaf;
      const spared = plan.sparedAt?.(place.field());
      if (seen.budget.left < RESERVE && spared?.isAll !== true) {
        putOff(leaf, seen);
        continue;
      }
      note(yield* judge.judgeInSteps(text, channel, seen.budget, spared), place, plan, seen);
      since += text.length + LEAF_COST;
      if (since < STEP) continue;
      since = 0;
      yield;
    }
  }

  function* bodyInSteps(
    head: Head,
    body: Uint8Array,
    route: InspectedRoute,
    isWhole: boolean,
    atOnce: number,
  ): Generator<void, Verdict | undefined> {
    if (route.mode === 'off') return undefined;
    const plan = planOf(route, head);
    const walk = (visit: Visit): readonly Oddity[] => {
      if (plan.isUnseen('body')) return []; // unseen is not even walked
      const oddities = walkBody(head.headers, body, visit);
      return isWhole ? oddities : [...oddities, REST_UNREAD];
    };
    const compressed = head.headers['content-encoding'] === undefined ? undefined : body.length;
    return yield* inspect(route, { walk, plan, hits: NO_HITS, atOnce, compressed });
  }

  return {
    head: (head, route) => {
      if (route.mode === 'off') return undefined;
      const walk: Walked['walk'] = (visit, seen) => walkHead(head, visit, memoryOf(cleanHeaders, seen));
      return ended(inspect(route, { walk, plan: planOf(route, head), hits: protocolHits(head), atOnce: ALL }));
    },
    body: (head, body, route, isWhole = true) => ended(bodyInSteps(head, body, route, isWhole, ALL)),
    bodyInSteps: (head, body, route, isWhole = true) => bodyInSteps(head, body, route, isWhole, STEP),
  };
}

/** What is looked at, and how. */
interface Walked {
  readonly walk: (visit: Visit, seen: Seen) => readonly Oddity[];
  readonly plan: RoutePlan;
  /** What was found already, of the head as a whole. */
  readonly hits: readonly Hit[];
  /** Characters that are looked at without a pause. */
  readonly atOnce: number;
  /** Bytes of a body that is unpacked: what few of them grow to earns no more than they do. */
  readonly compressed?: number | undefined;
}

const NO_HITS: readonly Hit[] = [];
const ALL = Number.POSITIVE_INFINITY;

/** Without its pauses. */
function ended<Result>(steps: Generator<void, Result>): Result {
  for (;;) {
    const { done, value } = steps.next();
    if (done === true) return value;
  }
}

/** A header is remembered where all of it was looked at, as on any route, and nothing was found. */
const memoryOf = (headers: CleanHeaders, seen: Seen): HeaderMemory => ({
  isKnown: (name, value) => {
    if (headers.has(name, value)) return true;
    seen.isClean = true;
    return false;
  },
  walked: (name, value) => {
    if (seen.isClean) headers.add(name, value);
  },
});

/** What was found so far, and the reasons of exceptions that changed something. */
interface Seen {
  readonly findings: Finding[];
  readonly excepted: Set<string>;
  /** One for all texts of a request: ten thousand of them must not cost what ten thousand requests do. */
  readonly budget: Budget;
  /** Texts that came when half of it was used up: those of a field are looked at together. */
  readonly rest: Map<string, Rest>;
  /** Made where something comes that could be a piece. */
  repeats: Repeats | undefined;
  /** Characters that may still be looked at before a pause, and what is looked at behind that. */
  atOnce: number;
  readonly later: Leaf[];
  /** Whether nothing was found, and nothing left out, since that was last asked. */
  isClean: boolean;
}

const seeing = (atOnce: number, compressed: number | undefined): Seen => ({
  findings: [],
  excepted: new Set(),
  budget: newBudget(compressed),
  rest: new Map(),
  repeats: undefined,
  atOnce,
  later: [],
  isClean: true,
});
/** What is kept of the budget for all that is looked at together. */
const RESERVE = newBudget().left / 2;
/** Of so many fields the texts are looked at by themselves, of all others together. */
const MAX_REST_FIELDS = 32;
const THE_REST = { at: () => 'the rest', field: () => 'the rest' };

/** Texts of one field that were put off, as values of the place of the first. */
interface Rest {
  readonly place: Spot;
  readonly channel: Channel;
  readonly texts: string[];
}

function putOff({ text, channel, place }: Leaf, seen: Seen): void {
  const { rest } = seen;
  seen.isClean = false;
  const key = `${channel} ${place.field()}`;
  const own = rest.get(key) ?? (rest.size < MAX_REST_FIELDS ? undefined : rest.get(''));
  if (own !== undefined) own.texts.push(text);
  else if (rest.size < MAX_REST_FIELDS) rest.set(key, { place: placeOf(place), channel, texts: [text] });
  else rest.set('', { place: THE_REST, channel: 'value', texts: [text] });
}

function note(judgement: Judgement | undefined, place: Spot, plan: RoutePlan, seen: Seen): void {
  if (judgement === undefined) return;
  seen.isClean = false;
  const finding = findingOf(judgement, place, plan, seen.excepted);
  if (finding !== undefined) keep(seen.findings, finding);
}

/** A text to be judged later, when the walk is elsewhere. */
interface Leaf {
  readonly text: string;
  readonly channel: Channel;
  readonly place: Spot;
}

/** Characters between two pauses, and what a text costs besides its own. */
const STEP = 2_048;
const LEAF_COST = 64;

function placeOf(spot: Spot): Spot {
  const [at, field] = [spot.at(), spot.field()];
  return { at: () => at, field: () => field };
}

/** A document of markup. */
const MARKUP = /^[\s\ufeff]*</;

function channelOf(text: string, cursor: Cursor, { hasText, isText }: Pick<RoutePlan, 'hasText' | 'isText'>): Channel {
  if (cursor.isBinary) return 'binary';
  if (cursor.isDocument) return 'document';
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
