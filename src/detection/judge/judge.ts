import { type Budget, decodeCost, earn, ISLAND_COST, newBudget } from './budget.ts';
import type { Match } from './engine.ts';
import { countsIn, type Place, weightOf } from './groups.ts';
import { type Island, islandsOf, isProse } from './islands.ts';
import { judgementOrNone, merged, scoreOf } from './judgement.ts';
import { createMemory, MOST_REMEMBERED } from './memory.ts';
import { createPanel, type LeftOut } from './panel.ts';
import { trickEvidence } from './trick-evidence.ts';
import type { Channel, Hit, Judgement, Rule, Spared } from './types.ts';
import { type Views, viewsOf } from './views.ts';

/** From one text to what it adds up to. */
export interface Judge {
  /**
   * @param budget of the request that the text stands in; one of its own unless told
   * @param spared rules that are left out, whatever they find
   * @returns undefined where nothing was found
   */
  judge(text: string, channel: Channel, budget?: Budget, spared?: Spared): Judgement | undefined;
  /** The same with a pause after each 4 KB and, where that is much work, within them, for who has others to see to. */
  judgeInSteps(
    text: string,
    channel: Channel,
    budget?: Budget,
    spared?: Spared,
  ): Generator<void, Judgement | undefined>;
  /** How often a rule or the model had to be asked so far: all else was proven clean, or known from before. */
  looks(): number;
  /**
   * Makes all that is otherwise made when it is first needed, in steps of some milliseconds. Nothing is slower for who
   * does without, but the first texts.
   */
  warm(): Generator<void>;
  dispose(): void;
}

export interface JudgeDeps {
  readonly rules: readonly Rule[];
  /** A second opinion on a value or island that the rules leave undecided. */
  readonly model?: SecondOpinion | undefined;
  /** False for a test that compares: without the prefilter every text is looked at. */
  readonly prefilter?: boolean;
  /** What makes an attack: what can't reach it need not be asked about. */
  readonly threshold?: number;
  /** How many texts are remembered with what they added up to; none for a measurement. */
  readonly remembered?: number;
}

/** @returns the weight that it adds, and why; undefined where it sees nothing */
export type SecondOpinion = (text: string, score: number, place: 'value' | 'island') => Hit | undefined;

/** libddwaf cuts strings at 4,096 bytes; a character may have three. */
const WINDOW = 4_000;
const WIDE_WINDOW = 1_300;
const OVERLAP = 256;
/** Work after which others may go on: some milliseconds. By what was done, not by the clock. */
const PAUSE = 1_000_000;
/** Values beyond are also looked at in pieces. */
const LONG_VALUE = 200;

/** Texts that come again: user agents, paths, the values of menus. At most about 8 MiB of them. */
const REMEMBERED = 4_096;

