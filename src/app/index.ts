/** Floor 8. Config, the list of rooms, the request line, createTwinkeep. */
export {
  auditHeadOf,
  CONFIG_VARIABLE,
  type Config,
  type ConfigInput,
  configSchema,
  databaseUrlOf,
  defineConfig,
  loadConfig,
  ownerSocketOf,
  VARIABLES,
} from './config.ts';
export { appFault } from './errors.ts';
export { type LedgerRow, ledgerText } from './ledger.ts';
export { type Listening, listen } from './listen.ts';
export { createLog, type Log } from './log.ts';
export { openMaster } from './master.ts';
export { openStorage } from './open-storage.ts';
export { faultTables, migrations } from './rooms.ts';
export { createTwinkeep, DEFAULT_TENANT, type Twinkeep, type TwinkeepOptions } from './twinkeep.ts';
export { VERSION } from './version.ts';
