import { z } from 'zod';
import { isOrigin, storableText } from '../http/index.ts';
import { days, hours, minutes } from '../kernel/clock.ts';
import { METHODS } from './method.ts';

const count = (most: number, normal: number, sentence: string) =>
  z.int().min(1).max(most).default(normal).describe(sentence);

/** Whom a second factor is asked of, and which; a tenant may replace it by its own. */
const policyConfig = z.strictObject({
  requiredFor: z
    .array(storableText(1, 64))
    .max(100)
    .default([])
    .describe('Roles whose holders must have a second factor; `*` stands for everybody.'),
  methods: z
    .array(z.enum(METHODS))
    .min(1)
    .max(METHODS.length)
    .default([...METHODS])
    .describe('The second factors that count.'),
  rememberMs: z
    .int()
    .min(0)
    .max(days(90))
    .default(days(30))
    .describe('A device may be remembered for this long instead of being asked for a second factor; 0 for never.'),
});

const smsConfig = z.strictObject({
  countries: z
    .array(z.string().regex(/^[1-9]\d{0,6}$/, 'must be the digits of a calling code, like 49 or 1876'))
    .max(300)
    .default([])
    .describe('Calling codes of the countries that codes are sent to; without any no SMS code is sent.'),
  perNumber: count(100, 5, 'Codes an hour to one number.'),
  perPrefix: count(10_000, 30, 'Codes an hour to numbers that share the calling code and the next four digits.'),
  perDay: count(10_000_000, 1_000, 'Codes by SMS a day, to everybody together: what a day may cost at most.'),
});

const emailConfig = z.strictObject({
  perMailbox: count(100, 5, 'Codes an hour to one e-mail address.'),
  perDay: count(10_000_000, 20_000, 'Codes by e-mail a day, to everybody together.'),
});

const passkeyConfig = z.strictObject({
  rpId: z
    .string()
    .min(1)
    .max(253)
    .optional()
    .describe('The domain that passkeys belong to; of the issuer unless told.'),
  origins: z
    .array(z.string().max(2_048).refine(isOrigin, 'must be an origin, like https://twin.example'))
    .max(20)
    .optional()
    .describe('Where passkeys may be used; the origin of the issuer unless told.'),
  topOrigins: z
    .array(z.string().max(2_048).refine(isOrigin, 'must be an origin, like https://twin.example'))
    .max(20)
    .optional()
    .describe('Other sites that may hold a page of ours in a frame and ask for passkeys there; none unless told.'),
});

/** What an operator may choose about second factors. */
export const mfaConfig = z.strictObject({
  name: storableText(1, 64).default('Twinkeep').describe('What authenticator apps and messages call this site.'),
  policy: policyConfig.prefault({}),
  sms: smsConfig.prefault({}),
  email: emailConfig.prefault({}),
  perPerson: count(1_000, 10, 'Codes an hour to one person, of whatever kind.'),
  perAddress: count(10_000, 30, 'Codes an hour asked for from one address block.'),
  wrongPerDay: count(100, 100, 'Wrong answers a day of one person (NIST SP 800-63B-4 allows 100 at most).'),
  recoveryMs: z
    .int()
    .min(minutes(10))
    .max(days(7))
    .default(hours(24))
    .describe('A recovery code that an administrator hands over is good for this long.'),
  passkeys: passkeyConfig.prefault({}),
});

export type MfaConfig = z.output<typeof mfaConfig>;
