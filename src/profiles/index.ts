/** Floor 7. Under which routes, names and settings Twinkeep is spoken to. */
export type { Insight } from './aivillage/insight.ts';
export { profileConfig, sessionMsOf } from './config.ts';
export { isCsrfAsked } from './csrf.ts';
export { anonymiseRecord, hashPii } from './ems/anonymise.ts';
export { generateApiKey, generateSessionId, signMessage, verifySignature } from './ems/secrets.ts';
export { type LegacyName, presets, profileNames } from './presets.ts';
export type { PolicyRule, ServedProfile } from './profile.ts';
export { type ServeDeps, serveProfile } from './serve.ts';
export { isLegacy, PROFILE_VARIABLES, prefixOf, REDIS_VARIABLES } from './variables.ts';
