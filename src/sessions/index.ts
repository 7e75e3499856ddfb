/** Floor 5. Access and refresh tokens, devices, revocation. */
export { type SessionConfig, sessionConfig } from './config.ts';
export { sessionFault } from './errors.ts';
export { sessionMigrations } from './migrations/index.ts';
export { createRevocations, type Revocations } from './revocations.ts';
export { grantReply, replyOf, sessionRoutes } from './routes.ts';
export type { Device, Grant } from './session.ts';
export { createSessions, type Sessions } from './sessions.ts';
export { openTokens, type Tokens } from './tokens.ts';
