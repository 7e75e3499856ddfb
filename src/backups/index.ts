/** Floor 5. Encrypted backups, their restore, and drills. */
export { type Backups, createBackups } from './backups.ts';
export { backupConfig } from './config.ts';
export { backupFault } from './errors.ts';
export { KEYSTORE_FILE } from './keystore.ts';
export { type BackupMaster, sealedFields } from './keystore-identities.ts';
export { backupMigrations } from './migrations/index.ts';
export { type Restoration, type RestoreDeps, restoreBackup } from './restore.ts';
export type { RestoreKey } from './restore-source.ts';
export { backupRoutes } from './routes.ts';
