/** Randomness that a seed repeats. */
export interface Dice {
  /** At least 0 and below 1. */
  next(): number;
  /** A whole number, both ends within. */
  between(low: number, high: number): number;
  chance(probability: number): boolean;
  pick<T>(choices: readonly T[]): T;
}

/** @see mulberry32, Tommy Ettinger, public domain */
export function createDice(seed: number): Dice {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
  const between = (low: number, high: number): number => low + Math.floor(next() * (high - low + 1));
  return {
    next,
    between,
    chance: (probability) => next() < probability,
    pick: (choices) => {
      const chosen = choices[between(0, choices.length - 1)];
      if (chosen === undefined) throw new RangeError('there is nothing to pick from');
      return chosen;
    },
  };
}

/** `FAULT_SEED` of the environment, or one of the time. A test prints it, so that what it chose can be repeated. */
export function chosenSeed(): number {
  const given = process.env['FAULT_SEED'];
  return given === undefined ? Date.now() >>> 0 : Number(given) >>> 0;
}
