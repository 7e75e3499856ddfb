/** What attacks look like. */
export { ALL_RULES } from './all.ts';
export { OLD_PATTERNS } from './old-patterns.ts';
export { placeInRules, readRules } from './read-rules.ts';
