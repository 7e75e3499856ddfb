import { createSecret } from '../kernel/secret.ts';
import type { Config } from './config.ts';
import { appFault } from './errors.ts';

/** A configuration that can be handed to another thread of this process, where alone its secrets stand bare. */
export interface PackedConfig {
  readonly plain: unknown;
  readonly secrets: readonly PackedSecret[];
}

interface PackedSecret {
  readonly path: readonly string[];
  readonly value: unknown;
}

/**
 * Takes a configuration apart. Threads get the one that was read at the start rather than read it again: a file that has
 * changed since must not make one thread, started again at night, another server than the rest.
 *
 * @throws CONFIG_INVALID for a function or another value that no thread can be given
 */
export function packConfig(config: Config): PackedConfig {
  const secrets: PackedSecret[] = [];
  const pack = (value: unknown, path: readonly string[]): unknown => {
    if (typeof value !== 'object' || value === null) return value;
    if ('reveal' in value && typeof value.reveal === 'function') {
      secrets.push({ path, value: value.reveal() });
      return undefined;
    }
    if (Array.isArray(value)) return value.map((member: unknown, at) => pack(member, [...path, String(at)]));
    if (Object.getPrototypeOf(value) !== Object.prototype) return value;
    return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, pack(member, [...path, key])]));
  };
  const packed = { plain: pack(config, []), secrets };
  try {
    return structuredClone(packed);
  } catch (error) {
    const reason = 'needs a configuration of plain values: a function cannot be handed to another thread';
    throw appFault('CONFIG_INVALID', { errors: [{ at: 'TWINKEEP_WORKERS', reason }] }, error);
  }
}

export function unpackConfig({ plain, secrets }: PackedConfig): Config {
  for (const { path, value } of secrets) {
    let holder: Record<string, unknown> = Object(plain);
    for (const key of path.slice(0, -1)) holder = Object(holder[key]);
    holder[path.at(-1) ?? ''] = createSecret(value);
  }
  return plain as Config; // it was one when it was packed
}
