import { z } from 'zod';
import { created, defineRoute, type Route } from '../../http/index.ts';
import { type HashScheme, newPassword, username } from '../../identity/index.ts';
import { hours } from '../../kernel/clock.ts';
import type { ProfileSettings } from '../config.ts';
import type { ProfileGround } from '../extras.ts';

/** Makes an account at the path of the system. Its clients know no mail: a taken name gets the same answer as a free one. */
export function registerRoute(ground: ProfileGround, path: string, settings: ProfileSettings): Route {
  const registration = 'registration' in settings ? settings.registration : 'closed';
  return defineRoute({
    method: 'POST',
    path: ground.prefix + path,
    profile: ground.profile,
    summary: 'Make an account, where that is open to everybody.',
    access: { kind: 'public', because: 'whoever registers has no account yet' },
    limits: [{ per: 'address', count: 30, windowMs: hours(1) }],
    records: 'self',
    body: z.strictObject({ username, password: newPassword }),
    replies: { 201: z.strictObject({ message: z.string(), username: z.string() }) },
    faults: ['IDENTITY_REGISTRATION_CLOSED', 'IDENTITY_USERNAME_REFUSED', 'IDENTITY_PASSWORD_WEAK', 'CRYPTO_BUSY'],
    handle: async ({ body, context }) => {
      const scheme = fitting(ground.signInOptions(context).scheme, body.password);
      await ground.accounts.register(context, body, { scheme, registration, requireEmail: false });
      return created({ message: 'User registered', username: body.username });
    },
  });
}

const BCRYPT_BYTES = 72;

/** bcrypt reads no more than 72 bytes: a longer password is kept by argon2id, which holds it whole (X28). */
const fitting = (scheme: HashScheme | undefined, password: string): HashScheme | undefined =>
  scheme?.kind === 'bcrypt' && Buffer.byteLength(password.normalize('NFC')) > BCRYPT_BYTES
    ? { kind: 'argon2id' }
    : scheme;
