import { equalBytes, hmacSha256 } from '../crypto/index.ts';
import type { Random } from '../kernel/random.ts';

const PREFIX = 'whsec_';
const NEW_BYTES = 32;
const LENGTHS = { least: 24, most: 64 };

/** A fresh secret: `whsec_` and the base64 of 32 random bytes. */
export const newSecret = (random: Random): string => PREFIX + random.bytes(NEW_BYTES).toString('base64');

/** The bytes of a secret; undefined for anything but `whsec_` and the base64 of 24 to 64 bytes. */
export function secretBytes(secret: string): Buffer | undefined {
  if (!secret.startsWith(PREFIX)) return undefined;
  const text = secret.slice(PREFIX.length);
  const bytes = Buffer.from(text, 'base64');
  const whole = equalBytes(Buffer.from(bytes.toString('base64')), Buffer.from(text)); // Buffer skips what is no base64
  return whole && bytes.length >= LENGTHS.least && bytes.length <= LENGTHS.most ? bytes : undefined;
}

/** What is signed. */
export interface Signed {
  readonly id: string;
  /** Seconds since 1970 of this attempt, so that a receiver can refuse old ones. */
  readonly timestamp: number;
  readonly body: string;
}

/**
 * The value of `webhook-signature`: a signature by each secret, for during a rotation a receiver may know either.
 *
 * @see https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md#symmetric
 */
export function signaturesOf(secrets: readonly Uint8Array[], { id, timestamp, body }: Signed): string {
  const signed = `${id}.${timestamp}.${body}`;
  return secrets.map((secret) => `v1,${hmacSha256(secret, signed).toString('base64')}`).join(' ');
}
