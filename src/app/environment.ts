import { readFileSync } from 'node:fs';
import type { Flaw } from '../kernel/errors.ts';
import { notFound } from '../kernel/references.ts';
import { merge } from './merge.ts';
import { readProfileEnvironment } from './profile-environment.ts';
import { readOldTlsEnvironment, TLS_VARIABLES } from './tls-config.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

interface Variable {
  readonly name: string;
  readonly path: readonly string[];
  readonly read: (text: string) => unknown;
  readonly secret?: boolean;
}

const text = (value: string): unknown => value;
const list = (value: string): unknown =>
  value
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
const integer = (value: string): unknown => (/^\d{1,9}$/.test(value) ? Number(value) : value);
const onOff = (value: string): unknown => (value === 'on' ? true : value === 'off' ? false : value);

/** The variables of the environment. Those that are secret may also come as `NAME_FILE`. */
export const VARIABLES: readonly Variable[] = [
  { name: 'TWINKEEP_HOST', path: ['host'], read: text },
  { name: 'TWINKEEP_PORT', path: ['port'], read: integer },
  { name: 'TWINKEEP_WORKERS', path: ['workers'], read: integer },
  { name: 'TWINKEEP_DATA', path: ['data'], read: text },
  { name: 'TWINKEEP_PROFILE', path: ['profiles'], read: list },
  { name: 'TWINKEEP_BACK_END', path: ['backEnd'], read: text },
  { name: 'TWINKEEP_CORS_ORIGINS', path: ['corsOrigins'], read: list },
  { name: 'TWINKEEP_DATABASE_URL', path: ['databaseUrl'], read: text, secret: true },
  { name: 'TWINKEEP_REDIS_URL', path: ['redisUrl'], read: text, secret: true },
  { name: 'TWINKEEP_MASTER_KEY', path: ['masterKey'], read: text, secret: true },
  { name: 'TWINKEEP_MASTER_KEY_PREVIOUS', path: ['previousMasterKey'], read: text, secret: true },
  { name: 'TWINKEEP_ADMIN_USERNAME', path: ['adminUsername'], read: text },
  { name: 'TWINKEEP_ADMIN_PASSWORD', path: ['adminPassword'], read: text, secret: true },
  { name: 'TWINKEEP_ISSUER', path: ['issuer'], read: text },
  { name: 'TWINKEEP_TRUSTED_PROXIES', path: ['trustedProxies'], read: list },
  { name: 'TWINKEEP_LIMITS', path: ['limits', 'enabled'], read: onOff },
  { name: 'TWINKEEP_ALERT_CONFIG', path: ['delivery', 'alertConfig'], read: text },
  { name: 'TWINKEEP_LOG_LEVEL', path: ['logLevel'], read: text },
  ...TLS_VARIABLES,
];

/** Named here so that it is not taken for a typing error: it says where the configuration file is. */
export const CONFIG_VARIABLE = 'TWINKEEP_CONFIG';

/** What Kubernetes sets in every pod for a Service called `twinkeep` or `twinkeep-redis`: not meant for us. */
const KUBERNETES = /^TWINKEEP_([A-Z0-9_]+_)?(SERVICE_(HOST|PORT.*)|PORT_\d+_(TCP|UDP).*)$/;
const KUBERNETES_PORT = /^(tcp|udp):\/\//;

/** A setting as its user knows it: by the variable where there is one. */
export function nameOf(path: readonly string[]): string {
  const variable = VARIABLES.find((known) => known.path.join('.') === path.join('.'));
  return variable?.name ?? path.join('.');
}

/**
 * What the environment says, in the shape of the configuration.
 *
 * @param profiles those that the configuration file names, in case the environment names none
 * @param flaws gets a line for each variable that is wrong
 */
export function readEnvironment(env: Environment, profiles: unknown, flaws: Flaw[]): Record<string, unknown> {
  let values: Record<string, unknown> = env['NODE_ENV'] === 'production' ? { production: true } : {};
  const known = new Set<string>([CONFIG_VARIABLE]);
  for (const { name, path, read, secret } of VARIABLES) {
    known.add(name);
    if (secret) known.add(`${name}_FILE`);
    const value = settingOf(env, name, secret === true, flaws);
    if (value === undefined || (name === 'TWINKEEP_PORT' && KUBERNETES_PORT.test(value))) continue;
    if (secret && value === '') {
      if (env[name] === '') flaws.push({ at: name, reason: `${notFound(name)}: it is set, and empty` });
      continue;
    }
    values = merge(values, nested(path, read(value)));
  }
  for (const name of Object.keys(env)) {
    if (name.startsWith('TWINKEEP_') && !known.has(name) && !isKubernetes(name, env[name] ?? '')) {
      flaws.push({ at: name, reason: `is not a setting; did you mean ${closest(name, known)}?` });
    }
  }
  const served = values['profiles'] ?? profiles;
  const names = Array.isArray(served) ? served.map(String) : [];
  const setting = (name: string, secret: boolean) => settingOf(env, name, secret, flaws);
  const old = merge(readProfileEnvironment(names, setting, flaws), readOldTlsEnvironment(names, setting));
  return merge(old, values);
}

function nested(path: readonly string[], value: unknown): Record<string, unknown> {
  const [first = '', ...rest] = path;
  return { [first]: rest.length === 0 ? value : nested(rest, value) };
}

function settingOf(env: Environment, name: string, secret: boolean, flaws: Flaw[]): string | undefined {
  const direct = env[name];
  const file = secret ? env[`${name}_FILE`] : undefined;
  if (direct !== undefined && file !== undefined) {
    flaws.push({ at: name, reason: `is set twice, as ${name} and ${name}_FILE; keep one` });
  }
  if (file === undefined) return direct;
  try {
    const text = readFileSync(file, 'utf8').trimEnd();
    if (text === '') flaws.push({ at: `${name}_FILE`, reason: `${notFound(name)}: the file is empty` });
    return text;
  } catch {
    flaws.push({ at: `${name}_FILE`, reason: `${notFound(name)}: it names a file that cannot be read` });
    return undefined;
  }
}

const isKubernetes = (name: string, value: string): boolean =>
  KUBERNETES.test(name) || (name.endsWith('_PORT') && KUBERNETES_PORT.test(value));

function closest(name: string, known: ReadonlySet<string>): string {
  const distance = (a: string, b: string): number => {
    let row = Array.from({ length: b.length + 1 }, (_, at) => at);
    for (const [i, letter] of [...a].entries()) {
      const next = [i + 1];
      for (const [j, other] of [...b].entries()) {
        next.push(Math.min((row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1, (row[j] ?? 0) + (letter === other ? 0 : 1)));
      }
      row = next;
    }
    return row.at(-1) ?? 0;
  };
  return [...known].sort((a, b) => distance(name, a) - distance(name, b))[0] ?? '';
}
