/** Floor 5. Access and refresh tokens, devices, revocation. */
export { type Assertions, openAssertions } from './assertions.ts';
export { sessionConfig } from './config.ts';
export { sessionFault } from './errors.ts';
export { sessionMigrations } from './migrations/index.ts';
export { retireAll } from './retire-all.ts';
export { createRevocations, type Revocations } from './revocations.ts';
export { assertionJwksRoute, grantReply, replyOf, sessionRoutes } from './routes.ts';
export { sealedFields } from './sealed-fields.ts';
export type { Grant } from './session.ts';
export { createSessions, type Sessions } from './sessions.ts';
export { judgeSecret } from './shared-secret.ts';
export { createSharedSecretTokens } from './shared-secret-tokens.ts';
export type { Terms } from './terms.ts';
export { tokenKeyRoutes } from './token-key-routes.ts';
export type { TokenKeys } from './token-keys.ts';
export { openTokens, type Tokens } from './tokens.ts';
