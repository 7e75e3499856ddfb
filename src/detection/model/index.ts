/** A linear second opinion. */
export { createOpinion, shippedModel } from './opinion.ts';
