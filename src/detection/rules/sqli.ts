import type { Rule } from '../judge/types.ts';
import { sqliCommentRules } from './sqli-comments.ts';
import { sqliConditionRules } from './sqli-conditions.ts';
import { sqliFunctionRules } from './sqli-functions.ts';
import { sqliQueryRules } from './sqli-queries.ts';
import { sqliStatementRules } from './sqli-statements.ts';

/**
 * Fingerprints that honest text has too: sums and calls of names and numbers alone (a formula, a filter), a word like
 * ORDER BY before a name, code with quotes in it. What attacks have of these the other rules know.
 */
const HONEST_FINGERPRINTS = [
  '[fn1o(),]+|X', // X: a comment in a comment, as the paths of a filter have it (`hall/*/line/*`)
  String.raw`1?&\(f\([nf(]?`,
  '1&1|n&n|n&1|1&n|1&kc',
  String.raw`f\([1n]\)[nk]`,
  String.raw`1?k\([n1]\)k?`,
  String.raw`T\(ns\)|1Tnno|1?T\([1ns]\)|1\)ovk?`,
  String.raw`1?E\(n\)|n;T\(n`,
  '1B1(?:,1)?|nos&f|[n1];Tn[n1]?',
  '1?nEnc|1Enc|1knEn|1Bn(?:k1)?|1Bnk1',
  String.raw`nks;|so1;n|1vo\(n|1o[fk]\([n1]|1\)onk|s&nkn|son\)o|s&nof|sf\(no|sf\(\)s|1os&s`,
].join('|');

/** SQL injection: CWE-89, CAPEC-66. */
export const sqliRules: readonly Rule[] = [
  {
    id: 'sqli-libinjection',
    class: 'sqli',
    title: 'reads like the rest of a query (libinjection)',
    view: 'sql',
    match: { is: 'sqli', unless: `^(?:${HONEST_FINGERPRINTS})$` },
    weight: 5,
    inIsland: 4,
  },
  {
    id: 'sqli-libinjection-numeric',
    class: 'sqli',
    title: 'reads like the rest of a query behind a number (libinjection)',
    view: 'sql',
    match: { is: 'sqli-numeric', unless: `^(?:${HONEST_FINGERPRINTS})$` },
    weight: 4, // of formulas and code it takes much for SQL: something else must speak for it
    inIsland: 1, // most of what it sees the rule above sees too, and a run of odd tokens may hold both by chance
  },
  ...sqliConditionRules,
  ...sqliQueryRules,
  ...sqliStatementRules,
  ...sqliFunctionRules,
  ...sqliCommentRules,
];
