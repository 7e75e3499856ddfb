import { z } from 'zod';
import { days, hours, minutes } from '../kernel/clock.ts';
import { createSecret } from '../kernel/secret.ts';

const transit = z
  .strictObject({
    kind: z.literal('transit'),
    address: z.url({ protocol: /^https?$/ }).describe('Where the Vault listens.'),
    token: z
      .string()
      .min(1)
      .transform((text) => createSecret(text))
      .optional()
      .describe('What it knows us by.'),
    tokenFile: z
      .string()
      .min(1)
      .optional()
      .describe('A file with the token, read anew at every call: agents renew it.'),
    mount: z
      .string()
      .regex(/^[A-Za-z0-9_-]+(\/[A-Za-z0-9_-]+)*$/)
      .default('transit')
      .describe('Where Transit is mounted.'),
    key: z
      .string()
      .regex(/^[A-Za-z0-9_.-]{1,128}$/)
      .describe('The key of Transit that wraps ours.'),
    namespace: z.string().min(1).optional().describe('The namespace, where there are several.'),
  })
  .refine(({ token, tokenFile }) => (token === undefined) !== (tokenFile === undefined), 'needs token or tokenFile');

/** Below what one key may seal in a process by as much as it seals until its successor is there, and that is a minute. */
const MOST_SEALS = 2 ** 31 - 2 ** 28;

/** How keys rotate, and who keeps the master key. */
export const vaultConfig = z.strictObject({
  rotateEveryMs: z
    .int()
    .min(minutes(1))
    .max(days(3_660))
    .optional()
    .describe(
      'A data key is followed by a new one after this long; by default 30 days, 365 under digital-twin-v2 alone.',
    ),
  maxSeals: z
    .int()
    .min(1_000)
    .max(MOST_SEALS)
    .default(2 ** 30)
    .describe('A data key is followed by a new one after this many values.'),
  providerGraceMs: z
    .int()
    .min(minutes(1))
    .max(days(7))
    .default(hours(1))
    .describe('Keys that are open go on working for this long while the provider of the master key is away.'),
  provider: transit.optional().describe('HashiCorp Vault, where the master key is to stay with it.'),
});

export type VaultConfig = z.output<typeof vaultConfig>;
export type TransitConfig = NonNullable<VaultConfig['provider']>;
