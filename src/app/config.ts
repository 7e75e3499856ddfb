import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { z } from 'zod';
import { createAddressReader } from '../http/index.ts';
import { newPassword, username } from '../identity/index.ts';
import type { Flaw } from '../kernel/errors.ts';
import { createSecret, type Secret } from '../kernel/secret.ts';
import { limitConfig } from '../limits/index.ts';
import { profileNames } from '../profiles/index.ts';
import { readingConfig } from '../readings/index.ts';
import { sessionConfig } from '../sessions/index.ts';
import { appFault } from './errors.ts';

const databaseUrl = z
  .string()
  .regex(/^(sqlite:.+|postgres(ql)?:\/\/.+)$/, 'must begin with sqlite: or postgres://')
  .transform((url) => createSecret(url)); // it may hold a password

const cidr = z.string().refine(isCidr, 'must be an address or CIDR');

/** Everything that can be set, with default, bound and a sentence; `docs/config.md` is printed from it. */
export const configSchema = z.strictObject({
  host: z.string().min(1).default('127.0.0.1').describe('The address to listen on.'),
  port: z.int().min(0).max(65_535).default(8_080).describe('The port to listen on; 0 takes a free one.'),
  data: z.string().min(1).default('./data').describe('The data folder: database, keys, lock and socket.'),
  profiles: z
    .array(z.enum(profileNames))
    .min(1)
    .default(['twinkeep'])
    .describe('The profiles that are served, of those that this version has.'),
  databaseUrl: databaseUrl
    .optional()
    .describe('`sqlite:` and a file, or `postgres://…`; without it a file in the data folder.'),
  redisUrl: z
    .string()
    .regex(/^rediss?:\/\/.+$/, 'must begin with redis:// or rediss://')
    .transform((url) => createSecret(url))
    .optional()
    .describe('Where limits and events are shared between processes; without it they stay in this one.'),
  masterKey: z
    .string()
    .transform((text) => createSecret(text))
    .optional()
    .describe('The base64 of 32 bytes; without it a key is generated into the data folder.'),
  adminUsername: username.default('admin').describe('The first administrator, made at the first start only.'),
  adminPassword: newPassword
    .transform((text) => createSecret(text))
    .optional()
    .describe('The password of the first administrator; without it one is generated and printed once.'),
  issuer: z
    .string()
    .min(1)
    .max(255)
    .optional()
    .describe('The `iss` of access tokens; by default the address listened on.'),
  trustedProxies: z
    .array(cidr)
    .default([])
    .describe('Proxies whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed.'),
  production: z
    .boolean()
    .default(false)
    .describe('Refuses what is only for trying things out; set by `NODE_ENV=production`.'),
  logLevel: z
    .enum(['debug', 'info', 'warn', 'error', 'silent'])
    .default('info')
    .describe('What is logged, as JSON lines on standard error.'),
  limits: limitConfig.prefault({}),
  sessions: sessionConfig.prefault({}),
  readings: readingConfig.prefault({}),
});

export type Config = z.output<typeof configSchema>;
export type ConfigInput = z.input<typeof configSchema>;

/** For `twinkeep.config.ts`: lets the editor check what stands in it. */
export const defineConfig = (config: ConfigInput): ConfigInput => config;

type Environment = Readonly<Record<string, string | undefined>>;

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
  { name: 'TWINKEEP_DATA', path: ['data'], read: text },
  { name: 'TWINKEEP_PROFILE', path: ['profiles'], read: list },
  { name: 'TWINKEEP_DATABASE_URL', path: ['databaseUrl'], read: text, secret: true },
  { name: 'TWINKEEP_REDIS_URL', path: ['redisUrl'], read: text, secret: true },
  { name: 'TWINKEEP_MASTER_KEY', path: ['masterKey'], read: text, secret: true },
  { name: 'TWINKEEP_ADMIN_USERNAME', path: ['adminUsername'], read: text },
  { name: 'TWINKEEP_ADMIN_PASSWORD', path: ['adminPassword'], read: text, secret: true },
  { name: 'TWINKEEP_ISSUER', path: ['issuer'], read: text },
  { name: 'TWINKEEP_TRUSTED_PROXIES', path: ['trustedProxies'], read: list },
  { name: 'TWINKEEP_LIMITS', path: ['limits', 'enabled'], read: onOff },
  { name: 'TWINKEEP_LOG_LEVEL', path: ['logLevel'], read: text },
];

/** Named here so that it is not taken for a typing error: it says where the configuration file is. */
export const CONFIG_VARIABLE = 'TWINKEEP_CONFIG';

/** What Kubernetes sets in every pod for a Service called `twinkeep` or `twinkeep-redis`: not meant for us. */
const KUBERNETES = /^TWINKEEP_([A-Z0-9_]+_)?(SERVICE_(HOST|PORT.*)|PORT_\d+_(TCP|UDP).*)$/;
const KUBERNETES_PORT = /^(tcp|udp):\/\//;

