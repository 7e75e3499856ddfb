import type { TenantId } from '../kernel/brand.ts';
import type { Keyring } from './keyring.ts';

/**
 * One ring a tenant. Those used last are kept; one that is let go stays reachable here for as long as somebody still
 * works with it, so that it never misses a key that was made or destroyed, and no tenant ever has two.
 */
export interface Rings {
  /** @returns the tenant's ring, which counts as used */
  get(tenant: TenantId): Keyring | undefined;
  /** As `get`, but it does not count as a use. */
  peek(tenant: TenantId): Keyring | undefined;
  add(ring: Keyring): void;
}

/** @param most how many are kept that nobody else holds */
export function createRings({ most }: { readonly most: number }): Rings {
  const kept = new Map<TenantId, Keyring>();
  const letGo = new Map<TenantId, WeakRef<Keyring>>();
  const collected = new FinalizationRegistry<TenantId>((tenant) => {
    if (letGo.get(tenant)?.deref() === undefined) letGo.delete(tenant);
  });

  let youngest: Keyring | undefined;

  function add(ring: Keyring): void {
    if (ring === youngest) return;
    youngest = ring;
    kept.delete(ring.tenant); // so that it is the youngest again
    kept.set(ring.tenant, ring);
    letGo.delete(ring.tenant);
    if (kept.size <= most) return;
    for (const oldest of kept.values()) {
      kept.delete(oldest.tenant);
      letGo.set(oldest.tenant, new WeakRef(oldest));
      collected.register(oldest, oldest.tenant);
      return;
    }
  }

  const peek = (tenant: TenantId): Keyring | undefined => kept.get(tenant) ?? letGo.get(tenant)?.deref();

  return {
    peek,
    add,
    get: (tenant) => {
      const ring = peek(tenant);
      if (ring !== undefined) add(ring);
      return ring;
    },
  };
}
