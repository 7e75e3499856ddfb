/** Floor 3. Master key, data keys, subject keys, field envelopes, rotation and blind indexes. */
export { createFieldFunctions, type FieldFunctions } from './compat.ts';
export { type VaultConfig, vaultConfig } from './config.ts';
export { type EmbeddedVault, type EmbeddedVaultOptions, openEmbeddedVault } from './embedded.ts';
export { vaultFault } from './errors.ts';
export { keyRoutes } from './key-routes.ts';
export { type Act, createKeys, type Keys } from './keys.ts';
export { createMasterActs } from './master-acts.ts';
export { masterFault } from './master-errors.ts';
export {
  backupIdentityOf,
  createMasterKey,
  generateMasterKeyFile,
  type MasterKey,
  masterKeyFileExists,
  parseMasterKey,
  readMasterKeyFile,
  writeMasterKeyFile,
} from './master-key.ts';
export { createMasterRotation, type MasterRotator } from './master-rotation.ts';
export type { MasterActs } from './master-routes.ts';
export { type MasterKeys, type OpenMasters, singleMaster } from './masters.ts';
export { vaultMigrations } from './migrations/index.ts';
export { foldedEmail, foldedText } from './normalise.ts';
export { openMasters } from './open-masters.ts';
export type { FieldPlace } from './place.ts';
export { environmentProvider, type MasterKeyProvider, memoryProvider } from './provider.ts';
export { fileProvider } from './provider-file.ts';
export { createRewrap, type Rewrap } from './rewrap.ts';
export { vaultRoutes } from './routes.ts';
export { combineShares, type GivenShare, inspectShares } from './shares.ts';
export type { Subject, SubjectKeys } from './subjects.ts';
export { transitProvider } from './transit.ts';
export { type FieldSealer, hasSealedKeys, openVault, type Vault } from './vault.ts';
