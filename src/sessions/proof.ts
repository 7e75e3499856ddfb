import type { EpochMs } from '../kernel/brand.ts';
import type { SessionRow } from './session.ts';

/** How, and how lately, the person of a session proved who they are. */
export interface Proof {
  /** `undefined` where a remembered device stood in for the second factor and nothing was given since. */
  readonly provedAt: EpochMs | undefined;
  readonly secondFactorAt: EpochMs | undefined;
  /** @see RFC 8176 */
  readonly amr: readonly string[];
}

/** What a token says of it. */
export interface TokenProof {
  readonly amr: readonly string[];
  readonly authenticatedAt: EpochMs;
}

const ACR_PASSWORD = 'urn:twinkeep:acr:password';
const ACR_MFA = 'urn:twinkeep:acr:mfa';
const METHOD = /^[a-z0-9_-]{1,16}$/;
const MAX_METHODS = 12;

/** @see RFC 9068 §2.2.1, RFC 9470 */
export const acrOf = (amr: readonly string[]): string => (amr.includes('mfa') ? ACR_MFA : ACR_PASSWORD);

export const proofOf = ({ provedAt, secondFactorAt, amr }: SessionRow): Proof => ({ provedAt, secondFactorAt, amr });

/** A token is as old as the newest proof; one where a device stood in as the sign-in itself. */
export const tokenProofOf = ({ amr, provedAt, authenticatedAt }: SessionRow): TokenProof => ({
  amr,
  authenticatedAt: provedAt ?? authenticatedAt,
});

/** What was given now, on top of what was given before; a password and something else are two kinds, and so `mfa`. */
export function addedTo(before: readonly string[], given: readonly string[]): readonly string[] {
  const all = new Set([...before, ...given]);
  const kinds = [...all].filter((method) => method !== 'mfa');
  if (kinds.includes('pwd') && kinds.length > 1) all.add('mfa');
  return [...all];
}

/** As it is stored. @throws TypeError for methods of another form: they come from flows, never from a client */
export function amrText(amr: readonly string[]): string {
  if (amr.length === 0 || amr.length > MAX_METHODS || !amr.every((method) => METHOD.test(method)))
    throw new TypeError('amr must name 1 to 12 methods');
  return amr.join(' ');
}
