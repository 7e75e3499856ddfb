import type { EpochMs } from '../kernel/brand.ts';

/** Ways to answer for a second factor, the strongest first. */
export const METHODS = ['passkey', 'totp', 'backup', 'email', 'sms'] as const;
export type Method = (typeof METHODS)[number];

/** Ways by which a code comes to the person. */
export type CodeMethod = 'sms' | 'email';

/** A second factor as its owner sees it. */
export interface Factor {
  readonly id: string;
  readonly method: Exclude<Method, 'backup'>;
  readonly label: string;
  /** `+49…56`, `a…@b.example`. */
  readonly hint?: string | undefined;
  /** Missing as long as nobody has proved to hold it. */
  readonly confirmedAt?: EpochMs | undefined;
  readonly createdAt: EpochMs;
  readonly lastUsedAt?: EpochMs | undefined;
}

/** What can answer a sign-in. */
export interface Offered {
  readonly method: Method;
  readonly factorId?: string | undefined;
  readonly hint?: string | undefined;
}

/** What a good answer came to. `amr` as RFC 8176 has it, and `mail` and `rc` of ours. */
export interface MfaProof {
  readonly method: Method;
  readonly amr: readonly string[];
  readonly factorId?: string | undefined;
}

/** An answer to "prove it". */
export interface Answer {
  /** Any that the form of the code admits unless told. */
  readonly method?: Method | undefined;
  readonly factorId?: string | undefined;
  readonly code: string;
}

/** Where a code is asked for from. */
export interface Sender {
  readonly addressBlock: string;
}

/** As `amr` of tokens name the methods that are answered by a code. */
export const AMR: Readonly<Record<Exclude<Method, 'passkey'>, string>> = {
  totp: 'otp',
  sms: 'sms',
  email: 'mail',
  backup: 'rc',
};
