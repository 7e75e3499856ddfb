import { islandsOf, isProse } from '../../src/detection/judge/islands.ts';
import { viewsOf } from '../../src/detection/judge/views.ts';
import type { Model } from '../../src/detection/model/opinion.ts';
import { BUCKETS, featuresOf } from '../../src/detection/model/tokens.ts';
import { walkBody } from '../../src/detection/walk/index.ts';
import { honestKinds } from './benign/own.ts';
import { attacksOf, benignOf, type PathOf } from './corpora.ts';
import type { Probe } from './probe.ts';
import { createDice } from './random.ts';

/** One text to learn from. */
export interface Sample {
  readonly isAttack: boolean;
  readonly features: Uint16Array;
  /** How much it counts: a class of few lines must not drown in one of many. */
  readonly weight: number;
  readonly fold: string | undefined;
}

const ATTACKS = ['sqli', 'xss', 'traversal', 'rce', 'ssti', 'xxe', 'nosql', 'ldap'];
/** Hard text has little, and all of it is needed. */
const HONEST: Readonly<Record<string, number>> = { text: 1, url: 1, text_technical: 1, text_hard: 2 };
const FULL_CLASS = 800;
const MOST_WEIGHT = 3;
const MOST_CHARACTERS = 3_000;

/**
 * What the model learns from: the shared corpora, and four fifths of our own honest texts; the rest of those stays
 * unseen for whoever measures.
 */
export function samplesOf(pathOf: PathOf): readonly Sample[] {
  const attacks = ATTACKS.flatMap((name) => {
    const probes = attacksOf(pathOf, name).filter(({ weak }) => !weak);
    const weight = Math.min(MOST_WEIGHT, FULL_CLASS / probes.length);
    return probes.flatMap(({ input, fold }) =>
      textsOf(input).map((text) => ({ isAttack: true, features: featuresOf(decoded(text)), weight, fold })),
    );
  });
  const shared = Object.entries(HONEST).flatMap(([name, weight]) => honestOf(benignOf(pathOf, name), weight));
  const own = honestKinds()
    .filter(({ name }) => !NOT_LEARNED.has(name))
    .flatMap(({ probes }) =>
      honestOf(
        probes.filter((_, i) => !isHeldOut(i)),
        OWN_WEIGHT,
      ),
    );
  return [...attacks, ...shared, ...own];
}

/** Every fifth of our own texts is never learned from. */
export const isHeldOut = (index: number): boolean => index % 5 === 4;

/** The model is not asked about user agents, and statements of SQL are attacks where a value is due. */
const NOT_LEARNED: ReadonlySet<string> = new Set(['agents', 'queries-sql']);
const OWN_WEIGHT = 2;

const honestOf = (probes: readonly Probe[], weight: number): readonly Sample[] =>
  probes.flatMap(({ input, fold }) =>
    textsOf(input)
      .flatMap((text) => partsOf(decoded(text)))
      .map((part) => ({ isAttack: false, features: featuresOf(part), weight, fold })),
  );

/** The texts of a request, as the walk hands them to the judge. */
function textsOf(input: Probe['input']): readonly string[] {
  if (input.kind === 'value') return [input.text];
  const texts: string[] = [];
  walkBody(input.request.headers, input.request.body, (text, { isName }) => {
    if (!isName) texts.push(text);
  });
  return texts;
}

const decoded = (text: string): string => viewsOf(text.slice(0, MOST_CHARACTERS)).decoded;

/** As the judge asks the model: running text by its islands. */
const partsOf = (text: string): readonly string[] =>
  isProse(text) ? islandsOf(text).map((island) => island.text) : [text];

const EPOCHS = 12;
const RATE = 0.25;
const SHRINK = 2e-5;
/** Keeps the first steps small. */
const START = 0.1;
const NEGLIGIBLE = 1e-4;
/** Weights beyond this are cut when they are put into a byte. */
const MOST = 3;
const STEPS = 127;

/**
 * Logistic regression by stochastic gradient descent with a rate of its own for each bucket.
 *
 * @see Duchi, Hazan, Singer (2011): Adaptive Subgradient Methods
 */
export function train(samples: readonly Sample[], epochs = EPOCHS): Model {
  const weights = new Float32Array(BUCKETS);
  const squares = new Float32Array(BUCKETS).fill(START);
  const bias = { value: 0, squares: START };
  const dice = createDice('training');
  for (let epoch = 0; epoch < epochs; epoch++) {
    for (const sample of dice.shuffle(samples)) learn(sample, weights, squares, bias);
  }
  return quantised(weights, bias.value);
}

interface Bias {
  value: number;
  squares: number;
}

function learn({ isAttack, features, weight }: Sample, weights: Float32Array, squares: Float32Array, bias: Bias): void {
  const share = 1 / Math.sqrt(features.length);
  let sum = bias.value;
  for (const bucket of features) sum += (weights[bucket] ?? 0) * share;
  const error = (1 / (1 + Math.exp(-sum)) - (isAttack ? 1 : 0)) * weight;
  if (Math.abs(error) < NEGLIGIBLE) return;
  for (const bucket of features) {
    const before = weights[bucket] ?? 0;
    const gradient = error * share + SHRINK * before;
    const square = (squares[bucket] ?? START) + gradient * gradient;
    squares[bucket] = square;
    weights[bucket] = before - (RATE * gradient) / Math.sqrt(square);
  }
  bias.squares += error * error;
  bias.value -= (RATE * error) / Math.sqrt(bias.squares);
}

/** As the model is shipped: what is measured must be what runs. */
function quantised(weights: Float32Array, bias: number): Model {
  const largest = weights.reduce((most, weight) => Math.max(most, Math.abs(weight)), 0);
  const scale = Math.min(largest, MOST) / STEPS;
  const bytes = Int8Array.from(weights, (weight) => Math.max(-STEPS, Math.min(STEPS, Math.round(weight / scale))));
  return { bias: Number(bias.toFixed(4)), scale: Number(scale.toFixed(6)), weights: bytes };
}

/** The text of `src/detection/model/weights.ts`. */
export function sourceOf({ bias, scale, weights }: Model): string {
  const pairs: number[] = [];
  let last = -1;
  for (const [bucket, weight] of weights.entries()) {
    if (weight === 0) continue;
    let gap = bucket - last;
    for (; gap > 255; gap -= 255) pairs.push(0, 0);
    pairs.push(gap, weight & 0xff);
    last = bucket;
  }
  return `/** Printed by \`npm run train -w bench\`: what the linear model has learned, and from how much. */
export const BIAS = ${bias};
/** What one step of a weight is worth. */
export const SCALE = ${scale};
/** Base64 of pairs: the gap to the next bucket that has a weight (0: 255 without one), and the weight. */
export const WEIGHTS =
  '${Buffer.from(pairs).toString('base64')}';
`;
}
