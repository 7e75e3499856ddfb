import { createSecret } from '../kernel/secret.ts';
import { appFault } from './errors.ts';

/** Settings that can be handed to another thread of this process: the one place where their secrets stand bare. */
export interface Packed<Settings> {
  readonly plain: Partial<Settings>;
  readonly secrets: readonly PackedSecret[];
}

interface PackedSecret {
  readonly path: readonly string[];
  readonly value: unknown;
}

/**
 * Takes settings apart. Threads get those that were read at the start rather than read them again: a file that has
 * changed since must not make one thread, started again at night, another server than the rest.
 *
 * @throws CONFIG_INVALID for a function or another value that no thread can be given
 */
export function pack<Settings extends object>(settings: Settings): Packed<Settings> {
  const secrets: PackedSecret[] = [];
  const take = (value: unknown, path: readonly string[]): unknown => {
    if (typeof value !== 'object' || value === null) return value;
    if ('reveal' in value && typeof value.reveal === 'function') {
      secrets.push({ path, value: value.reveal() });
      return undefined;
    }
    if (Array.isArray(value)) return value.map((member: unknown, at) => take(member, [...path, String(at)]));
    if (Object.getPrototypeOf(value) !== Object.prototype) return value;
    return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, take(member, [...path, key])]));
  };
  try {
    return structuredClone({ plain: take(settings, []) as Partial<Settings>, secrets }); // less its secrets
  } catch (error) {
    const reason = 'needs a configuration of plain values: a function cannot be handed to another thread';
    throw appFault('CONFIG_INVALID', { errors: [{ at: 'TWINKEEP_WORKERS', reason }] }, error);
  }
}

export function unpack<Settings>({ plain, secrets }: Packed<Settings>): Settings {
  for (const { path, value } of secrets) {
    let holder: Record<string, unknown> = Object(plain);
    for (const key of path.slice(0, -1)) holder = Object(holder[key]);
    holder[path.at(-1) ?? ''] = createSecret(value);
  }
  return plain as Settings; // whole again
}