export function createJudge(deps: JudgeDeps): Judge {
  const { rules, model, threshold = 5, prefilter = true, remembered = REMEMBERED } = deps;
  const panel = createPanel(rules, threshold, prefilter);
  const tooMuch: Hit = { ...TOO_MUCH, weight: threshold };
  const neverMoreInIsland =
    model === undefined && rules.every((rule) => weightOf(rule, 'island') <= weightOf(rule, 'value'));
  let looks = 0;

  function hitsIn(views: Views, channel: Channel, place: Place, asked: Asked): readonly Hit[] {
    const { isSupported, budget, leftOut } = asked;
    let isAsked = false;
    const spend = (work: number): boolean => {
      isAsked = true;
      if (prefilter) budget.left -= work; // who compares asks all about everything
      return budget.left >= 0;
    };
    const matches = panel.match(views, { channel, place, isSupported, spend, leftOut });
    if (isAsked) looks++;
    if (budget.left < 0) return [tooMuch];
    return hitsOf(matches, channel, place);
  }

  function* judgeWindow(text: string, channel: Channel, budget: Budget, leftOut: LeftOut | undefined): Steps {
    const views = viewsOf(text);
    const { decoded, tricks } = views;
    if (prefilter && decoded !== text) budget.left -= decodeCost(text.length);
    const isSupported = tricks.size > 0;
    const isTalk = isProse(decoded);
    // A declared text field that holds no talk is one island: what stands in it alone is less than a value, and more than talk.
    const place = isTalk ? 'prose' : channel === 'text' ? 'island' : 'value';
    const found = hitsIn(views, channel, place, { isSupported, budget, leftOut });
    const asked = { isSupported: isSupported || found.length > 0, budget, leftOut };
    if (isTalk) return withTricks(views, merged(found, yield* bestOf(islandsOf(decoded), channel, asked)));
    const own = withOpinion(decoded, found, place === 'value' ? 'value' : 'island');
    // What is padded with words that make no sentence is still an attack between them.
    const among = decoded.length > LONG_VALUE ? yield* bestOf(islandsIn(decoded), channel, asked) : NO_HITS;
    return withTricks(views, merged(own, among));
  }

  /** Of a value that is odd from one end to the other the only island is itself, and adds nothing. */
  function islandsIn(value: string): readonly Island[] {
    const islands = islandsOf(value);
    return neverMoreInIsland && islands.length === 1 && islands[0]?.text === value ? [] : islands;
  }

  function* bestOf(islands: readonly Island[], channel: Channel, asked: Asked): Steps {
    let best = NO_HITS;
    let next = asked.budget.left - PAUSE;
    for (const { text: island } of islands) {
      if (asked.budget.left < next) {
        next = asked.budget.left - PAUSE;
        yield;
      }
      if (prefilter) asked.budget.left -= ISLAND_COST;
      const hits = withOpinion(island, hitsIn(viewsOf(island), channel, 'island', asked), 'island');
      if (scoreOf(hits) > scoreOf(best)) best = hits;
      if (asked.budget.left < 0) break;
    }
    return best;
  }

  function withOpinion(text: string, hits: readonly Hit[], place: 'value' | 'island'): readonly Hit[] {
    if (model === undefined || (hits.length === 0 && isUnremarkable(text))) return hits;
    looks++;
    const opinion = model(text, scoreOf(hits), place);
    if (opinion === undefined) return hits;
    const [strongest] = hits; // it knows that something is wrong, and the rules best what
    return [...hits, strongest === undefined ? opinion : { ...opinion, class: strongest.class }];
  }

  function* inSteps(
    text: string,
    channel: Channel,
    budget: Budget,
    spared?: Spared,
  ): Generator<void, Judgement | undefined> {
    if (spared?.isAll === true) return aside(text, channel, budget);
    const leftOut = spared && leavingOut(spared, budget);
    let hits = NO_HITS;
    earn(budget, text.length);
    for (const window of windowsOf(text)) {
      const found = yield* judgeWindow(window, channel, budget, leftOut);
      if (scoreOf(found) > scoreOf(hits)) hits = found;
      if (budget.left < 0) break;
      yield;
    }
    // Beside whatever else was found: an exception for that must not spare what nobody looked at.
    if (budget.left < 0) hits = merged(hits, [tooMuch]);
    return judgementOrNone(hits, leftOut?.found);
  }

  function judge(text: string, channel: Channel, budget: Budget, spared?: Spared): Judgement | undefined {
    const steps = inSteps(text, channel, budget, spared);
    for (;;) {
      const { done, value } = steps.next();
      if (done === true) return value;
    }
  }

  /** Only whether something would have been found, as far as that goes. */
  function aside(text: string, channel: Channel, budget: Budget): Judgement | undefined {
    if (budget.aside < 0) return NOBODY_KNOWS;
    const own: Budget = { left: budget.aside, toEarn: 0, aside: 0 };
    const found = judge(text, channel, own);
    budget.aside = own.left;
    if (own.left < 0) return NOBODY_KNOWS;
    return found && judgementOrNone(NO_HITS, new Set(found.hits.map(({ rule }) => rule)));
  }

  const remember = createMemory(judge, tooMuch, remembered);

  return {
    judge: (text, channel, budget = newBudget(), spared) => remember(text, channel, budget, spared),
    *judgeInSteps(text, channel, budget = newBudget(), spared) {
      if (text.length <= MOST_REMEMBERED) return remember(text, channel, budget, spared);
      return yield* inSteps(text, channel, budget, spared);
    },
    looks: () => looks,
    *warm() {
      yield* panel.make();
      for (const [channel, text] of USUAL) {
        judge(text, channel, newBudget());
        yield;
      }
    },
    dispose: panel.dispose,
  };
}

/** Something may have been found by a rule that does not count. */
const NOBODY_KNOWS: Judgement = { score: 0, class: 'evasion', hits: [], spared: ['*'] };
const NO_HITS: readonly Hit[] = [];
type Steps = Generator<void, readonly Hit[]>;

