/** Floor 5. People: accounts and passwords. */

export type { HashScheme } from '../crypto/index.ts';
export {
  assertGoverned,
  barMailReset,
  hasPassword,
  isEmailVerified,
  isMailResetBarred,
  markEmailVerified,
  removePerson,
  verifiedMembers,
} from './account-state.ts';
export { type AccountToken, type AccountTokens, createAccountTokens, dropAccountTokens } from './account-tokens.ts';
export { type AccountConfig, accountConfig, passwordSchemeOf } from './config.ts';
export { type EmailFound, emailAddress } from './emails.ts';
export { erasePerson } from './erase.ts';
export { identityFault } from './errors.ts';
export { createIdentity, type Identity } from './identity.ts';
export { createPeopleImport } from './import.ts';
export { peopleImportRoutes } from './import-routes.ts';
export { createInvitations, type Invitation, type Invitations } from './invitations.ts';
export { identityMigrations } from './migrations/index.ts';
export { assertOwnName } from './own-name.ts';
export { createPasswordRules, type PasswordVerdict } from './password-rules.ts';
export { sealedFields } from './sealed-fields.ts';
export type { Person } from './store.ts';
export { newPassword, username, usernameKey } from './username.ts';
