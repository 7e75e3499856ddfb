import { z } from 'zod';
import { idText, isCidr } from '../http/index.ts';
import { days, minutes, seconds } from '../kernel/clock.ts';
import { anomalyConfig } from './anomaly-config.ts';
import { inspectionConfig } from './inspection-config.ts';
import { suspicionConfig } from './suspicion-config.ts';

const cidr = z.string().refine(isCidr, 'must be an address or CIDR');
const length = (ms: number, sentence: string) => z.int().min(seconds(1)).max(days(365)).default(ms).describe(sentence);

export const detectionConfig = z
  .strictObject({
    enabled: z
      .boolean()
      .default(true)
      .describe(
        'Off: failures and attacks block nobody. Blocks that are there, or that an operator makes, hold all the same.',
      ),
    failures: z
      .int()
      .min(1)
      .max(1_000)
      .default(5)
      .describe('So many failed passwords, keys, tokens or codes from one address block it; a sign-in starts anew.'),
    windowMs: z
      .int()
      .min(seconds(1))
      .max(days(1))
      .default(minutes(15))
      .describe('Failures are counted together when they fall within this time.'),
    blockMs: length(
      minutes(15),
      'The first block of somebody ends after this long; each one soon after is twice as long.',
    ),
    maxBlockMs: length(days(1), 'No block that was not wished by an operator is longer than this.'),
    permanent: z.boolean().default(false).describe('Blocks of addresses end only when an operator lifts them.'),
    never: z
      .array(cidr)
      .max(1_000)
      .default([])
      .describe('Addresses and CIDRs that are never blocked; trusted proxies never are either.'),
    neverBlocked: z
      .array(idText)
      .max(1_000)
      .default([])
      .describe('Ids of people, API keys and devices that are never blocked; the operator never is either.'),
    suspicion: suspicionConfig.prefault({}),
    inspection: inspectionConfig.prefault({}),
    anomalies: anomalyConfig,
  })
  .refine((c) => c.blockMs <= c.maxBlockMs, { path: ['blockMs'], error: 'must not exceed maxBlockMs' });

export type DetectionConfig = z.output<typeof detectionConfig>;
