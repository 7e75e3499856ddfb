import { defineFaults } from '../kernel/errors.ts';

export const tenantFault = defineFaults({
  TENANT_TAKEN: ['conflict', 'There is a tenant of that name already.'],
  TENANT_UNKNOWN: ['missing', 'There is no such tenant.'],
  TENANT_FOREIGN: ['forbidden', 'You do not belong to that tenant.'],
});
