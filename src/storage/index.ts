/** Floor 2. The storage contract on SQLite and PostgreSQL, hot state, the bus, migrations and leases. */

export { type Bus, createMemoryBus } from './bus.ts';
export { storageFault } from './errors.ts';
export { createMemoryHotState } from './hot-memory.ts';
export type { HotState, Limit, Taken } from './hot-state.ts';
export { openPostgresStorage, openRedisBus, openRedisHotState } from './open.ts';
export { lockDatabase, lockFolder, type OwnerLock } from './owner-lock.ts';
export type { Migration } from './schema.ts';
export { createSqliteStorage } from './sqlite.ts';
export { insertion, statement } from './statement.ts';
export type { Storage } from './storage.ts';
