/** Floor 3. Master key, data keys, subject keys and field envelopes. */
export { vaultFault } from './errors.ts';
export {
  createMasterKey,
  generateMasterKeyFile,
  type MasterKey,
  masterKeyFileExists,
  parseMasterKey,
  readMasterKeyFile,
} from './master-key.ts';
export { vaultMigrations } from './migrations/index.ts';
export type { FieldPlace } from './place.ts';
export type { Subject, SubjectKeys } from './subjects.ts';
export { type FieldSealer, hasSealedKeys, openVault, type Vault } from './vault.ts';
