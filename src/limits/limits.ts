import { minutes } from '../kernel/clock.ts';
import type { Facts } from '../kernel/errors.ts';
import type { HotState, Limit, Take, Taken, TakenAll } from '../storage/index.ts';
import type { LimitConfig } from './config.ts';
import { limitFault } from './errors.ts';

/** The limits that hold for more than one route. */
export type LimitName = 'address' | 'principal' | 'sign-in-address' | 'sign-in-account' | 'bad-credentials';

/** At most `count` in any interval of `windowMs`. The name is told to the client. */
export interface LimitRule extends Limit {
  readonly name: string;
}

/** One rule, for one of those whom it counts. */
export interface Claim {
  readonly rule: LimitRule;
  readonly who: string;
}

/** Claims with the names of their cells, made once for a caller who comes again and again. */
export interface Prepared {
  readonly claims: readonly Claim[];
  readonly takes: readonly Take[];
}

/** The rule of which the least is left. */
export interface Tightest {
  readonly rule: LimitRule;
  readonly remaining: number;
  /** Until all of it is there again. */
  readonly resetMs: number;
}

/**
 * Synchronous when the hot state is. A refusal has the facts `limit` (the rule's name), `retry_after_s`, `quota` and
 * `window_s`. Whatever the hot state throws goes through, for a limit that can't be counted is none.
 */
export interface Limits {
  /** @throws LIMIT_EXCEEDED */
  take(name: LimitName, who: string): void | Promise<void>;
  /** A limit of a route's own. @throws LIMIT_EXCEEDED */
  takeOf(cell: string, limit: Limit): void | Promise<void>;
  /**
   * Counts all of up to 16 claims, or none when one of them is over.
   *
   * @returns `undefined` where nothing is counted
   * @throws LIMIT_EXCEEDED for the claim with the longest wait
   */
  takeAll(claims: readonly Claim[]): Tightest | undefined | Promise<Tightest | undefined>;
  /** As `takeAll`, of what `preparedOf` made. @throws LIMIT_EXCEEDED */
  takePrepared(prepared: Prepared): Tightest | undefined | Promise<Tightest | undefined>;
  /** Undoes one take, as when a slow check turned out good. */
  giveBack(claim: Claim): void | Promise<void>;
  /** Forgets what was counted. */
  reset(claim: Claim): void | Promise<void>;
}

export interface LimitDeps {
  readonly hot: HotState;
  readonly config: LimitConfig;
}

export function createLimits({ hot, config }: LimitDeps): Limits {
  const rules: Readonly<Record<LimitName, LimitRule>> = {
    address: perMinute('address', config.addressPerMinute),
    principal: perMinute('principal', config.principalPerMinute),
    'sign-in-address': perMinute('sign-in-address', config.signInPerAddress),
    'sign-in-account': perMinute('sign-in-account', config.signInPerAccount),
    'bad-credentials': perMinute('bad-credentials', config.badCredentialsPerAddress),
  };

  function takeOne(rule: LimitRule, cell: string): Tightest | Promise<Tightest> {
    const taken = hot.take(cell, rule);
    return taken instanceof Promise ? taken.then((one) => admit(rule, one)) : admit(rule, taken);
  }

  function takePrepared({ claims, takes }: Prepared): Tightest | undefined | Promise<Tightest | undefined> {
    const [claim] = claims;
    const [take] = takes;
    if (!config.enabled || claim === undefined || take === undefined) return undefined;
    if (takes.length === 1) return takeOne(claim.rule, take.cell);
    const taken = hot.takeAll(takes);
    return taken instanceof Promise ? taken.then((all) => admitAll(claims, all)) : admitAll(claims, taken);
  }

  function takeQuietly(rule: LimitRule, who: string): void | Promise<void> {
    if (!config.enabled) return undefined;
    const taken = takeOne(rule, cellOf(rule, who));
    return taken instanceof Promise ? taken.then(() => undefined) : undefined;
  }

  return {
    take: (name, who) => takeQuietly(rules[name], who),
    takeOf: (cell, { count, windowMs }) => takeQuietly({ name: ROUTE, count, windowMs }, cell),
    takeAll: (claims) => (config.enabled ? takePrepared(preparedOf(claims)) : undefined),
    takePrepared,
    giveBack: ({ rule, who }) => (config.enabled ? hot.giveBack(cellOf(rule, who), rule) : undefined),
    reset: ({ rule, who }) => (config.enabled ? hot.reset(cellOf(rule, who)) : undefined),
  };
}

const ROUTE = 'route';

const perMinute = (name: LimitName, count: number): LimitRule => ({ name, count, windowMs: minutes(1) });

/**
 * The length says where the name ends, so that no `who` reaches into the count of another rule. The window is part of
 * it, for one route may have a limit a minute and one a day, and neither may forget the takes of the other.
 */
const cellOf = ({ name, windowMs }: LimitRule, who: string): string => `${name.length} ${name} ${windowMs} ${who}`;

export const preparedOf = (claims: readonly Claim[]): Prepared => ({
  claims,
  takes: claims.map(({ rule, who }) => ({ cell: cellOf(rule, who), limit: rule })),
});

function admitAll(claims: readonly Claim[], { tightest, taken }: TakenAll): Tightest | undefined {
  const [claim, one] = [claims[tightest], taken[tightest]];
  return claim === undefined || one === undefined ? undefined : admit(claim.rule, one);
}

function admit(rule: LimitRule, { allowed, remaining, retryAfterMs, resetMs }: Taken): Tightest {
  if (allowed) return { rule, remaining, resetMs };
  throw limitFault('LIMIT_EXCEEDED', refusalOf(rule, retryAfterMs));
}

const refusalOf = ({ name, count, windowMs }: LimitRule, retryAfterMs: number): Facts => ({
  limit: name,
  retry_after_s: Math.max(1, Math.ceil(retryAfterMs / 1_000)),
  quota: count,
  window_s: Math.ceil(windowMs / 1_000),
});
