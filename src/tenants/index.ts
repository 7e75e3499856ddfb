/** Floor 5. Realms, tenants and memberships. */
export { tenantFault } from './errors.ts';
export { tenantMigrations } from './migrations/index.ts';
export { createTenants, MAIN_REALM, MAIN_TENANT, type Tenants } from './tenants.ts';
