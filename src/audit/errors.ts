import { defineFaults } from '../kernel/errors.ts';

export const auditFault = defineFaults({
  AUDIT_LOG_ALTERED: ['internal', 'The log is not the one that was signed last; nothing more is added to it.'],
  AUDIT_ENTRY_UNKNOWN: ['missing', 'The log has no such entry, or has not numbered it yet.'],
});
