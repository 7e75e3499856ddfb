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

const channels = z
  .array(z.enum(['value', 'text', 'path', 'name', 'header', 'user-agent', 'body', 'binary', 'document']))
  .min(1);

const added = z.strictObject({
  id,
  class: z.enum(classes),
  title: z.string().min(3).max(200),
  view: z.enum(['raw', 'decoded', 'sql', 'js', 'path', 'shell']).default('decoded'),
  match,
  weight,
  inIsland: weight.optional(),
  inText: weight.optional(),
  channels: channels.optional(),
});

const changed = z.strictObject({
  id,
  weight: weight.optional(),
  inIsland: weight.optional(),
  inText: weight.optional(),
  channels: channels.optional(),
});

const file = z.strictObject({
  add: z.array(added).max(1_000).default([]),
  change: z.array(changed).max(1_000).default([]),
  /** Ids of rules that are left out. */
  off: z.array(id).max(1_000).default([]),
});

/** How a flaw names its place in the operator's file of rules. */
export const placeInRules = (name: string, place = ''): string =>
  `detection.inspection.rulesFile (${name})${place === '' ? '' : ` ${place}`}`;

/**
 * The rules that a file makes of those that are there: `{ "add": [...], "change": [{ "id", "weight" }], "off": [ids] }`.
 *
 * @param name of the file, for whoever has to mend it
 * @throws DETECTION_RULES naming each place that is wrong
 */
export function readRules(text: string, rules: readonly Rule[], name: string): readonly Rule[] {
  const { add, change, off } = parsed(text, name);
  const known = new Set(rules.map((rule) => rule.id));
  const isNone = (id: string, place: string) => (known.has(id) ? [] : [{ place, reason: `is ${id}, ${NO_RULE}` }]);
  const flaws = [
    ...change.flatMap(({ id }, at) => isNone(id, `/change/${at}/id`)),
    ...off.flatMap((id, at) => isNone(id, `/off/${at}`)),
    ...add.flatMap(({ id }, at) => (known.has(id) ? [{ place: `/add/${at}/id`, reason: `is ${id}, ${A_RULE}` }] : [])),
  ];
  if (flaws.length > 0) throw flawed(name, flaws);
  const left = new Set(off);
  const changes = new Map(change.map((one) => [one.id, one]));
  return [
    ...rules.filter((rule) => !left.has(rule.id)).map((rule) => ({ ...rule, ...given(changes.get(rule.id)) })),
    ...add,
  ];
}

const NO_RULE = 'which is not the id of a rule; see: twinkeep detect rules';
const A_RULE = 'which is the id of a rule already: put it under `change`, or choose another';

function flawed(name: string, flaws: readonly { place: string; reason: string }[], cause?: unknown): Error {
  const errors = flaws.map(({ place, reason }) => ({ at: placeInRules(name, place), reason }));
  return detectionFault('DETECTION_RULES', { errors }, cause);
}

function parsed(text: string, name: string): z.output<typeof file> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    const [line, column] = lineOf(text, brokenAt(text));
    throw flawed(name, [{ place: `line ${line}, column ${column}`, reason: 'is not JSON' }], error);
  }
  const result = file.safeParse(value);
  if (result.success) return result.data;
  const flaws = result.error.issues.flatMap((issue) => {
    const keys = issue.code === 'unrecognized_keys' ? issue.keys : [];
    if (keys.length === 0) return [{ place: `/${issue.path.join('/')}`, reason: issue.message }];
    return keys.map((key) => ({ place: `/${[...issue.path, key].join('/')}`, reason: 'is no member of it' }));
  });
  throw flawed(name, flaws);
}

/**
 * Where a text stops being JSON. V8 does not say it of a token that it does not know; but a text that is cut before
 * that token lacks an end at most, and one that is cut behind it has the token.
 */
function brokenAt(text: string): number {
  const isUnknownToken = (length: number): boolean => /^Unexpected (?!end)/.test(errorOf(text.slice(0, length)));
  const told = / at position (\d+)/.exec(errorOf(text))?.[1];
  if (told !== undefined) return Number(told);
  if (!isUnknownToken(text.length)) return text.length;
  let [good, bad] = [0, text.length];
  while (bad - good > 1) {
    const middle = (good + bad) >> 1;
    if (isUnknownToken(middle)) bad = middle;
    else good = middle;
  }
  return good;
}

function errorOf(text: string): string {
  try {
    JSON.parse(text);
    return '';
  } catch (error) {
    return error instanceof Error ? error.message : '';
  }
}

/** From 1, as editors count. */
function lineOf(text: string, at: number): readonly [line: number, column: number] {
  const before = text.slice(0, at).split('\n');
  return [before.length, (before.at(-1)?.length ?? 0) + 1];
}

/** Without the members that a change leaves as they are. */
const given = (change: z.output<typeof changed> | undefined): Partial<Rule> =>
  Object.fromEntries(Object.entries(change ?? {}).filter(([, value]) => value !== undefined));
