import type { Reach, Scope } from '../kernel/tx.ts';
import { storageFault } from './errors.ts';

const ALLOWED: Readonly<Record<Scope['kind'], readonly Reach[]>> = {
  platform: ['platform', 'lookup'],
  tenant: ['platform', 'lookup', 'tenant'],
  lookup: ['lookup'],
};

/** @throws STORAGE_SCOPE where a statement reaches past its transaction's scope */
export function assertReach(reach: Reach, scope: Scope): void {
  if (!ALLOWED[scope.kind].includes(reach)) {
    throw storageFault('STORAGE_SCOPE', { reason: `a ${reach} statement in a ${scope.kind} scope` });
  }
}
