import { z } from 'zod';
import { strayLines } from '../detection/index.ts';
import type { Route } from '../http/index.ts';
import type { Config } from './config.ts';

/** What a reload did: names, modes and exceptions, which hold no secret; of all other settings the name alone. */
export const reloadedSchema = z.strictObject({
  restart_needed: z.array(z.string()).describe('Settings that a restart takes up.'),
  changed: z.array(z.string()).describe('Settings that have another value now, those that wait for a restart too.'),
  modes: z.array(z.string()).describe('Routes on which something else is done about attacks now.'),
  exceptions_added: z.array(z.string()),
  exceptions_removed: z.array(z.string()),
  exceptions_stray: z.array(z.string()).describe('Exceptions under which no request can come, in words.'),
  rules_sha256: z.string().nullable().describe('Of the file of rules that is in force; null where there is none.'),
});

export type Reloaded = z.output<typeof reloadedSchema>;
export type ConfigChanges = Omit<Reloaded, 'restart_needed'>;

const MOST = 50;
const MAX_REASON = 120;
/** The content of the file of rules; the setting is its name. */
const RULES = 'detection.inspection.rulesFile (what is in it)';

/**
 * @param digests of the file of rules, before and now
 * @param routes that are served now
 */
export function changesOf(
  before: Config,
  after: Config,
  digests: readonly [string | undefined, string | undefined],
  routes: readonly Route[],
): ConfigChanges {
  const [digest, newDigest] = digests;
  const names = differing(before, after, '');
  const [excepted, newlyExcepted] = [exceptionsOf(before), exceptionsOf(after)];
  return {
    changed: few([...names, ...(digest === newDigest ? [] : [RULES])].sort()),
    modes: few(changedModes(modesOf(before), modesOf(after))),
    exceptions_added: few(newlyExcepted.filter((one) => !excepted.includes(one))),
    exceptions_removed: few(excepted.filter((one) => !newlyExcepted.includes(one))),
    exceptions_stray: [...strayLines(after.detection.inspection.exceptions, routes)],
    rules_sha256: newDigest ?? null,
  };
}

/** What changed, a line each: for a terminal, or joined for a log. */
export function linesOf({ changed, modes, rules_sha256: digest, ...exceptions }: ConfigChanges): readonly string[] {
  const { exceptions_added: added, exceptions_removed: removed, exceptions_stray: stray } = exceptions;
  return [
    changed.length === 0 ? 'No setting has changed.' : `Changed: ${changed.join(', ')}.`,
    ...modes.map((mode) => `Attacks: ${mode}`),
    ...added.map((one) => `Exception added: ${one}`),
    ...removed.map((one) => `Exception removed: ${one}`),
    ...stray,
    ...(digest === null ? [] : [`Rules file: SHA-256 ${digest}`]),
  ];
}

/** The keys at the top that differ. */
export function changedKeys(before: object, after: object): readonly string[] {
  const keys = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...keys].filter((key) => comparable(Object(before)[key]) !== comparable(Object(after)[key]));
}

function few(all: readonly string[]): string[] {
  return all.length <= MOST ? [...all] : [...all.slice(0, MOST), `and ${all.length - MOST} more`];
}

/** `detection.inspection.threshold`: the paths of values that differ; a list is one value. */
function differing(before: unknown, after: unknown, path: string): readonly string[] {
  if (comparable(before) === comparable(after)) return [];
  if (path !== '' && (!isGroup(before) || !isGroup(after))) return [path];
  const keys = new Set([...Object.keys(Object(before)), ...Object.keys(Object(after))]);
  return [...keys].flatMap((key) =>
    differing(Object(before)[key], Object(after)[key], path === '' ? key : `${path}.${key}`),
  );
}

const isGroup = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !('reveal' in value);

const exceptionsOf = ({ detection: { inspection } }: Config): readonly string[] => [
  ...inspection.presets.map((preset) => `preset ${preset}`),
  ...inspection.exceptions.map(
    ({ route = 'any route', field = 'any field', rule = 'any rule', because }) =>
      `${route}, ${field}, ${rule}: ${because.slice(0, MAX_REASON)}`,
  ),
];

/** What is done about attacks, by row; where inspection is off nothing is. */
function modesOf({ detection: { inspection }, gateway }: Config): ReadonlyMap<string, string> {
  const rows = [
    ...gateway.routes.map((row) => [nameOf(row), row.detection] as const),
    ...gateway.forwardAuth.routes.map((row) => [`forward-auth ${nameOf(row)}`, row.detection] as const),
  ];
  const modes = rows.map(([name, mode]) => [name, inspection.mode === 'off' ? 'off' : mode] as const);
  return new Map([['our own routes', inspection.mode], ...modes]);
}

const nameOf = ({
  methods,
  host = '',
  path,
}: Pick<Config['gateway']['routes'][number], 'methods' | 'host' | 'path'>): string =>
  `${methods.join(',')} ${host}${path}`;

function changedModes(before: ReadonlyMap<string, string>, after: ReadonlyMap<string, string>): readonly string[] {
  return [...new Set([...before.keys(), ...after.keys()])].flatMap((row) => {
    const [old, now] = [before.get(row), after.get(row)];
    if (old === now) return [];
    if (old === undefined) return [`${row}: new, ${now}`];
    return [now === undefined ? `${row}: gone, was ${old}` : `${row}: from ${old} to ${now}`];
  });
}

/** A value as text, with its secrets in it: two that differ in one alone differ. Compared, and kept nowhere. */
function comparable(value: unknown): string {
  return JSON.stringify(plainOf(value)) ?? '';
}

function plainOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plainOf);
  if (typeof value !== 'object' || value === null) return value;
  if ('reveal' in value && typeof value.reveal === 'function') return String(value.reveal());
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plainOf(inner)]));
}
