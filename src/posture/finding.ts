/** What one check came to. */
export interface Finding {
  /** 0 for not at all, 1 for wholly, and what lies between. */
  readonly score: number;
  /** What was seen: counts, names and ages, nothing secret. */
  readonly evidence: string;
  /** What to do about it, where something is to be done. */
  readonly advice?: string | undefined;
}

/** One thing that is looked at. */
export interface Check {
  readonly id: string;
  readonly title: string;
  /** How much it counts beside the others. */
  readonly weight: number;
  /** Whether its failing alone keeps the whole from any good mark. */
  readonly needed?: boolean;
  /** Looks now. @returns undefined where there is nothing to look at, which counts for nothing */
  look(): Finding | undefined | Promise<Finding | undefined>;
}

/** A check with what it came to. */
export interface Judged extends Finding {
  readonly id: string;
  readonly title: string;
  readonly weight: number;
}

export const good = (evidence: string): Finding => ({ score: 1, evidence });
export const partly = (score: number, evidence: string, advice: string): Finding => ({ score, evidence, advice });
export const bad = (evidence: string, advice: string): Finding => ({ score: 0, evidence, advice });
