import { defineFaults } from '../kernel/errors.ts';

export const auditFault = defineFaults({
  AUDIT_ENTRY_UNKNOWN: ['missing', 'The log has no such entry, or has not numbered it yet.'],
});
