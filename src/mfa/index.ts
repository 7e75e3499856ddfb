/** Floor 5. Second factors: TOTP, codes by SMS and e-mail, backup codes, passkeys. */
export { isSixDigits } from './answers.ts';
export { mfaConfig } from './config.ts';
export { type EmbeddedMfa, type EmbeddedMfaOptions, openEmbeddedMfa } from './embedded.ts';
export { mfaFault } from './errors.ts';
export { AMR, METHODS, type Method, type MfaProof, type Offered } from './method.ts';
export { createMfa, type Mfa } from './mfa.ts';
export { mfaMigrations } from './migrations/index.ts';
export { passkeyFault } from './passkey-errors.ts';
export { passkeyRoutes } from './passkey-routes.ts';
export { isRequired, type MfaPolicy } from './policy.ts';
export { mfaPolicyRoutes } from './policy-routes.ts';
export { mfaRoutes } from './routes.ts';
export { sealedFields } from './sealed-fields.ts';
export type { Ticket } from './store-tickets.ts';
export { TICKET_MS, type Tickets } from './tickets.ts';
