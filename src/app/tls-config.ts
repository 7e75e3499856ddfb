import { isIP } from 'node:net';
import { z } from 'zod';
import type { Flaw } from '../kernel/errors.ts';

const file = z.string().min(1).max(4_096);
const HOST = /^(?=.{1,253}$)[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*$/;

/** The listener's own TLS. Files are PEM, are read at the start, and again within seconds of every change. */
export const tlsConfig = z
  .strictObject({
    enabled: z
      .boolean()
      .optional()
      .describe(
        'True: no start without a certificate or a trusted proxy; false: plain HTTP, whatever files are named.',
      ),
    certFile: file
      .optional()
      .describe('The certificate (PEM), its intermediates behind it; with it the port is HTTPS.'),
    keyFile: file.optional().describe('The private key (PEM) of the certificate.'),
    passphraseFile: file.optional().describe('Holds the passphrase of the key, where it has one.'),
    minVersion: z
      .enum(['1.2', '1.3'])
      .default('1.3')
      .describe(
        'The oldest TLS that is spoken; 1.2 is for four of the older profiles alone, and no other is served by it.',
      ),
    clientCaFile: file.optional().describe('Authorities (PEM) whose client certificates are believed.'),
    clientCrlFile: file
      .optional()
      .describe('Revocation lists (PEM) of all those authorities; one that is out of date lets nobody in.'),
    clients: z
      .enum(['none', 'optional', 'required'])
      .default('none')
      .describe('Whether clients are asked for a certificate, and whether one without gets a connection.'),
    redirectPort: z
      .int()
      .min(0)
      .max(65_535)
      .optional()
      .describe(
        'A second port, of plain HTTP, that sends browsers to HTTPS and answers nothing else; 0 takes a free one.',
      ),
    redirectHost: z
      .string()
      .refine((text) => HOST.test(text) || isIP(text) !== 0, 'must be a host name or an address, without port')
      .optional()
      .describe('The name that it sends them to; without it the one they asked for, where the certificate has it.'),
    warnDays: z
      .int()
      .min(1)
      .max(365)
      .default(21)
      .describe('So many days before the certificate runs out it is warned of.'),
  })
  .superRefine((tls, context) => {
    for (const { at, reason } of halves(tls)) context.addIssue({ code: 'custom', path: [at], message: reason });
  });

export type TlsConfig = z.output<typeof tlsConfig>;

/** What says something only together with something else. */
function halves(tls: Omit<TlsConfig, 'minVersion' | 'warnDays'>): readonly Flaw[] {
  const { certFile, keyFile, passphraseFile, clientCaFile, clientCrlFile, clients, redirectPort } = tls;
  const flaws: (Flaw | false)[] = [
    certFile !== undefined && keyFile === undefined && { at: 'keyFile', reason: 'is missing beside certFile' },
    certFile === undefined && keyFile !== undefined && { at: 'certFile', reason: 'is missing beside keyFile' },
    passphraseFile !== undefined &&
      keyFile === undefined && { at: 'passphraseFile', reason: 'opens no key: set keyFile' },
    clients !== 'none' && certFile === undefined && { at: 'clients', reason: 'needs TLS: set certFile and keyFile' },
    clients !== 'none' &&
      clientCaFile === undefined && { at: 'clientCaFile', reason: 'says whose certificates to believe' },
    clientCrlFile !== undefined && clientCaFile === undefined && { at: 'clientCrlFile', reason: 'needs clientCaFile' },
    redirectPort !== undefined &&
      certFile === undefined && { at: 'redirectPort', reason: 'sends nobody to HTTPS without certFile' },
  ];
  return flaws.filter((flaw) => flaw !== false);
}

/** Profiles whose clients may be as old as TLS 1.2 (X27). */
const OLD_CLIENTS: ReadonlySet<string> = new Set(['digital-twin-v1', 'digital-twin-v2', 'ems', 'coretwin']);

/** Whether a profile is served over TLS 1.2, where that is spoken at all. */
export const takesTls12 = (profile: string): boolean => OLD_CLIENTS.has(profile);

/** Settings of TLS that must not start together with the rest of the configuration. */
export function unsafeTls(config: {
  readonly tls: TlsConfig;
  readonly profiles: readonly string[];
  readonly trustedProxies: readonly string[];
}): readonly Flaw[] {
  const { tls, profiles, trustedProxies } = config;
  const flaws: Flaw[] = [];
  if (tls.minVersion === '1.2' && !profiles.some(takesTls12)) {
    const reason = `must be 1.3: no profile that takes 1.2 is served (${[...OLD_CLIENTS].join(', ')})`;
    flaws.push({ at: 'TWINKEEP_TLS_MIN_VERSION', reason });
  }
  if (tls.enabled === true && tls.certFile === undefined && trustedProxies.length === 0) {
    const reason = 'asks for TLS and none is there; set TWINKEEP_TLS_CERT_FILE and TWINKEEP_TLS_KEY_FILE (make them: ';
    const rest = 'twinkeep tls generate), or TWINKEEP_TRUSTED_PROXIES where a proxy speaks TLS';
    flaws.push({ at: 'TWINKEEP_TLS', reason: reason + rest });
  }
  return flaws;
}

/** Whether the port speaks TLS. */
export const servesTls = ({ enabled, certFile }: TlsConfig): boolean => enabled !== false && certFile !== undefined;

const text = (value: string): unknown => value;
const integer = (value: string): unknown => (/^\d{1,9}$/.test(value) ? Number(value) : value);
const WORDS = new Map([
  ...['true', '1', 'on', 'yes'].map((word) => [word, true] as const),
  ...['false', '0', 'off', 'no'].map((word) => [word, false] as const),
]);
const onOff = (value: string): unknown => WORDS.get(value.toLowerCase()) ?? value;

/** Our own variables of these settings. */
export const TLS_VARIABLES = [
  { name: 'TWINKEEP_TLS', path: ['tls', 'enabled'], read: onOff },
  { name: 'TWINKEEP_TLS_CERT_FILE', path: ['tls', 'certFile'], read: text },
  { name: 'TWINKEEP_TLS_KEY_FILE', path: ['tls', 'keyFile'], read: text },
  { name: 'TWINKEEP_TLS_PASSPHRASE_FILE', path: ['tls', 'passphraseFile'], read: text },
  { name: 'TWINKEEP_TLS_MIN_VERSION', path: ['tls', 'minVersion'], read: text },
  { name: 'TWINKEEP_TLS_CLIENT_CA_FILE', path: ['tls', 'clientCaFile'], read: text },
  { name: 'TWINKEEP_TLS_CLIENT_CRL_FILE', path: ['tls', 'clientCrlFile'], read: text },
  { name: 'TWINKEEP_TLS_CLIENTS', path: ['tls', 'clients'], read: text },
  { name: 'TWINKEEP_TLS_REDIRECT_PORT', path: ['tls', 'redirectPort'], read: integer },
  { name: 'TWINKEEP_TLS_REDIRECT_HOST', path: ['tls', 'redirectHost'], read: text },
] as const;

/** What the older systems call the same, looked at where they are served (V21, E17). */
const OLD_NAMES = [
  { name: 'TLS_ENABLED', key: 'enabled', only: 'aivillage', read: onOff },
  { name: 'SSL_CERTFILE', key: 'certFile', only: 'ems', read: text },
  { name: 'SSL_KEYFILE', key: 'keyFile', only: 'ems', read: text },
] as const;

/** What the variables of the older systems say of TLS, in the shape of the configuration. */
export function readOldTlsEnvironment(
  served: readonly string[],
  setting: (name: string, secret: boolean) => string | undefined,
): Record<string, unknown> {
  const tls: Record<string, unknown> = {};
  for (const { name, key, only, read } of OLD_NAMES) {
    const value = served.includes(only) ? setting(name, false) : undefined;
    if (value !== undefined && value !== '') tls[key] = read(value);
  }
  return Object.keys(tls).length === 0 ? {} : { tls };
}
