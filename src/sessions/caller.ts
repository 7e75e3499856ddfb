import type { PersonPrincipal, Principal } from '../kernel/principal.ts';
import { sessionFault } from './errors.ts';

/** The routes of this room let in persons only; this tells the compiler, and stops a route that forgot to. */
export function personOf(caller: Principal): PersonPrincipal {
  if (caller.kind !== 'person') throw sessionFault('SESSION_UNKNOWN');
  return caller;
}
