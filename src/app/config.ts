import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import { backupConfig } from '../backups/index.ts';
import { type AlertConfig, deliveryConfig, readAlertConfig, unsafeDelivery } from '../delivery/index.ts';
import { detectionConfig } from '../detection/index.ts';
import { gatewayConfig } from '../gateway/index.ts';
import { isCidr, isOrigin } from '../http/index.ts';
import { accountConfig, newPassword, username } from '../identity/index.ts';
import type { Flaw } from '../kernel/errors.ts';
import { createSecret, type Secret } from '../kernel/secret.ts';
import { limitConfig } from '../limits/index.ts';
import { mfaConfig } from '../mfa/index.ts';
import { profileConfig, profileNames } from '../profiles/index.ts';
import { readingConfig } from '../readings/index.ts';
import { sessionConfig } from '../sessions/index.ts';
import { vaultConfig } from '../vault/index.ts';
import { readConfigFile } from './config-file.ts';
import { connectionConfig } from './connection-config.ts';
import { type Environment, nameOf, readEnvironment } from './environment.ts';
import { appFault } from './errors.ts';
import { merge } from './merge.ts';
import { variableAt } from './profile-environment.ts';
import { tlsConfig } from './tls-config.ts';
import { unsafe } from './unsafe.ts';

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
    .describe('The profiles that are served beside the native one; the first speaks where no other is mounted.'),
  workers: z.int().min(1).max(64).default(1).describe('Threads that serve the port; one of its own then writes.'),
  backEnd: z
    .url({ protocol: /^https?$/ })
    .optional()
    .describe('One back end for every path that is not ours, for people who are signed in; more is said in `gateway`.'),
  corsOrigins: z
    .array(z.string().refine((text) => text === '*' || isOrigin(text), 'must be an origin, or *'))
    .default([])
    .describe('Origins whose pages may call the native API; `*` is refused in production.'),
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
  previousMasterKey: z
    .string()
    .transform((text) => createSecret(text))
    .optional()
    .describe('The master key before a change: stored keys are wrapped anew at the start, then it can go.'),
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
  accounts: accountConfig.prefault({}),
  mfa: mfaConfig.prefault({}),
  readings: readingConfig.prefault({}),
  gateway: gatewayConfig.prefault({}),
  detection: detectionConfig.prefault({}),
  delivery: deliveryConfig.prefault({}),
  vault: vaultConfig.prefault({}),
  backups: backupConfig.prefault({}),
  tls: tlsConfig.prefault({}),
  connections: connectionConfig.prefault({}),
  profile: profileConfig.prefault({}).describe('Settings of the profiles, by their names.'),
});

export type Config = z.output<typeof configSchema>;
export type ConfigInput = z.input<typeof configSchema>;

/** For `twinkeep.config.ts`: lets the editor check what stands in it. */
export const defineConfig = (config: ConfigInput): ConfigInput => config;

/**
 * The configuration of this process: file, then environment, which wins.
 *
 * @throws CONFIG_INVALID naming every setting that is wrong, and how to mend it
 */
export async function loadConfig(env: Environment, overrides: ConfigInput = {}): Promise<Config> {
  const flaws: Flaw[] = [];
  const file = await readConfigFile(env, flaws);
  const fromEnv = readEnvironment(env, file['profiles'], flaws);
  const parsed = configSchema.safeParse(merge(merge(file, fromEnv), overrides));
  if (!parsed.success) {
    for (const issue of parsed.error.issues) {
      const at = nameOf(issue.path.map(String));
      if (issue.code === 'unrecognized_keys')
        for (const key of issue.keys) flaws.push({ at: [...issue.path, key].join('.'), reason: 'is not a setting' });
      else flaws.push({ at, reason: issue.message });
    }
  } else flaws.push(...unsafe(parsed.data));
  const errors = flaws.map(({ at, reason }) => ({ at: variableAt(at, (name) => (env[name] ?? '') !== ''), reason }));
  if (errors.length > 0 || !parsed.success) throw appFault('CONFIG_INVALID', { errors });
  return parsed.data;
}

/**
 * Who is told of what happens, as the `alert_config.json` of the configuration says, secrets from the environment (B20).
 *
 * @throws CONFIG_INVALID where the file can't be read, DELIVERY_ALERTS_INVALID naming every place in it that is wrong
 */
export function loadAlerts(config: Config, env: Environment): AlertConfig | undefined {
  const { alertConfig: path } = config.delivery;
  if (path === undefined) return undefined;
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    const errors = [{ at: 'TWINKEEP_ALERT_CONFIG', reason: `names ${path}, which cannot be read` }];
    throw appFault('CONFIG_INVALID', { errors }, error);
  }
  const alerts = readAlertConfig(text, env);
  const errors = config.production
    ? unsafeDelivery({ smtp: alerts.email?.smtp, sms: alerts.sms?.provider }).map((flaw) => ({ ...flaw, at: path }))
    : [];
  if (errors.length > 0) throw appFault('CONFIG_INVALID', { errors });
  return alerts;
}

/** The address of the database; by default a file in the data folder. */
export const databaseUrlOf = (config: Config): Secret =>
  config.databaseUrl ?? createSecret(`sqlite:${resolve(config.data, 'twinkeep.db')}`);

/** The file of an embedded database; undefined where it is a server's. */
export function sqliteFileOf(url: Secret): string | undefined {
  const text = url.reveal();
  return text.startsWith('sqlite:') ? text.slice('sqlite:'.length) : undefined;
}

/**
 * The master key that is handed in: as set, or else what a profile calls so (X11). One that the data folder has already
 * stays, and so does the provider that is named.
 */
export function masterKeyOf(config: Config): Secret | undefined {
  const { masterKey, vault, data, profiles, profile } = config;
  if (masterKey !== undefined || vault.provider !== undefined || existsSync(join(data, 'master.key'))) return masterKey;
  const named = (['digital-twin-v2', 'aivillage'] as const).filter((name) => profiles.includes(name));
  return named.map((name) => profile[name].encryptionKey).find((key) => key !== undefined);
}

/** The owner's door: whoever may open this socket (0600) is the operator. */
export const ownerSocketOf = (config: Config): string => join(config.data, 'owner.sock');

/** The newest signed head of the audit log, remembered outside of the database. */
export const auditHeadOf = (config: Config): string => join(config.data, 'audit.head');
