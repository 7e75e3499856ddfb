/** From one text to what it adds up to. */
export { type Budget, newBudget } from './budget.ts';
export type { Trick } from './decode.ts';
export { createEngine } from './engine.ts';
export { createJudge, type Judge, type SecondOpinion } from './judge.ts';
export { together } from './together.ts';
export type { AttackClass, Channel, Hit, Judgement, Rule, Spared } from './types.ts';
