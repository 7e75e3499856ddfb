import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Flaw } from '../kernel/errors.ts';
import { CONFIG_VARIABLE, type Environment } from './environment.ts';
import { appFault } from './errors.ts';
import { isPlain } from './merge.ts';

const FILES = ['twinkeep.config.ts', 'twinkeep.config.js', 'twinkeep.config.json'];

let reads = 0;

/**
 * The settings of the configuration file, with `${NAME}` in their texts replaced from the environment (C09).
 *
 * @param flaws gets a line for each name that is not set
 * @throws CONFIG_INVALID for a file that can't be read
 */
export async function readConfigFile(env: Environment, flaws: Flaw[]): Promise<Record<string, unknown>> {
  const named = env[CONFIG_VARIABLE];
  const found = named ?? FILES.find((file) => existsSync(file));
  if (found === undefined) return {};
  return Object(interpolated(await contentOf(found), env, flaws, ''));
}

async function contentOf(found: string): Promise<unknown> {
  const path = resolve(found);
  try {
    if (path.endsWith('.json')) return JSON.parse(readFileSync(path, 'utf8'));
    // A module is loaded once per address, and a reload must see what stands in the file now.
    const module: { default?: unknown } = await import(`${pathToFileURL(path).href}?read=${reads++}`);
    return module.default;
  } catch (error) {
    const reason = `cannot be read as a configuration file: ${error instanceof Error ? error.message : 'unknown'}`;
    throw appFault('CONFIG_INVALID', { errors: [{ at: found, reason }] }, error);
  }
}

const REFERENCE = /\$\{([A-Za-z_][A-Za-z0-9_]*)\}/g;

function interpolated(value: unknown, env: Environment, flaws: Flaw[], at: string): unknown {
  if (typeof value === 'string') {
    return value.replaceAll(REFERENCE, (whole, name: string) => {
      const given = env[name];
      if (given === undefined) flaws.push({ at, reason: `names \${${name}}, which the environment does not set` });
      return given ?? whole;
    });
  }
  if (Array.isArray(value)) return value.map((item, index) => interpolated(item, env, flaws, `${at}.${index}`));
  if (!isPlain(value)) return value;
  const place = (key: string): string => (at === '' ? key : `${at}.${key}`);
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [key, interpolated(inner, env, flaws, place(key))]),
  );
}
