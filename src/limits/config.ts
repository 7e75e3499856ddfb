import { z } from 'zod';
import { minutes } from '../kernel/clock.ts';

const slowly = (everyMs: number, sentence: string) =>
  z.int().min(minutes(1)).max(minutes(60)).default(everyMs).describe(sentence);

const bounded = (count: number, sentence: string) => z.int().min(1).max(1_000_000).default(count).describe(sentence);

export const limitConfig = z.strictObject({
  enabled: z.boolean().default(true).describe('Off is for benchmarks alone, and refused in production.'),
  addressPerMinute: bounded(60_000, 'Requests a minute from one address block, of whatever kind.'),
  principalPerMinute: bounded(60_000, 'Requests a minute of one person or API key.'),
  tenantPerMinute: bounded(600_000, 'Requests a minute of everybody in one tenant together.'),
  signInPerAddress: bounded(60, 'Sign-ins a minute from one address block, good and bad, on every path together.'),
  signInFailuresPerAddressHour: bounded(600, 'Failed sign-ins an hour from one address block, on every path together.'),
  signInPerAccount: bounded(30, 'Sign-ins a minute for one username, whether it exists or not.'),
  signInFailuresPerAccount: bounded(
    10,
    'Failed sign-ins in five minutes for one name or e-mail address, from all devices together that are not known.',
  ),
  signInFailuresPerAccountHour: bounded(30, 'The same in an hour.'),
  signInFailuresPerAccountDay: bounded(
    50,
    'The same in a day; more come slowly. An account has two names, its username and its e-mail address: together twice as many.',
  ),
  signInSlowEveryMs: slowly(
    minutes(10),
    'When those are used up one sign-in is looked at in this time, for each name, in milliseconds; an address gets two an hour.',
  ),
  codeFailuresPerAccountDay: bounded(
    20,
    'Wrong codes of six digits a day of one account, whatever sign-in they are for; more come slowly.',
  ),
  codeSlowEveryMs: slowly(
    minutes(30),
    'When those are used up one code is looked at in this time, in milliseconds; an address gets two an hour.',
  ),
  backupFailuresPerAccountHour: bounded(
    600,
    'Wrong backup and recovery codes an hour of one account: they have 60 bits.',
  ),
  refusalMs: z
    .int()
    .min(0)
    .max(10_000)
    .default(400)
    .describe(
      'A refused sign-in or reset is answered no sooner, in milliseconds: longer than the slowest password hash takes, so that its time tells nothing. A profile and an import with a slower one are refused; 0 evens nothing out.',
    ),
  badCredentialsPerAddress: bounded(120, 'Requests with a bad token or key a minute from one address block.'),
});

export type LimitConfig = z.output<typeof limitConfig>;
