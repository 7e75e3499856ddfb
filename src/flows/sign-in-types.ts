import type { Context } from '../http/index.ts';
import type { HashScheme } from '../identity/index.ts';
import type { PersonId } from '../kernel/brand.ts';
import type { Method, Offered } from '../mfa/index.ts';
import type { Grant, Terms } from '../sessions/index.ts';

export interface Credentials {
  /** A username or an e-mail address. */
  readonly username: string;
  readonly password: string;
  /** Where the session is to act; the oldest membership unless told. */
  readonly tenant?: string | undefined;
}

/** What a profile says of its sign-ins, and what a client sent along. */
export interface SignInOptions {
  /** Those of the native API unless told. */
  readonly terms?: Terms | undefined;
  /** What the cookie of a known device held. */
  readonly knownDevice?: string | undefined;
  /** How the password is to be kept from now on, unless it is kept better already. */
  readonly scheme?: HashScheme | undefined;
  /** The second factor in the same call, for clients that know of no second one. */
  readonly code?: string | undefined;
  readonly rememberDevice?: boolean | undefined;
}

/** What one step of a sign-in came to. */
export type SignInOutcome =
  | {
      readonly kind: 'signed-in';
      readonly grant: Grant;
      readonly personId: PersonId;
      /** For the cookie of the known device. */
      readonly newDevice: string;
      /** Shown once, where the first second factor was set up on the way. */
      readonly backupCodes?: readonly string[] | undefined;
    }
  | {
      readonly kind: 'second-factor';
      readonly ticket: string;
      readonly expiresInS: number;
      readonly methods: readonly Offered[];
    }
  | {
      readonly kind: 'enrol';
      readonly ticket: string;
      readonly expiresInS: number;
      readonly methods: readonly Method[];
    };

/** What stands in for a code on its way to the person, or for a passkey. */
export type Challenge =
  | { readonly kind: 'code-sent'; readonly hint: string; readonly expiresInS: number }
  | { readonly kind: 'passkey'; readonly options: object };

export interface ChallengeWish {
  readonly factorId?: string | undefined;
  readonly method?: Method | undefined;
}

export interface SecondAnswer {
  readonly ticket: string;
  readonly method?: Method | undefined;
  readonly factorId?: string | undefined;
  readonly code?: string | undefined;
  /** What the browser's `toJSON` gave. */
  readonly passkey?: unknown;
  readonly rememberDevice?: boolean | undefined;
}

export interface EnrolWish {
  readonly method: 'totp' | 'sms' | 'email' | 'passkey';
  /** The number or the address. */
  readonly to?: string | undefined;
}

/** A factor that was begun; what it needs to be shown depends on its kind. */
export interface Enrolling {
  readonly factorId: string;
  readonly secret?: string | undefined;
  readonly uri?: string | undefined;
  /** PNG in base64. */
  readonly qrCode?: string | undefined;
  readonly hint?: string | undefined;
  /** What to hand to `navigator.credentials.create`. */
  readonly options?: object | undefined;
}

/**
 * Signs people in. Unknown name, wrong password, no password and disabled person get the same answer after the same
 * time; only the audit log knows. What the first factor gives is a ticket that opens nothing but the second, wherever
 * the account has one or policy asks for it: no session exists before.
 */
export interface SignIn {
  /** @throws IDENTITY_CREDENTIALS, MFA_CODE_WRONG, LIMIT_EXCEEDED, CRYPTO_BUSY, TENANT_FOREIGN, DETECTION_BLOCKED, and what refuses a session */
  begin(context: Context, credentials: Credentials, options?: SignInOptions): Promise<SignInOutcome>;
  /** @throws MFA_TICKET_INVALID, MFA_FACTOR_UNKNOWN, MFA_BUDGET_SPENT, MFA_CHANNEL_OFF, LIMIT_EXCEEDED */
  challenge(context: Context, ticket: string, wish: ChallengeWish, options?: SignInOptions): Promise<Challenge>;
  /** @throws MFA_TICKET_INVALID, MFA_CODE_WRONG, LIMIT_EXCEEDED, and what refuses a session */
  verify(context: Context, answer: SecondAnswer, options?: SignInOptions): Promise<SignInOutcome>;
  /** @throws MFA_TICKET_INVALID, MFA_FACTOR_UNKNOWN for a method that policy does not know, and what refuses a factor */
  enrol(context: Context, ticket: string, wish: EnrolWish, options?: SignInOptions): Promise<Enrolling>;
  /** What to hand to `navigator.credentials.get`, whoever it will be. */
  passkeyOptions(context: Context): Promise<object>;
  /** @throws MFA_CODE_WRONG, LIMIT_EXCEEDED, and what refuses a session */
  passkey(context: Context, response: unknown, options?: SignInOptions): Promise<SignInOutcome>;
}
