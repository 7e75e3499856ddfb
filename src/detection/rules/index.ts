/** What attacks look like. */
export { ALL_RULES } from './all.ts';
export { readRules } from './read-rules.ts';
