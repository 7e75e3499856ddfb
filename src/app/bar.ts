import type { Blocks } from '../detection/index.ts';
import type { Context, Route } from '../http/index.ts';
import type { Principal } from '../kernel/principal.ts';
import type { ServedProfile } from '../profiles/index.ts';

export interface Asked {
  readonly route: Route;
  readonly context: Context;
  readonly profile: Pick<ServedProfile, 'blocksFirst'>;
}

/**
 * Whether the address is blocked. A block that we made ourselves keeps out who proves nothing: one bad client behind a
 * plant's NAT must not shut out the plant. An operator meant all of them, and where nobody has to be known nobody is.
 *
 * @returns the fault to be thrown unless the caller proves who they are; `undefined` where the address is not blocked
 * @throws DETECTION_BLOCKED where no proof helps
 */
export function barOf(blocks: Blocks, { route, context, profile }: Asked): unknown {
  try {
    blocks.assertNotBlocked(context);
    return undefined;
  } catch (error) {
    const isOurs = blocks.blocked(context.addressBlock)?.createdBy === 'detection';
    if (!isOurs || isOpen(route) || profile.blocksFirst === true) throw error;
    return error;
  }
}

/** Nobody has to be known there. */
export const isOpen = ({ access }: Pick<Route, 'access'>): boolean =>
  access.kind === 'public' || access.kind === 'unlimited';

/** For what was let in a while ago. @throws DETECTION_BLOCKED */
export function assertNotBarred(blocks: Blocks, asked: Asked, caller: Principal): void {
  const bar = asked.route.access.kind === 'unlimited' ? undefined : barOf(blocks, asked);
  if (bar !== undefined && caller.kind === 'anonymous') throw bar;
}