interface Asked {
  /** Whether something else speaks for an attack already. */
  readonly isSupported: boolean;
  readonly budget: Budget;
  readonly leftOut: LeftOut | undefined;
}

const leavingOut = (rules: Spared, budget: Budget): LeftOut => ({
  rules,
  found: new Set(),
  spend: (work) => {
    budget.aside -= work;
    return budget.aside >= 0;
  },
});

/** What most requests have: looked at once, each way through the rules is laid. */
const USUAL: readonly (readonly [Channel, string])[] = [
  ['path', '/v1/meters/4711/readings'],
  ['path', '/api/twins/0b9a2c3e-7d41-4f58-8c6a-1e2f3a4b5c6d/properties/temperature'],
  ['header', 'twin.example.org'],
  ['header', 'application/json, text/plain, */*'],
  ['header', 'gzip, deflate, br, zstd'],
  ['header', 'en-GB,en;q=0.7,de;q=0.3'],
  ['header', 'https://twin.example.org/meters?page=2&size=50'],
  ['user-agent', 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0'],
  ['name', 'temperature'],
  ['name', 'meter_id'],
  ['value', '2026-01-31T19:35:02.123Z'],
  ['value', '0b9a2c3e-7d41-4f58-8c6a-1e2f3a4b5c6d'],
  ['value', 'Roof, north side'],
  ['value', 'from=2026-01-01&to=2026-02-01&page=17&size=89'],
  ['value', 'The pump of the third hall is too loud since this morning, please have a look.'],
  ['body', '{"meter":"HALL-3-1764","at":"2026-01-31T19:35:02.123Z","kwh":3.17,"note":"Hall 3, line 7"}'],
];

const TOO_MUCH = { rule: 'evasion-costly', class: 'evasion', view: 'raw', evidence: '' } as const;

/** Words, numbers, dates, names, addresses of mail and of pages: the model learned from stranger texts than these. */
const UNREMARKABLE =
  /^(?:[\p{L}\p{M}\p{N}\s_.,:@+'’-]*|https?:\/\/[\w.-]+(?::\d{1,5})?(?:\/[\w.~%+,@:-]*)*(?:\?[\w.~%&=+,:@-]*)?(?:#[\w.-]*)?)$/u;
const isUnremarkable = (text: string): boolean => UNREMARKABLE.test(text);

function* windowsOf(text: string): Generator<string> {
  const size = text.length <= WIDE_WINDOW || isAscii(text) ? WINDOW : WIDE_WINDOW;
  if (text.length <= size) return yield text;
  for (let at = 0; at < text.length; at += size - OVERLAP) yield text.slice(at, at + size);
}

const isAscii = (text: string): boolean => /^[\0-\x7f]*$/.test(text);

/** A rule counts once, in however many readings it matches. */
function hitsOf(matches: readonly Match[], channel: Channel, place: Place): readonly Hit[] {
  const counted = new Set<string>();
  return matches.flatMap(({ rule, view, evidence }) => {
    const weight = countsIn(rule, channel) ? weightOf(rule, place) : 0;
    if (weight === 0 || counted.has(rule.id)) return [];
    counted.add(rule.id);
    return [{ rule: rule.id, class: rule.class, weight, view, evidence }];
  });
}

const TRICK_WEIGHTS = {
  overlong: 4,
  'overlong-twice': 0,
  overlongs: 2,
  layers: 1,
  'full-width': 1,
  null: 2,
  'percent-u': 2,
} as const;
/** Where what was hidden is plain words: some old clients do that, but none writes them overlong. */
const ALONE_WEIGHTS = {
  overlong: 3,
  'overlong-twice': 0,
  overlongs: 2,
  layers: 0,
  'full-width': 0,
  null: 1,
  'percent-u': 0,
} as const;

function withTricks({ tricks, of }: Views, hits: readonly Hit[]): readonly Hit[] {
  if (tricks.size === 0) return hits;
  const weights = hits.length === 0 ? ALONE_WEIGHTS : TRICK_WEIGHTS;
  const found = [...tricks].flatMap((trick): readonly Hit[] => {
    const weight = weights[trick];
    const evidence = trickEvidence(trick, of('raw'));
    return weight === 0 ? [] : [{ rule: `evasion-${trick}`, class: 'evasion', weight, view: 'raw', evidence }];
  });
  return [...hits, ...found];
}
