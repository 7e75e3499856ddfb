import { sha256 } from '../crypto/index.ts';
import type { PersonId } from '../kernel/brand.ts';
import { days, hours } from '../kernel/clock.ts';
import type { HotState, Limit, Take } from '../storage/index.ts';
import type { MfaConfig } from './config.ts';
import { mfaFault } from './errors.ts';
import type { CodeMethod } from './method.ts';

/** A message that is about to be sent. */
export interface Spending {
  readonly method: CodeMethod;
  readonly to: string;
  /** Of a number: what it has in common with its neighbours. */
  readonly prefix?: string | undefined;
  readonly personId: PersonId;
  readonly addressBlock: string;
  /** Whether this person has shown to hold the number or mailbox: anybody can name one. */
  readonly confirmed: boolean;
}

/** Undoes what was counted. */
export type Undo = () => Promise<void>;

/**
 * What codes may cost, and how often they may be guessed. A refusal says when to come back and nothing of which count
 * was full: that would tell how often others asked. What can't be counted is refused, by what the hot state throws.
 */
export interface Budget {
  /** Counts one message. @throws MFA_BUDGET_SPENT */
  spend(of: Spending): Promise<Undo>;
  /** Counts one answer as wrong until it turns out good. @throws MFA_BUDGET_SPENT */
  guess(person: PersonId): Promise<Undo>;
  /** Notes a wrong code. @returns whether it is time to tell the owner: at the fifth, once a day */
  isTelling(person: PersonId): Promise<boolean>;
}

export type HotCounts = Pick<HotState, 'takeAll' | 'giveBack'>;

export function createBudget(hot: HotCounts, config: MfaConfig): Budget {
  async function take(takes: readonly Take[]): Promise<Undo> {
    const { allowed, taken, tightest } = await hot.takeAll(takes);
    if (!allowed) {
      const waitMs = taken[tightest]?.retryAfterMs ?? hours(1);
      throw mfaFault('MFA_BUDGET_SPENT', { retry_after_s: Math.max(1, Math.ceil(waitMs / 1_000)) });
    }
    return async () => {
      for (const { cell, limit } of takes) await hot.giveBack(cell, limit);
    };
  }

  return {
    spend: (of) => take(takesOf(of, config)),
    isTelling: async (person) => {
      const perDay = (rule: string, count: number): Take => cellOf(rule, person, { count, windowMs: days(1) });
      if ((await hot.takeAll([perDay('few wrong', QUIET_WRONG)])).allowed) return false;
      return (await hot.takeAll([perDay('told', 1)])).allowed;
    },
    guess: (person) => take([cellOf('wrong', person, { count: config.wrongPerDay, windowMs: days(1) })]),
  };
}

/**
 * Toll fraud spreads over numbers of one range, over accounts, and over addresses: each has a count of its own. Of what
 * is shared, those who merely name a number get a part, so that they take no codes away from whoever holds it.
 */
function takesOf(
  { method, to, prefix, personId, addressBlock, confirmed }: Spending,
  config: MfaConfig,
): readonly Take[] {
  const anHour = (count: number): Limit => ({ count, windowMs: hours(1) });
  const shared = (rule: string, who: string, limit: Limit): readonly Take[] => {
    const whole = cellOf(rule, who, limit);
    const part = { ...limit, count: Math.max(1, Math.floor(limit.count * UNCONFIRMED_SHARE)) };
    return confirmed ? [whole] : [cellOf(`${rule} unconfirmed`, who, part), whole];
  };
  const [perTarget, perDay] =
    method === 'sms' ? [config.sms.perNumber, config.sms.perDay] : [config.email.perMailbox, config.email.perDay];
  return [
    ...shared('to', sha256(to.toLowerCase()).toString('hex'), anHour(perTarget)),
    ...(prefix === undefined ? [] : shared('prefix', prefix, anHour(config.sms.perPrefix))),
    cellOf('person', personId, anHour(config.perPerson)),
    cellOf('address', addressBlock, anHour(config.perAddress)),
    ...shared('day', method, { count: perDay, windowMs: days(1) }),
  ];
}

/** Wrong codes of a day that anybody may have typed. */
const QUIET_WRONG = 4;

/** Of a count that others need too, what goes to numbers and mailboxes that nobody has confirmed yet. */
const UNCONFIRMED_SHARE = 0.4;

const cellOf = (rule: string, who: string, limit: Limit): Take => ({ cell: `mfa ${rule} ${who}`, limit });
