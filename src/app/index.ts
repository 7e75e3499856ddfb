/** Floor 8. Config, the list of rooms, the request line, createTwinkeep. */
export {
  auditHeadOf,
  type Config,
  type ConfigInput,
  configSchema,
  databaseUrlOf,
  defineConfig,
  loadAlerts,
  loadConfig,
  ownerSocketOf,
} from './config.ts';
export { CONFIG_VARIABLE, VARIABLES } from './environment.ts';
export { appFault } from './errors.ts';
export { type LedgerRow, ledgerText } from './ledger.ts';
export { type Listening, listen } from './listen.ts';
export { createLog, type Log } from './log.ts';
export { openMaster } from './master.ts';
export { openStorage } from './open-storage.ts';
export { faultTables, migrations } from './rooms.ts';
export { createTwinkeep, DEFAULT_TENANT, type Twinkeep, type TwinkeepOptions } from './twinkeep.ts';
export { VERSION } from './version.ts';
