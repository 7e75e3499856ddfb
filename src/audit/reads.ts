import type { TenantId } from '../kernel/brand.ts';
import type { KnownPrincipal } from '../kernel/principal.ts';
import { nameOf } from '../kernel/principal.ts';
import type { Json } from '../kernel/tx.ts';

/** One read access, as the request line saw it. */
export interface ReadAccess {
  readonly principal: KnownPrincipal;
  readonly tenantId: TenantId;
  /** `GET /v1/readings`. */
  readonly route: string;
  readonly object?: string | undefined;
  readonly records: number;
}

/** Gathers read accesses: many of one kind by one principal become one line with a count. */
export interface ReadBuffer {
  note(access: ReadAccess): void;
  /** What has gathered since the last call, by tenant. */
  drain(): readonly { readonly tenantId: TenantId; readonly accesses: readonly Json[] }[];
}

interface Line {
  readonly access: ReadAccess;
  count: number;
  records: number;
}

const MAX_LINES = 2_000;

/** @param flush is called when so many different lines have gathered that waiting any longer costs memory */
export function createReadBuffer(flush: () => void): ReadBuffer {
  let lines = new Map<string, Line>();
  return {
    note: (access) => {
      const key = `${access.tenantId} ${nameOf(access.principal)} ${access.route} ${access.object ?? ''}`;
      const line = lines.get(key);
      if (line === undefined) {
        lines.set(key, { access, count: 1, records: access.records });
        if (lines.size >= MAX_LINES) flush();
      } else {
        line.count++;
        line.records += access.records;
      }
    },
    drain: () => {
      const taken = lines;
      lines = new Map();
      const byTenant = new Map<TenantId, Json[]>();
      for (const { access, count, records } of taken.values()) {
        const accesses = byTenant.get(access.tenantId) ?? [];
        byTenant.set(access.tenantId, accesses);
        const { route, object } = access;
        accesses.push({
          principal: nameOf(access.principal),
          route,
          count,
          records,
          ...(object === undefined ? {} : { object }),
        });
      }
      return [...byTenant].map(([tenantId, accesses]) => ({ tenantId, accesses }));
    },
  };
}
