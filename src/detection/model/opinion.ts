import type { Hit } from '../judge/types.ts';
import { BUCKETS, featuresOf } from './tokens.ts';
import { BIAS, SCALE, WEIGHTS } from './weights.ts';

/** A linear model: the sign of a weighted sum over runs of tokens. */
export interface Model {
  readonly bias: number;
  /** What one step of a weight is worth. */
  readonly scale: number;
  /** One for each bucket. */
  readonly weights: Int8Array;
}

export type Place = 'value' | 'island';

/** What must be exceeded, by what the rules say already: a text in which nothing was found needs more. */
const BOUNDS: Readonly<Record<Place, { readonly alone: number; readonly supported: number }>> = {
  value: { alone: 3.5, supported: 1 },
  island: { alone: 6, supported: 4 },
};
/** Rules that add up to this much support a suspicion. */
const SUPPORT = 2;
const SURE = 5;
const MAX_GRAMS = 4;

/** The model that comes with Twinkeep. */
export const shippedModel = (): Model => ({ bias: BIAS, scale: SCALE, weights: decoded(WEIGHTS) });

/** Logistic regression without its last step: above 0 it leans towards an attack. @see Langford, Li, Strehl: Vowpal Wabbit (hashed features) */
function logitOf({ bias, scale, weights }: Model, text: string): number {
  const features = featuresOf(text);
  let sum = 0;
  for (const bucket of features) sum += weights[bucket] ?? 0;
  return bias + (sum * scale) / Math.sqrt(features.length);
}

/**
 * A second opinion for what the rules leave undecided: it adds what is missing to an attack, or nothing.
 *
 * @returns a function from a decoded text, and what the rules found in it, to a hit
 */
export function createOpinion(model: Model): (text: string, score: number, place: Place) => Hit | undefined {
  return (text, score, place) => {
    if (score >= SURE) return undefined;
    const bounds = BOUNDS[place];
    if (logitOf(model, text) <= (score >= SUPPORT ? bounds.supported : bounds.alone)) return undefined;
    const evidence = gramsOf(model, text);
    return { rule: 'model-attack', class: 'evasion', weight: SURE - score, view: 'decoded', evidence };
  };
}

/** The runs of tokens that spoke loudest for an attack. */
function gramsOf({ weights }: Model, text: string): string {
  const grams: { readonly gram: string; readonly weight: number }[] = [];
  featuresOf(text, (bucket, gram) => grams.push({ gram, weight: weights[bucket] ?? 0 }));
  grams.sort((one, other) => other.weight - one.weight);
  return grams
    .slice(0, MAX_GRAMS)
    .map(({ gram }) => JSON.stringify(gram))
    .join(' ');
}

/** Pairs of a gap and a weight, for most weights are nothing. */
function decoded(text: string): Int8Array {
  const bytes = Buffer.from(text, 'base64');
  const weights = new Int8Array(BUCKETS);
  let bucket = -1;
  for (let at = 0; at + 1 < bytes.length; at += 2) {
    const gap = bytes[at] ?? 0;
    bucket += gap === 0 ? 255 : gap;
    if (gap !== 0) weights[bucket] = bytes.readInt8(at + 1);
  }
  return weights;
}
