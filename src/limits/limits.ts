import { minutes } from '../kernel/clock.ts';
import type { HotState, Limit, Taken } from '../storage/index.ts';
import type { LimitConfig } from './config.ts';
import { limitFault } from './errors.ts';

/** The limits that hold for more than one route. */
export type LimitName = 'address' | 'principal' | 'sign-in-address' | 'sign-in-account' | 'bad-credentials';

export interface Limits {
  /** @throws LIMIT_EXCEEDED with `retry_after_s` */
  take(name: LimitName, who: string): void | Promise<void>;
  /** A limit of a route's own. @throws LIMIT_EXCEEDED */
  takeOf(cell: string, limit: Limit): void | Promise<void>;
}

export interface LimitDeps {
  readonly hot: HotState;
  readonly config: LimitConfig;
}

export function createLimits({ hot, config }: LimitDeps): Limits {
  const rules: Readonly<Record<LimitName, Limit>> = {
    address: perMinute(config.addressPerMinute),
    principal: perMinute(config.principalPerMinute),
    'sign-in-address': perMinute(config.signInPerAddress),
    'sign-in-account': perMinute(config.signInPerAccount),
    'bad-credentials': perMinute(config.badCredentialsPerAddress),
  };

  function takeOf(cell: string, limit: Limit): void | Promise<void> {
    if (!config.enabled) return undefined;
    const taken = hot.take(cell, limit);
    // When the hot state is away the request is refused: a limit that can't be counted is none.
    return taken instanceof Promise ? taken.then(refuse) : refuse(taken);
  }

  return { takeOf, take: (name, who) => takeOf(`${name} ${who}`, rules[name]) };
}

const perMinute = (count: number): Limit => ({ count, windowMs: minutes(1) });

function refuse({ allowed, retryAfterMs }: Taken): void {
  if (!allowed) throw limitFault('LIMIT_EXCEEDED', { retry_after_s: Math.max(1, Math.ceil(retryAfterMs / 1_000)) });
}
