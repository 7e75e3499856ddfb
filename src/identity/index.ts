/** Floor 5. People: accounts and passwords. */
export { identityFault } from './errors.ts';
export { createIdentity, type Identity } from './identity.ts';
export { identityMigrations } from './migrations/index.ts';
export type { Person } from './store.ts';
export { newPassword, username, usernameKey } from './username.ts';
