import { z } from 'zod';
import type { HashScheme } from '../crypto/index.ts';
import { days, hours, minutes } from '../kernel/clock.ts';

const passwords = z
  .strictObject({
    minLength: z.int().min(8).max(64).default(12).describe('Characters that a password must have.'),
    minLengthWithoutFactor: z
      .int()
      .min(8)
      .max(64)
      .default(12)
      .describe('The same of a person who has no second factor; at least 15 where `strict` is on.'),
    strict: z
      .boolean()
      .default(false)
      .describe('As NIST SP 800-63B-4 §3.1.1.1 wants it: 15 characters where the password is all there is.'),
    maxLength: z.int().min(64).max(128).default(128).describe('Characters that a password may have.'),
  })
  .refine((config) => config.minLengthWithoutFactor >= config.minLength, {
    path: ['minLengthWithoutFactor'],
    error: 'must not be less than minLength',
  });

export const accountConfig = z.strictObject({
  registration: z
    .enum(['open', 'invited', 'closed'])
    .default('closed')
    .describe('Who may make an account: everybody, whoever has an invitation, or administrators alone.'),
  registrationRoles: z
    .array(z.string().min(1).max(64))
    .max(20)
    .default([])
    .describe('Roles in the main tenant of whoever registers without an invitation.'),
  requireEmail: z
    .boolean()
    .default(true)
    .describe('Whether `POST /v1/register` wants an e-mail address, which the link in a mail has to prove.'),
  publicUrl: z
    .url({ protocol: /^https?$/ })
    .optional()
    .describe('Where the links in mails lead; by default the issuer, where that is a URL.'),
  siteName: z
    .string()
    .min(1)
    .max(60)
    .regex(/^[^\p{Cc}\u2028\u2029]+$(?!\n)/u, 'must be one line')
    .default('Twinkeep')
    .describe('How mails call this place.'),
  resetMs: z
    .int()
    .min(minutes(5))
    .max(days(1))
    .default(hours(1))
    .describe('A link to reset a password is good this long.'),
  verifyMs: z
    .int()
    .min(minutes(5))
    .max(days(7))
    .default(hours(24))
    .describe('A link to prove an e-mail address, or to finish a registration, is good this long.'),
  inviteMs: z.int().min(hours(1)).max(days(30)).default(days(7)).describe('An invitation is good this long.'),
  mailsPerHour: z
    .int()
    .min(1)
    .max(100)
    .default(5)
    .describe('Mails of each kind with links to one address within an hour; more are not sent, and nobody is told.'),
  passwords: passwords.prefault({}),
  scheme: z
    .enum(['argon2id', 'bcrypt', 'werkzeug-scrypt'])
    .default('argon2id')
    .describe('How new passwords are hashed; older hashes are replaced at the next sign-in, never by a weaker one.'),
  bcryptCost: z.int().min(10).max(15).default(12).describe('The cost where `scheme` is bcrypt.'),
});

export type AccountConfig = z.output<typeof accountConfig>;

/** In what new passwords are hashed. */
export const passwordSchemeOf = ({ scheme, bcryptCost }: Pick<AccountConfig, 'scheme' | 'bcryptCost'>): HashScheme =>
  scheme === 'bcrypt' ? { kind: scheme, cost: bcryptCost } : { kind: scheme };
