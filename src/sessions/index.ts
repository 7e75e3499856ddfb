/** Floor 5. Access and refresh tokens, devices, revocation. */
export { type Assertions, openAssertions } from './assertions.ts';
export { sessionConfig } from './config.ts';
export {
  type CookieNames,
  type CookiePaths,
  clearCookies,
  deviceCookies,
  grantCookies,
  KNOWN_COOKIE,
  NATIVE_COOKIES,
  NATIVE_PATHS,
  shownBy,
} from './cookies.ts';
export type { Csrf } from './csrf.ts';
export type { KnownDevice } from './devices.ts';
export { type EmbeddedSessions, type EmbeddedSessionsOptions, openEmbeddedSessions } from './embedded.ts';
export type { EndScope } from './ends.ts';
export { sessionFault } from './errors.ts';
export { createRevocationFeed } from './feed.ts';
export { feedFault } from './feed-errors.ts';
export { revocationRoutes } from './feed-routes.ts';
export { grantReply, replyOf } from './grant-reply.ts';
export { sessionMigrations } from './migrations/index.ts';
export { createPlaces } from './places.ts';
export { retireAll } from './retire-all.ts';
export { createRevocations, type Revocations } from './revocations.ts';
export { assertionJwksRoute, sessionRoutes } from './routes.ts';
export { sealedFields } from './sealed-fields.ts';
export type { Device, Grant, ShownDevice } from './session.ts';
export { createSessions, type Sessions } from './sessions.ts';
export { judgeSecret } from './shared-secret.ts';
export { createSharedSecretTokens } from './shared-secret-tokens.ts';
export type { Terms } from './terms.ts';
export { tokenKeyRoutes } from './token-key-routes.ts';
export type { TokenKeys } from './token-keys.ts';
export { openTokens, type Tokens } from './tokens.ts';
export type { SessionNotices, UnusualSignIn } from './unusual.ts';
export { createTokenVerifier, type TokenVerifier, type TokenVerifierOptions } from './verifier.ts';