/**
 * The configuration of this process: file, then environment, which wins.
 *
 * @throws CONFIG_INVALID naming every setting that is wrong, and how to mend it
 */
export async function loadConfig(env: Environment, overrides: ConfigInput = {}): Promise<Config> {
  const file = await readConfigFile(env);
  const flaws: Flaw[] = [];
  const fromEnv = readEnvironment(env, flaws);
  const parsed = configSchema.safeParse(merge(merge(file, fromEnv), overrides));
  if (!parsed.success) {
    for (const issue of parsed.error.issues) {
      const at = nameOf(issue.path.map(String));
      if (issue.code === 'unrecognized_keys')
        for (const key of issue.keys) flaws.push({ at: key, reason: 'is not a setting' });
      else flaws.push({ at, reason: issue.message });
    }
  } else flaws.push(...unsafe(parsed.data));
  if (flaws.length > 0 || !parsed.success) throw appFault('CONFIG_INVALID', { errors: flaws });
  return parsed.data;
}

function unsafe(config: Config): readonly Flaw[] {
  const flaws: Flaw[] = [];
  if (config.production && !config.limits.enabled) {
    flaws.push({ at: 'TWINKEEP_LIMITS', reason: 'must not be off in production; remove it, or NODE_ENV=production' });
  }
  return flaws;
}

/** A setting as its user knows it: by the variable where there is one. */
function nameOf(path: readonly string[]): string {
  const variable = VARIABLES.find((known) => known.path.join('.') === path.join('.'));
  return variable?.name ?? path.join('.');
}

function readEnvironment(env: Environment, flaws: Flaw[]): Record<string, unknown> {
  const values: Record<string, unknown> = env['NODE_ENV'] === 'production' ? { production: true } : {};
  const known = new Set<string>([CONFIG_VARIABLE]);
  for (const { name, path, read, secret } of VARIABLES) {
    known.add(name);
    if (secret) known.add(`${name}_FILE`);
    const value = settingOf(env, name, secret === true, flaws);
    if (value === undefined || (name === 'TWINKEEP_PORT' && KUBERNETES_PORT.test(value))) continue;
    const [first = '', second] = path;
    if (second === undefined) values[first] = read(value);
    else values[first] = { ...Object(values[first]), [second]: read(value) };
  }
  for (const name of Object.keys(env)) {
    if (name.startsWith('TWINKEEP_') && !known.has(name) && !isKubernetes(name, env[name] ?? '')) {
      flaws.push({ at: name, reason: `is not a setting; did you mean ${closest(name, known)}?` });
    }
  }
  return values;
}

function settingOf(env: Environment, name: string, secret: boolean, flaws: Flaw[]): string | undefined {
  const direct = env[name];
  const file = secret ? env[`${name}_FILE`] : undefined;
  if (direct !== undefined && file !== undefined) {
    flaws.push({ at: name, reason: `is set twice, as ${name} and ${name}_FILE; keep one` });
  }
  if (file === undefined) return direct;
  try {
    return readFileSync(file, 'utf8').trimEnd();
  } catch {
    flaws.push({ at: `${name}_FILE`, reason: 'names a file that cannot be read' });
    return undefined;
  }
}

const isKubernetes = (name: string, value: string): boolean =>
  KUBERNETES.test(name) || (name.endsWith('_PORT') && KUBERNETES_PORT.test(value));

const FILES = ['twinkeep.config.ts', 'twinkeep.config.js', 'twinkeep.config.json'];

async function readConfigFile(env: Environment): Promise<Record<string, unknown>> {
  const named = env[CONFIG_VARIABLE];
  const found = named ?? FILES.find((file) => existsSync(file));
  if (found === undefined) return {};
  const path = resolve(found);
  try {
    if (path.endsWith('.json')) return Object(JSON.parse(readFileSync(path, 'utf8')));
    const module: { default?: unknown } = await import(pathToFileURL(path).href);
    return Object(module.default);
  } catch (error) {
    throw appFault(
      'CONFIG_INVALID',
      { errors: [{ at: found, reason: 'cannot be read as a configuration file' }] },
      error,
    );
  }
}

function merge(base: object, over: object): Record<string, unknown> {
  const merged: Record<string, unknown> = { ...base };
  for (const [key, value] of Object.entries(over)) {
    const below = merged[key];
    merged[key] = isPlain(value) && isPlain(below) ? merge(below, value) : value;
  }
  return merged;
}

const isPlain = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;

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

function isCidr(entry: string): boolean {
  try {
    createAddressReader([entry]);
    return true;
  } catch {
    return false;
  }
}

/** The address of the database; by default a file in the data folder. */
export const databaseUrlOf = (config: Config): Secret =>
  config.databaseUrl ?? createSecret(`sqlite:${resolve(config.data, 'twinkeep.db')}`);

/** The owner's door: whoever may open this socket (0600) is the operator. */
export const ownerSocketOf = (config: Config): string => join(config.data, 'owner.sock');

/** The newest signed head of the audit log, remembered outside of the database. */
export const auditHeadOf = (config: Config): string => join(config.data, 'audit.head');
