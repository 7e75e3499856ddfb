/** Floor 5. Roles and permissions; the one question: may(principal, permission, object)? */
export { type Access, createAccess } from './access.ts';
export { accessFault } from './errors.ts';
export { accessMigrations } from './migrations/index.ts';
export { anyImplies, BUILT_IN_ROLES, catalogueOf, implies } from './permissions.ts';
export type { Role } from './store.ts';
