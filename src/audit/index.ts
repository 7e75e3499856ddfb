/** Floor 4. Erasable, tamper-evident record of who did what. */
export { parseCheckpoint, verifyConsistency, verifyInclusion } from '../crypto/index.ts';
export { type Audit, type AuditDeps, createAudit } from './audit.ts';
export { auditFault } from './errors.ts';
export { fileHead, type HeadKeeper, memoryHead } from './head.ts';
export { auditMigrations } from './migrations/index.ts';
export { auditRoutes } from './routes.ts';
export { sealedFields } from './sealed-fields.ts';
export { openLogKey, readVerifier } from './signing-key.ts';
export { type AuditReport, verifyLog } from './verify.ts';
export { createLogWatch } from './watch.ts';
