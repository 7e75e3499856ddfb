/** Floor 5. How secure the running system is, from evidence. */
export { createChecks } from './checks.ts';
export { createPosture, type Posture, type Standing } from './posture.ts';
export type { DefenceFacts, ModeFacts, PostureSources, TransportFacts } from './sources.ts';
