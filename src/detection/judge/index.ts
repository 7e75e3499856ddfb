/** From one text to what it adds up to. */
export { createEngine } from './engine.ts';
export { type Budget, createJudge, type Judge, newBudget, type SecondOpinion } from './judge.ts';
export type { AttackClass, Channel, Hit, Judgement, Rule } from './types.ts';
