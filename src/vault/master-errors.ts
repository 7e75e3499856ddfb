import { defineFaults } from '../kernel/errors.ts';

export const masterFault = defineFaults({
  VAULT_MASTER_FIXED: ['conflict', 'The master key is not replaced from here.'],
  VAULT_MASTER_ROTATING: ['conflict', 'The master key is being replaced already.'],
});
