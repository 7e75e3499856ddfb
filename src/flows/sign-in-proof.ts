import { actorOf, type Context } from '../http/index.ts';
import type { Person } from '../identity/index.ts';
import type { TenantId } from '../kernel/brand.ts';
import { isFault } from '../kernel/errors.ts';
import { anonymous, type Principal } from '../kernel/principal.ts';
import { isSixDigits, type Method, type Mfa, type MfaProof } from '../mfa/index.ts';
import type { Attempts } from './attempts.ts';
import type { Refusals } from './sign-in-refusals.ts';

export interface ProverDeps {
  readonly mfa: Pick<Mfa, 'verify' | 'passkeys'>;
  readonly attempts: Attempts;
  readonly refusals: Refusals;
}

/** What somebody answers for a second factor: a code, or what a passkey said. */
export interface FactorAnswer {
  readonly method?: Method | undefined;
  readonly factorId?: string | undefined;
  readonly code?: string | undefined;
  readonly passkey?: unknown;
}

/** Whose second factor is asked for, and on which way. */
export interface Asked {
  readonly context: Context;
  readonly profile: string;
  readonly person: Person;
  /** Where it is asked for: the entries of it are seen there. */
  readonly tenantId: TenantId;
  /** A device, a session or an address that is known to the account: it has a count of its own. */
  readonly knownDevice: string | undefined;
  /** Anonymous unless told. */
  readonly caller?: Principal | undefined;
}

/** Looks at a second factor, counted before it is looked at. @throws MFA_CODE_WRONG, LIMIT_EXCEEDED */
export type Prove = (asked: Asked, answer: FactorAnswer) => Promise<MfaProof>;

export const createProve =
  ({ mfa, attempts, refusals }: ProverDeps): Prove =>
  async ({ context, profile, person, tenantId, knownDevice, caller = anonymous }, answer) => {
    const actor = actorOf(context, caller, tenantId);
    const refuse = (): Promise<never> => refusals.code(context, profile, person);

    async function byCode(code: string): Promise<MfaProof> {
      const { method, factorId } = answer;
      const { addressBlock } = context;
      const guessable = isSixDigits(code);
      const counted = await attempts.beginCode({ account: person.id, addressBlock, knownDevice, guessable });
      const proof = await mfa.verify(actor, person.id, { method, factorId, code });
      if (proof === undefined) return refuse();
      await attempts.goodCode(counted);
      return proof;
    }

    if (answer.passkey === undefined) return answer.code === undefined ? refuse() : byCode(answer.code);
    const passed = await mfa.passkeys.authenticate(answer.passkey, { actor, person: person.id }).catch(unlessRefused);
    return passed === undefined ? refuse() : passed.proof; // nobody guesses a signature: it needs no count of its own
  };

/** Where there can be no passkeys, one proves nothing. */
function unlessRefused(error: unknown): undefined {
  if (!isFault(error, 'MFA_PASSKEYS_OFF')) throw error;
}

/** A password and something else, or a passkey that verified its person, are two kinds. @see RFC 8176 §2 */
export function joined(before: readonly string[], given: readonly string[]): readonly string[] {
  const all = new Set([...before, ...given]);
  const kinds = [...all].filter((method) => method !== 'mfa');
  if (kinds.includes('pwd') && kinds.length > 1) all.add('mfa');
  return [...all];
}
