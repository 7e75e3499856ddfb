/** Floor 8. Config, the list of rooms, the request line, createTwinkeep. */

export {
  anonymiseRecord,
  generateApiKey,
  generateSessionId,
  hashPii,
  signMessage,
  verifySignature,
} from '../profiles/index.ts';
export { assertAdministrator } from './administrator.ts';
export { assertRules } from './assert-rules.ts';
export { backupFolderOf, placeOf } from './backing.ts';
export { faultTables, migrations } from './catalogue.ts';
export {
  auditHeadOf,
  type Config,
  type ConfigInput,
  configSchema,
  databaseUrlOf,
  defineConfig,
  loadAlerts,
  loadConfig,
  masterKeyOf,
  ownerSocketOf,
  sqliteFileOf,
} from './config.ts';
export { linesOf, reloadedSchema } from './config-changes.ts';
export { CONFIG_VARIABLE, VARIABLES } from './environment.ts';
export { appFault } from './errors.ts';
export { assertEvenRefusals } from './even-refusals.ts';
export { type LedgerRow, ledgerText } from './ledger.ts';
export { type Listening, listen } from './listen.ts';
export { createLog, type Log } from './log.ts';
export { openMasterKeys } from './master-keys.ts';
export { openStorage } from './open-storage.ts';
export { getOptionalEnv, getRequiredEnv } from './required-env.ts';
export { restoreDepsOf } from './restoring.ts';
export { servesTls } from './tls-config.ts';
export { chainProblems, readTlsMaterial } from './tls-material.ts';
export { createTwinkeep, DEFAULT_TENANT, type Twinkeep, type TwinkeepOptions } from './twinkeep.ts';
export { VERSION } from './version.ts';
