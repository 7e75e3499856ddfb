import { hours, minutes } from '../kernel/clock.ts';
import { isFault } from '../kernel/errors.ts';
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
  /** A device, session or address that this very account has signed in with before; never what a stranger can make up. */
  readonly knownDevice?: string | undefined;
  /** Set by `begin` alone: it came out of the slow count. */
  readonly slow?: boolean | undefined;
}

/** An answer for the second factor of one account, over all of its sign-ins. */
export interface CodeAttempt {
  readonly account: string;
  readonly addressBlock: string;
  readonly knownDevice?: string | undefined;
  /** Six digits are found by trying; the 60 bits of a backup code are not, and have a count of their own. */
  readonly guessable: boolean;
  readonly slow?: boolean | undefined;
}

/**
 * How often anybody may try to get in: one budget over login, codes, reset, API keys and sockets. Counted before the
 * work, so that tries at the same moment count too; what turned out good is taken off again, and nothing else with it.
 *
 * No lock: only windows, the same for names that exist and names that don't. Who is not known to an account has a quick
 * count, and when that is used up for long a slow one that never ends: one try every few minutes, of which no address gets more
 * than a few. So guessing is bounded over the day, and nobody waits for a day. A device or address that the account
 * knows has counts of its own.
 *
 * @see NIST SP 800-63B-4 §3.2.2, and docs/decisions/0020
 */
export interface Attempts {
  /** @returns the same, as it was counted: for `good`. @throws LIMIT_EXCEEDED */
  begin(attempt: Attempt): Promise<Attempt>;
  /** What `begin` counted was good: takes that one off, and leaves those of others. */
  good(attempt: Attempt): Promise<void>;
  /** @returns the same, as it was counted: for `goodCode`. @throws LIMIT_EXCEEDED */
  beginCode(attempt: CodeAttempt): Promise<CodeAttempt>;
  goodCode(attempt: CodeAttempt): Promise<void>;
  /**
   * Forgets what strangers have tried on an account, once its owner has proved by other means who they are.
   *
   * @param names every name that it signs in with, and the id of its person
   */
  clear(names: readonly string[]): Promise<void>;
}

interface Pace {
  readonly quick: readonly LimitRule[];
  /** When that is used up for longer than this takes. */
  readonly slow: LimitRule;
  /** Of the slow count, what one address may have: else the first to ask would take each place that comes free. */
  readonly slowShare: LimitRule;
}

export function createAttempts({ limits, config }: AttemptsDeps): Attempts {
  const rule = (name: string, count: number, windowMs: number): LimitRule => ({ name, count, windowMs });
  const pace = {
    address: [rule(ADDRESS, config.signInPerAddress, minutes(1))],
    account: [rule(ACCOUNT, config.signInPerAccount, minutes(1))],
    addressFailures: [rule(ADDRESS, config.signInFailuresPerAddressHour, hours(1))],
  };
  const slowly = (name: string, everyMs: number) => ({
    slow: rule(`${name}-slow`, 1, everyMs),
    slowShare: rule(`${name}-slow-address`, SLOW_SHARE, hours(1)),
  });
  const password: Pace = {
    quick: [
      rule(ACCOUNT, config.signInFailuresPerAccount, minutes(5)),
      rule(ACCOUNT, config.signInFailuresPerAccountHour, hours(1)),
      rule(ACCOUNT, config.signInFailuresPerAccountDay, hours(24)),
    ],
    ...slowly(ACCOUNT, config.signInSlowEveryMs),
  };
  const code: Pace = {
    quick: [rule(CODE, config.codeFailuresPerAccountDay, hours(24))],
    ...slowly(CODE, config.codeSlowEveryMs),
  };
  const backup: Pace = {
    quick: [rule(BACKUP, config.backupFailuresPerAccountHour, hours(1))],
    ...slowly(BACKUP, config.codeSlowEveryMs),
  };
  const paceOf = ({ guessable }: CodeAttempt): Pace => (guessable ? code : backup);

  function claimsOf(
    of: Pace,
    { account = '', knownDevice, addressBlock, slow }: Attempt | CodeAttempt,
  ): readonly Claim[] {
    const who = whoOf(account, knownDevice);
    if (slow !== true) return claims(of.quick, who);
    return [
      { rule: of.slow, who },
      { rule: of.slowShare, who: whoOf(who, addressBlock) },
    ];
  }

  /** Out of the quick count, or where that is used up out of the slow one. */
  async function take<Of extends Attempt | CodeAttempt>(of: Pace, attempt: Of, beside: readonly Claim[]): Promise<Of> {
    try {
      await limits.takeAll([...beside, ...claimsOf(of, attempt)]);
      return attempt;
    } catch (error) {
      if (!isFault(error, 'LIMIT_EXCEEDED')) throw error;
      const waitMs = Number(error.facts['retry_after_s']) * 1_000;
      if (waitMs <= of.slow.windowMs) throw error; // the quick count is there again as soon
      const slow = { ...attempt, slow: true };
      await limits.takeAll([...beside, ...claimsOf(of, slow)]);
      return slow;
    }
  }

  async function giveBack(all: readonly Claim[]): Promise<void> {
    for (const claim of all) await limits.giveBack(claim);
  }

  return {
    begin: async (attempt) => {
      // By itself: an address pays for each try, also for one at an account whose count is used up.
      await limits.takeAll(claims(pace.address, attempt.addressBlock));
      const address = claims(pace.addressFailures, attempt.addressBlock);
      if (attempt.account === undefined) {
        await limits.takeAll(address);
        return attempt;
      }
      const name = { ...attempt, account: foldedEmail(attempt.account) };
      return take(password, name, [...claims(pace.account, whoOf(name.account, name.knownDevice)), ...address]);
    },
    good: async (attempt) => {
      const { account, addressBlock } = attempt;
      await giveBack(claims(pace.addressFailures, addressBlock));
      if (account !== undefined) await giveBack(claimsOf(password, { ...attempt, account: foldedEmail(account) }));
    },
    beginCode: (attempt) => take(paceOf(attempt), attempt, []),
    goodCode: (attempt) => giveBack(claimsOf(paceOf(attempt), attempt)),
    clear: async (names) => {
      for (const name of names) {
        const whole = [...password.quick, password.slow, ...pace.account];
        for (const claim of claims(whole, foldedEmail(name))) await limits.reset(claim);
        const codes = [code, backup].flatMap(({ quick, slow }) => [...quick, slow]);
        for (const claim of claims(codes, name)) await limits.reset(claim);
      }
    },
  };
}

const ADDRESS = 'sign-in-address';
const ACCOUNT = 'sign-in-account';
const CODE = 'sign-in-code';
const BACKUP = 'sign-in-backup-code';
const SLOW_SHARE = 2;

const claims = (rules: readonly LimitRule[], who: string): readonly Claim[] => rules.map((rule) => ({ rule, who }));

/** NUL stands in no name and no id, so that no name of an account is that of another one's device. */
const whoOf = (account: string, known: string | undefined): string =>
  known === undefined ? account : `${account}\0${known}`;
