/** Floor 5. People: accounts and passwords. */

export { type EmailFound, emailAddress } from './emails.ts';
export { erasePerson } from './erase.ts';
export { identityFault } from './errors.ts';
export { createIdentity, type Identity } from './identity.ts';
export { identityMigrations } from './migrations/index.ts';
export { sealedFields } from './sealed-fields.ts';
export type { Person } from './store.ts';
export { newPassword, username, usernameKey } from './username.ts';
