import type { Audit } from '../audit/index.ts';
import { actorOf, type Context, type Route } from '../http/index.ts';
import { isFault } from '../kernel/errors.ts';
import { nameOf, type Principal } from '../kernel/principal.ts';

export interface RefusalDeps {
  readonly audit: Pick<Audit, 'write' | 'noteRefusal'>;
  readonly onError: (error: unknown, context: Context) => void;
}

/** Writes down whom the line has refused, and why. Never fails. */
export type NoteRefusal = (
  route: Route,
  who: { readonly context: Context; readonly caller: Principal },
  error: unknown,
) => Promise<void>;

const REFUSALS = new Set(['unauthenticated', 'forbidden', 'limited']);

export function createRefusals({ audit, onError }: RefusalDeps): NoteRefusal {
  return async (route, { context, caller }, error) => {
    if (!isFault(error) || !REFUSALS.has(error.kind) || error.code === 'DETECTION_REFUSED') return; // that is told of already
    if (route.records === 'self' && error.kind === 'unauthenticated') return; // what such a route knows better than we
    const entry = {
      ...actorOf(context, caller, caller.kind === 'anonymous' ? undefined : caller.tenantId),
      action: 'access.refused',
      outcome: 'refused',
      facts: { route: `${route.method} ${route.path}`, code: error.code },
    } as const;
    // A flood of 429, or of somebody who is blocked, must not become a flood of awaited writes, whoever sends it.
    if (caller.kind === 'anonymous') return audit.noteRefusal(context.addressBlock, entry);
    if (error.kind === 'limited' || error.code === 'DETECTION_BLOCKED') return audit.noteRefusal(nameOf(caller), entry);
    await audit.write(entry).catch((failure) => onError(failure, context)); // refused it is, recorded or not
  };
}
