import { join } from 'node:path';
import { z } from 'zod';
import { days, hours, minutes } from '../kernel/clock.ts';

const kept = (count: number, sentence: string) => z.int().min(0).max(1_000).default(count).describe(sentence);

const RECIPIENT = /^age1[02-9ac-hj-np-z]{58}$/; // bech32 of an X25519 key

/** When backups are made, where they lie, and which are kept. */
export const backupConfig = z
  .strictObject({
    folder: z.string().min(1).optional().describe('Where backups lie; without it `backups` in the data folder.'),
    everyMs: z
      .int()
      .min(minutes(1))
      .max(days(366))
      .nullable()
      .default(days(1))
      .describe('A backup is made when the newest is older than this; null: only when it is asked for.'),
    keepDaily: kept(7, 'The newest backup of each of so many days is kept.'),
    keepWeekly: kept(4, 'The newest backup of each of so many weeks is kept.'),
    keepMonthly: kept(12, 'The newest backup of each of so many months is kept.'),
    recipients: z
      .array(z.string().regex(RECIPIENT, 'must be an age recipient (age1…)'))
      .max(16)
      .default([])
      .describe('Who may open backups beside the holder of the master key: recipients as `age-keygen` prints them.'),
    drillEveryMs: z
      .int()
      .min(minutes(10))
      .max(days(366))
      .nullable()
      .default(hours(24))
      .describe('The newest backup is restored for trial when the last trial is older than this; null: never.'),
    scratch: z
      .string()
      .min(1)
      .optional()
      .describe('Where copies lie for as long as a backup or a trial takes; without it in the folder of backups.'),
  })
  .refine((c) => c.keepDaily + c.keepWeekly + c.keepMonthly > 0, {
    path: ['keepDaily'],
    error: 'must keep at least one backup of a day, a week or a month',
  });

export type BackupConfig = z.output<typeof backupConfig>;

/** A folder of our own, for what is left there by a killed process is removed. */
export const scratchOf = (config: Pick<BackupConfig, 'scratch'>, folder: string): string =>
  join(config.scratch ?? folder, 'twinkeep-scratch');
