import type { ServerResponse } from 'node:http';

/** Requests of one connection that wait for their answers. */
export interface Crowds {
  /** Whether one more is too many. @param before the answer to the request before it, where there was one */
  isTooMany(before: ServerResponse | undefined, response: ServerResponse): boolean;
}

const MOST = 128;

/**
 * Counts requests that are sent without waiting; whoever waits for each answer costs it nothing. Node stops reading where
 * answers wait to be sent, but not where they are still to come.
 *
 * Attack: a slow route is asked for again and again over one connection, and each costs memory until it is answered.
 */
export function createCrowds(): Crowds {
  const crowds = new WeakMap<ServerResponse, { count: number }>();
  return {
    isTooMany: (before, response) => {
      if (before === undefined || before.closed) return false;
      const crowd = crowds.get(before) ?? { count: 0 };
      if (crowd.count === 0) join(before);
      join(response);
      return crowd.count > MOST;

      function join(one: ServerResponse): void {
        crowd.count += 1;
        crowds.set(one, crowd);
        one.once('close', () => {
          crowd.count -= 1;
        });
      }
    },
  };
}
