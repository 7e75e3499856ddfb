import { readFileSync } from 'node:fs';
import { notFound } from '../kernel/references.ts';
import type { Environment } from './environment.ts';
import { appFault } from './errors.ts';

/**
 * A variable that must be there: its own value, or what stands in the file that `NAME_FILE` names, without the line's end.
 *
 * @throws CONFIG_INVALID with `Required secret <name> not found` where it is absent or empty, or its file cannot be read
 */
export function getRequiredEnv(name: string, env: Environment = process.env): string {
  const value = read(name, env);
  if (value === undefined) throw appFault('CONFIG_INVALID', { errors: [{ at: name, reason: notFound(name) }] });
  return value;
}

/** A variable that may be absent or empty, read as `getRequiredEnv` reads it. @throws CONFIG_INVALID for a file that cannot be read */
export function getOptionalEnv(name: string): string | undefined;
export function getOptionalEnv<Fallback>(name: string, fallback: Fallback, env?: Environment): string | Fallback;
export function getOptionalEnv(name: string, fallback?: unknown, env: Environment = process.env): unknown {
  return read(name, env) ?? fallback;
}

function read(name: string, env: Environment): string | undefined {
  const direct = env[name];
  const file = env[`${name}_FILE`];
  if (direct !== undefined && direct !== '') return direct;
  if (file === undefined || file === '') return undefined;
  try {
    const text = readFileSync(file, 'utf8').trimEnd();
    return text === '' ? undefined : text;
  } catch (error) {
    const reason = `${notFound(name)}: ${name}_FILE names a file that cannot be read`;
    throw appFault('CONFIG_INVALID', { errors: [{ at: `${name}_FILE`, reason }] }, error);
  }
}
