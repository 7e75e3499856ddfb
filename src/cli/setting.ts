import { z } from 'zod';
import { type Config, type ConfigInput, configSchema, loadConfig, VARIABLES } from '../app/index.ts';

/** Read by `readings import` alone, so it is no setting of the server. */
const API_KEY_VARIABLE = 'TWINKEEP_API_KEY';

/** The configuration of this process. @throws CONFIG_INVALID */
export async function loadSettings(overrides: ConfigInput = {}): Promise<Config> {
  const { [API_KEY_VARIABLE]: _, ...environment } = process.env;
  return loadConfig(environment, overrides);
}

type Schema = Readonly<Record<string, unknown>>;

/**
 * A setting as its user knows it, what it is for and what may stand there.
 *
 * @param at a variable, or a path in the configuration: `profiles.0`
 * @returns no meaning for what is no setting
 */
export function describeSetting(at: string): { readonly name: string; readonly meaning: string | undefined } {
  const asTyped = at.split('.').filter((key) => !/^\d+$/.test(key)); // a place in a list is the list's
  const variable = VARIABLES.find(({ name, path }) => name === at || path.join('.') === asTyped.join('.'));
  let schema: Schema = z.toJSONSchema(configSchema, { io: 'input', unrepresentable: 'any' });
  for (const key of variable?.path ?? asTyped) schema = Object(Object(schema['properties'])[key]);
  const { description, default: standard } = schema;
  const name = variable?.name ?? at;
  if (typeof description !== 'string') return { name, meaning: undefined };
  const bounds = boundsOf(schema);
  const without = standard === undefined ? '' : ` Without it: ${JSON.stringify(standard)}.`;
  return { name, meaning: `${description}${bounds === '' ? '' : ` Takes ${bounds}.`}${without}` };
}

function boundsOf({ enum: choices, minimum, maximum, items }: Schema): string {
  const { enum: members } = Object(items);
  if (Array.isArray(choices)) return choices.join(', ');
  if (Array.isArray(members)) return `a list of ${members.join(', ')}`;
  return typeof minimum === 'number' && typeof maximum === 'number' ? `${minimum} to ${maximum}` : '';
}

/** One setting in effect. */
export interface Setting {
  /** Its path in the configuration. */
  readonly name: string;
  /** Empty where the environment can't set it. */
  readonly variable: string;
  /** As JSON; a secret is `[secret]`. */
  readonly value: string;
}

/** Every setting in effect, secrets hidden. */
export function settingsOf(config: Config): readonly Setting[] {
  const plain: unknown = JSON.parse(JSON.stringify(config)); // a Secret writes itself as [secret]
  const wanted = Object.keys(Object(z.toJSONSchema(configSchema, { io: 'input', unrepresentable: 'any' }).properties));
  return wanted.flatMap((name) => leaves(Object(plain)[name], [name]));
}

function leaves(value: unknown, path: readonly string[]): readonly Setting[] {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    return Object.entries(value).flatMap(([key, member]) => leaves(member, [...path, key]));
  }
  const name = path.join('.');
  const variable = VARIABLES.find((known) => known.path.join('.') === name)?.name ?? '';
  return [{ name, variable, value: value === undefined ? '' : JSON.stringify(value) }];
}
