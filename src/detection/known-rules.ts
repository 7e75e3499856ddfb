import type { Flaw } from '../kernel/errors.ts';
import type { Exception } from './inspection-config.ts';
import type { Trick } from './judge/index.ts';

const TRICKS: Readonly<Record<Trick, string>> = {
  overlong: 'evasion-overlong',
  'overlong-twice': 'evasion-overlong-twice',
  overlongs: 'evasion-overlongs',
  layers: 'evasion-layers',
  'full-width': 'evasion-full-width',
  null: 'evasion-null',
  'percent-u': 'evasion-percent-u',
};

/** What is found beside the rules: by the judge, the model, and of a head as a whole. */
const BESIDE_RULES = [
  ...Object.values(TRICKS),
  'model-attack',
  ...['method', 'planted-session', 'foreign-charset', 'two-charsets', 'idle-boundary', 'uploaded-program'].map(
    (name) => `protocol-${name}`,
  ),
  ...['dead-header', 'inner-header', 'many-ranges'].map((name) => `protocol-${name}`),
];

/** Of what was not looked at, or is seen by the walk: an exception is asked about texts that were read. */
export const NO_EXCEPTION = /^evasion-(?:costly|cut|unread|content-encoding|charset|malformed|too-deep|too-many)$/;

/** Exceptions for rules that there are none of: they would never match, and nobody would know. */
export function unknownRules(exceptions: readonly Exception[], ids: Iterable<string>): readonly Flaw[] {
  const known = [...ids, ...BESIDE_RULES];
  const all = new Set(known);
  return exceptions.flatMap(({ rule }, place) => {
    if (rule === undefined) return [];
    const isKnown = rule.endsWith('*') ? known.some((id) => id.startsWith(rule.slice(0, -1))) : all.has(rule);
    if (isKnown) return [];
    const reason = NO_EXCEPTION.test(rule)
      ? 'stands for what was not looked at, which has no exception'
      : `is ${JSON.stringify(rule)}, which is neither the id of a rule nor a class with -* (sqli-*); see: twinkeep detect rules`;
    return [{ at: `detection.inspection.exceptions.${place}.rule`, reason }];
  });
}
