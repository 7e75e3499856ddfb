/** Floor 7. Under which routes, names and settings Twinkeep is spoken to. */
export { profileNames } from './profiles.ts';
