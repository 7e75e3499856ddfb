import { newBudget } from './budget.ts';
import type { Judge } from './judge.ts';
import { judgementOf, merged } from './judgement.ts';
import type { Judgement } from './types.ts';

/** Two judges as one: a rule that both have counts once. What neither of them is alone both may be together. */
export function together(one: Judge, other: Judge): Judge {
  return {
    judge: (text, channel, budget = newBudget(), spared) =>
      sumOf(one.judge(text, channel, budget, spared), other.judge(text, channel, budget, spared)),
    *judgeInSteps(text, channel, budget = newBudget(), spared) {
      const found = yield* one.judgeInSteps(text, channel, budget, spared);
      return sumOf(found, yield* other.judgeInSteps(text, channel, budget, spared));
    },
    looks: () => one.looks() + other.looks(),
    *warm() {
      yield* one.warm();
      yield* other.warm();
    },
    dispose: () => {
      one.dispose();
      other.dispose();
    },
  };
}

function sumOf(one: Judgement | undefined, other: Judgement | undefined): Judgement | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return judgementOf(merged(one.hits, other.hits), [...(one.spared ?? []), ...(other.spared ?? [])]);
}
