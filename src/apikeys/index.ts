/** Floor 5. Machine keys: issue, verify, expire. */
export { type ApiKeys, createApiKeys } from './api-keys.ts';
export { apiKeyFault, isEndedKey } from './errors.ts';
export type { AssertMayGive } from './legacy-import.ts';
export { apiKeyMigrations } from './migrations/index.ts';
export { apiKeyRoutes } from './routes.ts';
export type { ApiKey } from './store.ts';
