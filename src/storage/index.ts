/** Floor 2. The storage contract on SQLite and PostgreSQL, hot state, the bus, migrations and leases. */

export { type Bus, createMemoryBus } from './bus.ts';
export { type BusGround, busGround, createThreadBus, missOn } from './bus-threads.ts';
export { openEmbeddedStorage } from './embedded.ts';
export { storageFault } from './errors.ts';
export { createFreshCache } from './fresh-cache.ts';
export { createFlooredHotState } from './hot-floored.ts';
export { createMemoryHotState } from './hot-memory.ts';
export { createSharedHotState } from './hot-shared.ts';
export type { HotState, HotValues, Limit, Take, Taken, TakenAll } from './hot-state.ts';
export { sharedHotBuffer } from './hot-table.ts';
export { openPostgresStorage, openRedisBus, openRedisHotState } from './open.ts';
export { lockDatabase, lockFolder, type OwnerLock } from './owner-lock.ts';
export { type Hold, holdForRestore, holdOffRestores, unmarkRestoring } from './postgres-restoring.ts';
export { createThrowaway, dropThrowaways, findThrowaways, wipePostgres } from './postgres-throwaway.ts';
export { createLink, type Link } from './remote-link.ts';
export { remoteValues, valueAnswers } from './remote-values.ts';
export type { Migration } from './schema.ts';
export type { Restored } from './snapshot.ts';
export { snapshotFault } from './snapshot-errors.ts';
export { openSnapshot, type Place, restoreSnapshot } from './snapshot-open.ts';
export { createTableCopy, type TableCopy, type TableRows } from './snapshot-rows.ts';
export { createSqliteStorage } from './sqlite.ts';
export { insertion, statement } from './statement.ts';
export type { Storage } from './storage.ts';
export { createTurn, turnMemory, watchTurn } from './turn-threads.ts';
