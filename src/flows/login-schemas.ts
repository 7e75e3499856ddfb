import { z } from 'zod';
import { idText, storableText } from '../http/index.ts';
import { METHODS, type Offered } from '../mfa/index.ts';

const method = z.enum(METHODS);
const ticket = z.string().min(1).max(128).describe('As the last step gave it.');
const code = storableText(1, 64);
/** What the browser's `toJSON` gave; looked at by the room that knows its form. */
const passkey = z.record(z.string(), z.unknown());
const delivery = z
  .enum(['body', 'cookie', 'both'])
  .default('body')
  .describe('How the tokens come: in the body, as HttpOnly cookies, or both.');
const rememberDevice = z.boolean().optional().describe('Ask this device for no second factor for as long as allowed.');

/** Long enough for any passphrase, short enough to hash: what is longer is refused before any work. */
export const loginBody = z.strictObject({
  username: storableText(1, 254).describe('A username or an e-mail address.'),
  password: storableText(1, 1_024),
  tenant: idText.optional(),
  code: code.optional().describe('The second factor, for clients that send it along.'),
  remember_device: rememberDevice,
  delivery,
});

export const challengeBody = z.strictObject({ ticket, factor_id: idText.optional(), method: method.optional() });

export const verifyBody = z.strictObject({
  ticket,
  method: method.optional(),
  factor_id: idText.optional(),
  code: code.optional(),
  passkey: passkey.optional(),
  remember_device: rememberDevice,
  delivery,
});

export const enrolBody = z.strictObject({
  ticket,
  method: z.enum(['totp', 'sms', 'email', 'passkey']),
  to: storableText(1, 254).optional().describe('The number in international form, or the e-mail address.'),
});

export const passkeyBody = z.strictObject({ passkey, remember_device: rememberDevice, delivery });

export const stepUpChallengeBody = z.strictObject({ factor_id: idText.optional(), method: method.optional() });

export const stepUpBody = z.strictObject({
  password: storableText(1, 1_024).optional(),
  method: method.optional(),
  factor_id: idText.optional(),
  code: code.optional(),
  passkey: passkey.optional(),
});

/** @see RFC 6749 §5.1 */
export const signedIn = z.strictObject({
  access_token: z.string().optional().describe('Absent where it is in a cookie alone.'),
  token_type: z.literal('Bearer'),
  expires_in: z.int().describe('Seconds.'),
  refresh_token: z.string().optional(),
  csrf_token: z.string().optional().describe('To be sent as `X-CSRF-TOKEN` where cookies are the credential.'),
  backup_codes: z.array(z.string()).optional().describe('Shown once, when the first second factor was set up.'),
});

const offered = z.strictObject({ method, factor_id: z.string().optional(), hint: z.string().optional() });

/** What is still missing. */
export const pending = z.strictObject({
  second_factor: z
    .strictObject({ ticket: z.string(), expires_in: z.int().describe('Seconds.'), methods: z.array(offered) })
    .optional()
    .describe('One of these has to answer, at `/v1/login/verify`.'),
  enrol: z
    .strictObject({ ticket: z.string(), expires_in: z.int().describe('Seconds.'), methods: z.array(method) })
    .optional()
    .describe('One of these has to be set up, at `/v1/login/enrol`, and to answer at `/v1/login/verify`.'),
});

export const challenged = z.strictObject({
  hint: z.string().optional().describe('Where the code went.'),
  expires_in: z.int().optional().describe('Seconds.'),
  passkey: z.record(z.string(), z.unknown()).optional().describe('For `navigator.credentials.get`.'),
});

export const enrolling = z.strictObject({
  factor_id: z.string(),
  secret: z.string().optional().describe('Base 32, for an authenticator app that takes no picture.'),
  uri: z.string().optional(),
  qr_code: z.string().optional().describe('PNG in base 64.'),
  hint: z.string().optional(),
  passkey: z.record(z.string(), z.unknown()).optional().describe('For `navigator.credentials.create`.'),
});

export const offeredView = ({ method: way, factorId, hint }: Offered) => ({
  method: way,
  ...(factorId === undefined ? {} : { factor_id: factorId }),
  ...(hint === undefined ? {} : { hint }),
});
