import { z } from 'zod';
import { detectionFault } from '../errors.ts';
import type { Rule } from '../judge/types.ts';

const id = z.string().regex(/^[a-z][a-z0-9-]{2,63}$/, 'must be like sqli-union');
const weight = z.number().min(0).max(50);
const classes = [
  ...(['sqli', 'xss', 'traversal', 'rce', 'ssti', 'xxe', 'nosql', 'ldap', 'ssrf', 'redirect', 'code'] as const),
  ...(['protocol', 'scanner', 'evasion'] as const),
] as const;

const match = z.union([
  z.strictObject({ regex: z.string().min(1).max(4_096), caseSensitive: z.boolean().optional() }),
  z.strictObject({ phrases: z.array(z.string().min(1).max(256)).min(1).max(10_000) }),
  z.strictObject({ is: z.literal(['sqli', 'xss']), unless: z.string().max(1_024).optional() }),
]);

const added = z.strictObject({
  id,
  class: z.enum(classes),
  title: z.string().min(3).max(200),
  view: z.enum(['raw', 'decoded', 'sql', 'js', 'path', 'shell']).default('decoded'),
  match,
  weight,
  inIsland: weight.optional(),
  inText: weight.optional(),
  channels: z
    .array(z.enum(['value', 'text', 'path', 'name', 'header', 'user-agent', 'body', 'binary']))
    .min(1)
    .optional(),
});

const changed = z.strictObject({
  id,
  weight: weight.optional(),
  inIsland: weight.optional(),
  inText: weight.optional(),
});

const file = z.strictObject({
  add: z.array(added).max(1_000).default([]),
  change: z.array(changed).max(1_000).default([]),
  /** Ids of rules that are left out. */
  off: z.array(id).max(1_000).default([]),
});

/**
 * The rules that a file makes of those that are there: `{ "add": [...], "change": [{ "id", "weight" }], "off": [ids] }`.
 *
 * @throws DETECTION_RULES naming each place that is wrong
 */
export function readRules(text: string, rules: readonly Rule[]): readonly Rule[] {
  const { add, change, off } = parsed(text);
  const known = new Set(rules.map((rule) => rule.id));
  const flaws = [
    ...[...change.map((one) => one.id), ...off]
      .filter((name) => !known.has(name))
      .map((name) => ({ at: name, reason: 'is not the id of a rule' })),
    ...add.filter((rule) => known.has(rule.id)).map((rule) => ({ at: rule.id, reason: 'is the id of a rule already' })),
  ];
  if (flaws.length > 0) throw detectionFault('DETECTION_RULES', { errors: flaws });
  const left = new Set(off);
  const changes = new Map(change.map((one) => [one.id, one]));
  return [
    ...rules.filter((rule) => !left.has(rule.id)).map((rule) => ({ ...rule, ...given(changes.get(rule.id)) })),
    ...add,
  ];
}

function parsed(text: string): z.output<typeof file> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw detectionFault('DETECTION_RULES', { errors: [{ at: '/', reason: 'is not JSON' }] }, error);
  }
  const result = file.safeParse(value);
  if (result.success) return result.data;
  const errors = result.error.issues.map(({ path, message }) => ({ at: `/${path.join('/')}`, reason: message }));
  throw detectionFault('DETECTION_RULES', { errors });
}

/** Without the members that a change leaves as they are. */
const given = (change: z.output<typeof changed> | undefined): Partial<Rule> =>
  Object.fromEntries(Object.entries(change ?? {}).filter(([, value]) => value !== undefined));
