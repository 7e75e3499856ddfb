import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { accessSync, constants, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseAllDocuments } from 'yaml';

export const ROOT = fileURLToPath(new URL('../../', import.meta.url));
/** An ordinary user's path lacks the folders where nginx, UFW and nftables are. */
const PATH = `${process.env['PATH']}:/usr/local/sbin:/usr/sbin:/sbin`;

export const assetOf = (name: string): string => readFileSync(join(ROOT, 'deploy', name), 'utf8');

/** The one document of a YAML file under `deploy/`; a key that stands in it twice is an error. */
export function yamlOf(name: string): unknown {
  const [document, ...others] = documentsOf(name);
  assert.equal(others.length, 0, name);
  return document;
}

/** All documents of a YAML file under `deploy/`. */
export function documentsOf(name: string): readonly unknown[] {
  return parseAllDocuments(assetOf(name)).map((document): unknown => {
    assert.deepEqual(document.errors, [], name);
    return document.toJS();
  });
}

/** What stands at a path such as `spec.template.0.name`; undefined where there is none. */
export const at = (value: unknown, path: string): unknown =>
  path.split('.').reduce((inside: unknown, key) => Object(inside)[key], value);

export const listAt = (value: unknown, path: string): readonly unknown[] => {
  const found = at(value, path);
  return Array.isArray(found) ? found : assert.fail(`${path} is no list`);
};

/** The members of an object, none where there is nothing. */
export const entriesOf = (value: unknown): readonly [string, unknown][] => Object.entries(Object(value));

/** The names of all files below a folder of `deploy/`. */
export const filesBelow = (folder: string): readonly string[] =>
  readdirSync(join(ROOT, 'deploy', folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(join(ROOT, 'deploy/').length));

const isThere = (program: string): boolean => PATH.split(':').some((folder) => isExecutable(join(folder, program)));

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/**
 * Whether a test has to do without a program of the system.
 *
 * @param always whether the set-up installs it, so that its absence in CI is a failure
 * @returns what `skip` takes
 */
export function without(programs: readonly string[], always: boolean): string | false {
  const missing = programs.filter((program) => !isThere(program));
  if (missing.length === 0 || (always && process.env['CI'] === 'true')) return false;
  return `not on this system: ${missing.join(', ')}`;
}

/** A network and mounts of its own take rights that not everybody has. */
export function withoutNamespaces(): string | false {
  const { status } = spawnSync('unshare', ['--net', '--mount', 'true'], { stdio: 'ignore' });
  return status === 0 ? false : 'a network of its own cannot be made here: it takes root';
}

export interface Ran {
  readonly code: number | null;
  readonly output: string;
}

/** Runs a program of the system to its end. */
export function ran(program: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Ran {
  const whole = { ...process.env, PATH, ...env };
  const { status, stdout, stderr, error } = spawnSync(program, args, {
    env: whole,
    encoding: 'utf8',
    timeout: 120_000,
  });
  return { code: status, output: `${stdout}${stderr}${error?.message ?? ''}` };
}
