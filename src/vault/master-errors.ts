import { defineFaults } from '../kernel/errors.ts';

export const masterFault = defineFaults({
  VAULT_MASTER_FIXED: ['conflict', 'The master key comes from outside, and is replaced there.'],
  VAULT_MASTER_ROTATING: ['conflict', 'The master key is being replaced already.'],
});
