import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { type Flaw, isFault } from '../kernel/errors.ts';
import { notFound, referenceOf } from '../kernel/references.ts';
import { CONFIG_VARIABLE, type Environment } from './environment.ts';
import { appFault } from './errors.ts';
import { isPlain } from './merge.ts';

const FILES = ['twinkeep.config.ts', 'twinkeep.config.js', 'twinkeep.config.json'];

const readOnce = new Set<string>();
const READ_MS = 10_000;
const MAX_BYTES = 16_777_216;

/**
 * The settings of the configuration file, with `${NAME}` in their texts replaced from the environment (C09), and texts
 * that are as a whole `env_NAME` (B20).
 *
 * @param flaws gets a line for each name that is not set, or empty
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
    if (readOnce.has(path)) return await readAnew(path);
    readOnce.add(path);
    const module: { default?: unknown } = await import(pathToFileURL(path).href);
    return module.default;
  } catch (error) {
    if (isFault(error, 'CONFIG_INVALID')) throw error; // the file asks for a secret that is not there, and says which
    // A parser's own words quote the file, and there are secrets in it.
    const why = error instanceof SyntaxError ? 'it is not valid' : error instanceof Error ? error.message : 'unknown';
    const reason = `cannot be read as a configuration file: ${why}`;
    throw appFault('CONFIG_INVALID', { errors: [{ at: found, reason }] }, error);
  }
}

/**
 * A module stays loaded, with all that it imports, so a reload reads the file in a process of its own.
 *
 * @throws the error of that process
 */
async function readAnew(path: string): Promise<unknown> {
  const args = ['--input-type=module', '--eval', READ, pathToFileURL(path).href];
  const { stdout } = await run(process.execPath, args, { timeout: READ_MS, maxBuffer: MAX_BYTES });
  const { content, missing } = Object(JSON.parse(stdout));
  if (missing !== undefined) throw appFault('CONFIG_INVALID', { errors: missing });
  return content;
}

/** Only what a file says of secrets that it asks for comes back from a failure; anything else may quote the file. */
const READ = `const told = (error) => (error?.code === 'CONFIG_INVALID' ? error.facts?.errors : undefined);
const say = (value) => process.stdout.write(JSON.stringify(value));
try { say({ content: (await import(process.argv[1])).default }); }
catch (error) { const missing = told(error); if (missing === undefined) throw error; say({ missing }); }`;

const run = promisify(execFile);

const REFERENCE = /\$\{([A-Za-z_][A-Za-z0-9_]*)\}/g;

function interpolated(value: unknown, env: Environment, flaws: Flaw[], at: string): unknown {
  if (typeof value === 'string') {
    const given = (name: string): string => {
      const found = env[name];
      if (found === undefined || found === '') flaws.push({ at, reason: `${notFound(name)} in the environment` });
      return found ?? '';
    };
    const reference = referenceOf(value);
    return reference === undefined ? value.replaceAll(REFERENCE, (_, name: string) => given(name)) : given(reference);
  }
  if (Array.isArray(value)) return value.map((item, index) => interpolated(item, env, flaws, `${at}.${index}`));
  if (!isPlain(value)) return value;
  const place = (key: string): string => (at === '' ? key : `${at}.${key}`);
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [key, interpolated(inner, env, flaws, place(key))]),
  );
}
