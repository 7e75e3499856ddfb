import { type Automaton, createAutomaton } from './automaton.ts';
import { readExpression } from './expression.ts';
import { MAY_BE_HTML, MAY_BE_SQL } from './libinjection.ts';
import type { Node } from './nodes.ts';
import type { Rule } from './types.ts';

/**
 * What proves a text clean before any rule is asked. It is made from the rules themselves, so that none that is added can
 * be walked past: of each expression what matches all that it matches, and of libinjection what it can't do without.
 */
export function automatonOf(rules: readonly Rule[]): Automaton {
  const nodes: Node[] = [];
  const starts = rules.map((rule) => startOf(rule, nodes));
  return createAutomaton(nodes, starts);
}

/** Reads a rule into nodes. One whose expression can't be read is taken to match whatever comes: slow, and safe. */
export function startOf({ match }: Rule, nodes: Node[]): number {
  try {
    if ('regex' in match) return readExpression(match.regex, match.caseSensitive ?? false, nodes);
    if ('phrases' in match) return readExpression(match.phrases.map(quoted).join('|'), false, nodes);
    return readExpression(match.is === 'xss' ? MAY_BE_HTML : MAY_BE_SQL, false, nodes);
  } catch {
    return nodes.push({ kind: 'end' }) - 1;
  }
}

const quoted = (phrase: string): string => phrase.replace(/[^\w\s]/gu, (sign) => (sign <= '~' ? `\\${sign}` : sign));
