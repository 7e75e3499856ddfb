import type { Channel, Rule } from '../judge/types.ts';

/** Everywhere but in a body as a whole, which may be a document of markup. */
export const FIELDS: readonly Channel[] = ['value', 'text', 'path', 'name', 'header', 'user-agent'];
export const EVERYWHERE: readonly Channel[] = [...FIELDS, 'body'];

/** What honest user agents have too: words between semicolons (`; U; Id; en`), numbers in hexadecimal, addresses. */
const IN_HONEST_AGENTS: ReadonlySet<string> = new Set([
  'rce-separated-command',
  'rce-separated-column',
  'rce-separated-attack',
  'rce-separated-word',
  'rce-chained-command',
  'rce-chained-name',
  'sqli-comment-end',
  'sqli-hex',
]);
const OF_ADDRESSES: ReadonlySet<string> = new Set(['ssrf', 'redirect']);

/** A rule that does not say where it counts does so in user agents as well: they are logged, stored and shown like any value. */
export function alsoInAgents(rule: Rule): Rule {
  const isHonest = IN_HONEST_AGENTS.has(rule.id) || OF_ADDRESSES.has(rule.class);
  return rule.channels !== undefined || isHonest ? rule : { ...rule, channels: EVERYWHERE };
}
