import { isDeepStrictEqual } from 'node:util';
import type { Flaw } from '../kernel/errors.ts';
import { isLegacy, type LegacyName, PROFILE_VARIABLES, prefixOf, REDIS_VARIABLES } from '../profiles/index.ts';

type Setting = (name: string, secret: boolean) => string | undefined;

interface Given {
  readonly name: string;
  readonly value: unknown;
}

/**
 * The variables of the older systems, for the profiles that are served; nobody else's are looked at (X16, X32).
 *
 * @param setting reads a variable, or the file that `NAME_FILE` names
 * @param flaws gets a line where two names say different things
 */
export function readProfileEnvironment(
  served: readonly string[],
  setting: Setting,
  flaws: Flaw[],
): Record<string, unknown> {
  const legacy = served.filter(isLegacy);
  const settings = Object.fromEntries(legacy.map((profile) => [profile, settingsOf(profile, setting, flaws)]));
  if (legacy.length === 0) return {};
  const redis = agreed(
    REDIS_VARIABLES.flatMap((name) => given(name, setting(name, true), (text) => text)),
    flaws,
  );
  // Flask-Limiter counts in the process with `memory://`, as we do when no Redis is named.
  const shared = redis !== undefined && redis.value !== 'memory://' ? { redisUrl: redis.value } : {};
  return { ...shared, profile: settings };
}

/** @returns the variable that sets a setting of a profile here, as in `profile.ems.secret`, or else its place itself */
export function variableAt(at: string, isSet: (name: string) => boolean): string {
  const [root, profile = '', key] = at.split('.');
  if (root !== 'profile' || !isLegacy(profile)) return at;
  const ours = PROFILE_VARIABLES.filter(({ key: own, only = [profile] }) => own === key && only.includes(profile));
  const names = [prefixOf(profile), ''].flatMap((prefix) => ours.map(({ name }) => prefix + name));
  return names.flatMap((name) => [name, `${name}_FILE`]).find(isSet) ?? at;
}

function settingsOf(profile: LegacyName, setting: Setting, flaws: Flaw[]): Record<string, unknown> {
  const settings: Record<string, unknown> = {};
  const ours = PROFILE_VARIABLES.filter(({ only = [profile] }) => only.includes(profile));
  for (const [key, variables] of Map.groupBy(ours, (variable) => variable.key)) {
    const read = (prefix: string): readonly Given[] =>
      variables.flatMap(({ name, secret, read: parse }) =>
        given(prefix + name, setting(prefix + name, secret === true), parse),
      );
    const own = read(prefixOf(profile));
    const found = agreed(own.length > 0 ? own : read(''), flaws);
    if (found !== undefined) settings[key] = found.value;
  }
  return settings;
}

/** An empty variable is one that was forgotten, and counts as absent: the schema then says what is missing (E19). */
const given = (name: string, text: string | undefined, read: (text: string) => unknown): readonly Given[] =>
  text === undefined || text === '' ? [] : [{ name, value: read(text) }];

function agreed(all: readonly Given[], flaws: Flaw[]): Given | undefined {
  const [first, ...others] = all;
  const other = others.find(({ value }) => !isDeepStrictEqual(value, first?.value));
  if (first !== undefined && other !== undefined)
    flaws.push({ at: first.name, reason: `and ${other.name} say different things; keep one` });
  return first;
}
