/** Floor 7. Under which routes, names and settings Twinkeep is spoken to. */
export { profileConfig } from './config.ts';
export { anonymiseRecord, hashPii } from './ems/anonymise.ts';
export { type LegacyName, profileNames } from './presets.ts';
export type { PolicyRule, ServedProfile } from './profile.ts';
export { type ProfileDeps, serveProfile } from './serve.ts';
export { isLegacy, PROFILE_VARIABLES, prefixOf, REDIS_VARIABLES } from './variables.ts';
