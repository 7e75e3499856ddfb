import { z } from 'zod';
import { days, hours, minutes } from '../kernel/clock.ts';

/** At so many points a suspect is blocked. */
export const BLOCK_POINTS = 100;

const share = (most: number, preset: number, sentence: string) =>
  z.number().min(0).max(most).default(preset).describe(sentence);

export const suspicionConfig = z.strictObject({
  enabled: z
    .boolean()
    .default(true)
    .describe('Off: refused attacks block nobody. Those of a profile that blocks on one pattern do all the same.'),
  attackPoints: z
    .number()
    .min(1)
    .max(BLOCK_POINTS)
    .default(22)
    .describe('Points of one attack; at 100 its suspect is blocked. 22: five different ones within ten minutes block.'),
  unusualPoints: share(
    BLOCK_POINTS,
    25,
    'Points of an anomaly of score 1; anomalies alone come to 50 at most, and so never block.',
  ),
  halfLifeMs: z
    .int()
    .min(minutes(1))
    .max(days(7))
    .default(hours(1))
    .describe('After this long half of the points are forgotten, and an attack that is sent again counts again.'),
  addressShare: share(
    0.5,
    0.1,
    'What part of the attack of a known key or person counts for the address; 50 points at most, so never a block alone.',
  ),
  plantedShare: share(
    0.5,
    0.1,
    'What part of an attack counts that a foreign page may have planted; 50 points at most, so never a block alone.',
  ),
  scriptedShare: z
    .number()
    .min(0.05)
    .max(1)
    .default(0.1)
    .describe(
      'What part of an attack counts in a read that a script of a page may have made of a link. 0.1: 46 different ones block.',
    ),
  endSessions: z
    .boolean()
    .default(true)
    .describe('The sessions of a person whom suspicion blocks end in the same write, and they are told by mail.'),
});
