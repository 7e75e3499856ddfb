/**
 * A permission is a verb, or a verb and what it is about: `write`, `write:meter_data`. The broad one implies every
 * narrow one, and a narrow one never the broad: `write` does what `write:meter_data` does (X14).
 */
export function implies(granted: string, wanted: string): boolean {
  return granted === wanted || (wanted.startsWith(granted) && wanted.charCodeAt(granted.length) === COLON);
}

const COLON = 0x3a;

/** Whether any of the granted permissions implies the wanted one. */
export function anyImplies(granted: readonly string[], wanted: string): boolean {
  for (const permission of granted) if (implies(permission, wanted)) return true;
  return false;
}

/**
 * Whether one may give a permission to others: what one has, and with the whole of `admin` all that a tenant has to
 * give, for an administrator who lacks `analyze` (E05) must still be able to make somebody an analyst. What reaches past
 * the tenant is the operator's alone.
 */
export function mayGive(held: readonly string[], permission: string): boolean {
  return anyImplies(held, permission) || (held.includes('admin') && !implies('platform', permission));
}

/** The verbs that roles are made of. */
const BASE_PERMISSIONS = ['read', 'write', 'delete', 'analyze', 'admin'] as const;

/** Every permission that a role or key can hold: the verbs, and what the routes of this server ask for. */
export function catalogueOf(asked: readonly string[]): ReadonlySet<string> {
  return new Set([...BASE_PERMISSIONS, ...asked]);
}

/** The roles that every tenant starts with (E05). */
export const BUILT_IN_ROLES: Readonly<Record<string, readonly string[]>> = {
  admin: ['read', 'write', 'delete', 'admin'],
  analyst: ['read', 'write', 'analyze'],
  viewer: ['read'],
  meter_reader: ['read', 'write:meter_data'],
};
