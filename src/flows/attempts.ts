import { days, hours, minutes } from '../kernel/clock.ts';
import type { Claim, LimitConfig, LimitRule, Limits } from '../limits/index.ts';
import { foldedEmail } from '../vault/index.ts';

export interface AttemptsDeps {
  readonly limits: Limits;
  readonly config: LimitConfig;
}

/** What somebody tries to get into, and from where. */
export interface Attempt {
  /** As typed: how a name is spelt makes no difference. Absent where nobody is named, as with an API key. */
  readonly account?: string | undefined;
  readonly addressBlock: string;
  /** The id of a device that this very account has signed in from before; never what a stranger can make up. */
  readonly knownDevice?: string | undefined;
}

/** Wrong second factors of one account, over all of its sign-ins. */
export interface CodeAttempt {
  readonly account: string;
  readonly knownDevice?: string | undefined;
}

/**
 * How often anybody may try to get in: one budget over login, codes, reset, API keys and sockets. Counted before the
 * work, so that tries at the same moment count too; what turned out good is taken off again, and nothing else with it.
 *
 * No lock: only windows, the same for names that exist and names that don't. Strangers who use up an account's count
 * slow down each other, while a device that the account knows has a count of its own.
 *
 * @see NIST SP 800-63B-4 §3.2.2
 */
export interface Attempts {
  /** @throws LIMIT_EXCEEDED */
  begin(attempt: Attempt): Promise<void>;
  /** What `begin` counted was good: takes that one off, and leaves those of others. */
  good(attempt: Attempt): Promise<void>;
  /** @throws LIMIT_EXCEEDED */
  beginCode(attempt: CodeAttempt): Promise<void>;
  goodCode(attempt: CodeAttempt): Promise<void>;
}

export function createAttempts({ limits, config }: AttemptsDeps): Attempts {
  const rule = (name: string, count: number, windowMs: number): LimitRule => ({ name, count, windowMs });
  const pace = {
    address: [rule(ADDRESS, config.signInPerAddress, minutes(1))],
    account: [rule(ACCOUNT, config.signInPerAccount, minutes(1))],
  };
  const failures = {
    address: [rule(ADDRESS, config.signInFailuresPerAddressHour, hours(1))],
    account: [
      rule(ACCOUNT, config.signInFailuresPerAccount, minutes(5)),
      rule(ACCOUNT, config.signInFailuresPerAccountHour, hours(1)),
      rule(ACCOUNT, config.signInFailuresPerAccountDay, days(1)),
    ],
    code: [rule(CODE, config.codeFailuresPerAccountDay, days(1))],
  };

  const accountClaims = ({ account: rules }: typeof pace, { account, knownDevice }: Attempt): readonly Claim[] =>
    account === undefined ? [] : claims(rules, whoOf(foldedEmail(account), knownDevice));
  const claimsOf = (rules: typeof pace, attempt: Attempt): readonly Claim[] => [
    ...claims(rules.address, attempt.addressBlock),
    ...accountClaims(rules, attempt),
  ];
  const codeClaims = ({ account, knownDevice }: CodeAttempt): readonly Claim[] =>
    claims(failures.code, whoOf(account, knownDevice));

  async function giveBack(all: readonly Claim[]): Promise<void> {
    for (const claim of all) await limits.giveBack(claim);
  }

  return {
    begin: async (attempt) => {
      // By itself: an address pays for each try, also for one at an account whose count is used up.
      await limits.takeAll(claims(pace.address, attempt.addressBlock));
      await limits.takeAll([...accountClaims(pace, attempt), ...claimsOf(failures, attempt)]);
    },
    good: (attempt) => giveBack(claimsOf(failures, attempt)),
    beginCode: async (attempt) => {
      await limits.takeAll(codeClaims(attempt));
    },
    goodCode: (attempt) => giveBack(codeClaims(attempt)),
  };
}

const ADDRESS = 'sign-in-address';
const ACCOUNT = 'sign-in-account';
const CODE = 'sign-in-code';

const claims = (rules: readonly LimitRule[], who: string): readonly Claim[] => rules.map((rule) => ({ rule, who }));

/** NUL stands in no name and no id, so that no name of an account is that of another one's device. */
const whoOf = (account: string, device: string | undefined): string =>
  device === undefined ? account : `${account}\0${device}`;
