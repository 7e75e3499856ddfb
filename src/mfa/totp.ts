import { createHmac, createSecretKey, type KeyObject, timingSafeEqual } from 'node:crypto';
import type { EpochMs } from '../kernel/brand.ts';

/** How the codes of one secret are made. */
export interface TotpForm {
  readonly algorithm: 'sha1' | 'sha256' | 'sha512';
  readonly digits: 6 | 7 | 8;
  readonly periodS: number;
}

/** What every authenticator app supports; many ignore anything else that they are told. */
const USUAL_FORM: TotpForm = { algorithm: 'sha1', digits: 6, periodS: 30 };

/** Bytes of a new secret. @see RFC 4226 §4 R6: 160 bits are recommended */
export const SECRET_BYTES = 20;

const WINDOW = 1;
const counterBytes = (counter: number): Buffer => {
  const bytes = Buffer.alloc(8);
  bytes.writeUInt32BE(Math.floor(counter / 2 ** 32), 0);
  bytes.writeUInt32BE(counter % 2 ** 32, 4);
  return bytes;
};

/** @see RFC 4226 §5.3 */
export function hotpOf(
  secret: Uint8Array | KeyObject,
  counter: number,
  { algorithm, digits }: TotpForm = USUAL_FORM,
): string {
  const mac = createHmac(algorithm, secret).update(counterBytes(counter)).digest();
  const at = (mac.at(-1) ?? 0) & 0x0f;
  const number = (mac.readUInt32BE(at) & 0x7fffffff) % 10 ** digits;
  return String(number).padStart(digits, '0');
}

/** The step of a moment, counted from 1970. @see RFC 6238 §4.2 */
export const stepAt = (now: EpochMs, { periodS }: TotpForm = USUAL_FORM): number => Math.floor(now / (periodS * 1_000));

/**
 * The step that a code belongs to: the present one, or one beside it. In the same time whether it belongs to one or not.
 *
 * @returns the latest such step, so that a code which by chance is that of two is used up for both
 * @see RFC 6238 §5.2: one step back for a slow network; one ahead for a clock that is fast
 */
export function stepOf(
  secret: Uint8Array,
  code: string,
  now: EpochMs,
  form: TotpForm = USUAL_FORM,
): number | undefined {
  const present = stepAt(now, form);
  const key = createSecretKey(secret); // Node takes 9 us for an HMAC under raw bytes, 2 us under this
  const given = Buffer.from(code.length === form.digits ? code : '?'.repeat(form.digits), 'latin1');
  let found: number | undefined;
  for (let step = Math.max(0, present - WINDOW); step <= present + WINDOW; step++) {
    if (timingSafeEqual(Buffer.from(hotpOf(key, step, form), 'latin1'), given)) found = step;
  }
  return found;
}
