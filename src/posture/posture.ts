import type { EpochMs } from '../kernel/brand.ts';
import { type Clock, seconds } from '../kernel/clock.ts';
import { type Check, type Finding, type Judged, partly } from './finding.ts';

/** How well all of it stands. */
export interface Standing {
  /** `A+` to `F`, drawn from the checks and from nothing else. */
  readonly rating: string;
  /** 0 to 100, by weight. */
  readonly percent: number;
  readonly checks: readonly Judged[];
  readonly at: EpochMs;
}

/** The security of a running system, from evidence. */
export interface Posture {
  /** At most ten seconds old: whoever asks again and again has nothing looked at anew. */
  standing(): Promise<Standing>;
}

export interface PostureDeps {
  readonly checks: readonly Check[];
  readonly clock: Clock;
  /** Hears of checks that could not look. */
  readonly onError: (error: unknown) => void;
}

const KEPT_MS = seconds(10);

/** From so many percent on; below all of them it is an F. */
const LETTERS: readonly (readonly [percent: number, letter: string])[] = [
  ...([
    [97, 'A+'],
    [93, 'A'],
    [90, 'A-'],
  ] as const),
  ...([
    [87, 'B+'],
    [83, 'B'],
    [80, 'B-'],
  ] as const),
  ...([
    [77, 'C+'],
    [73, 'C'],
    [70, 'C-'],
  ] as const),
  ...([
    [67, 'D+'],
    [63, 'D'],
    [60, 'D-'],
  ] as const),
];

/** Where something fails that the rest rests upon, the rest does not make up for it. */
const MOST_WITHOUT_NEEDED = 69;

export function createPosture({ checks, clock, onError }: PostureDeps): Posture {
  let kept: { readonly at: EpochMs; readonly answer: Promise<Standing> } | undefined;

  /** What cannot be seen is not taken for good: it counts as failed, and says so. */
  async function judge({ id, title, weight, look }: Check): Promise<Judged | undefined> {
    const found = await Promise.resolve()
      .then(look)
      .catch((error: unknown): Finding => {
        onError(error);
        return partly(0, 'It could not be looked at.', 'See the log for the reason.');
      });
    return found && { id, title, weight, ...found, score: Math.min(1, Math.max(0, found.score)) };
  }

  async function lookNow(at: EpochMs): Promise<Standing> {
    const judged = (await Promise.all(checks.map(judge))).filter((one) => one !== undefined);
    const isNeeded = new Set(checks.filter(({ needed }) => needed).map(({ id }) => id));
    const lacks = judged.some(({ id, score }) => score === 0 && isNeeded.has(id));
    const percent = percentOf(judged);
    return { rating: letterOf(lacks ? Math.min(percent, MOST_WITHOUT_NEEDED) : percent), percent, checks: judged, at };
  }

  return {
    standing: () => {
      const now = clock.now();
      if (kept !== undefined && now >= kept.at && now - kept.at < KEPT_MS) return kept.answer;
      const answer = lookNow(now);
      kept = { at: now, answer };
      return answer;
    },
  };
}

/** Of nothing at all nothing is known, which is no reason for a good mark. */
function percentOf(judged: readonly Judged[]): number {
  const whole = judged.reduce((sum, { weight }) => sum + weight, 0);
  const held = judged.reduce((sum, { weight, score }) => sum + weight * score, 0);
  return whole === 0 ? 0 : Math.floor((100 * held) / whole + 1e-9);
}

function letterOf(percent: number): string {
  return LETTERS.find(([from]) => percent >= from)?.[1] ?? 'F';
}
