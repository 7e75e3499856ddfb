import type { Delivery } from '../delivery/index.ts';
import type { BlockEvent } from '../detection/index.ts';
import type { Json, Tx } from '../kernel/tx.ts';

/** Who hears of blocks: webhooks and alerts inside the write that makes one, this process once it is kept. */
export interface BlockNews {
  announce(tx: Tx, event: BlockEvent): Promise<void>;
  /** @returns what ends it */
  listen(listener: (event: BlockEvent) => void): () => void;
}

export function createBlockNews(delivery: Delivery): BlockNews {
  const listeners = new Set<(event: BlockEvent) => void>();
  return {
    announce: async (tx, event) => {
      for (const one of wordsOf(event)) await delivery.publish(tx, one);
      tx.afterCommit(() => {
        for (const listener of listeners) listener(event);
      });
    },
    listen: (listener) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}

/** One for each tenant that it concerns, and one for the alerts. What belongs to nobody is the home tenant's. */
function wordsOf({ type, data, tenants }: BlockEvent): readonly Parameters<Delivery['publish']>[1][] {
  if (tenants === undefined) return [{ type, data }];
  if (tenants.length === 0) return [{ type, data, only: 'alerts' }];
  return tenants.map((tenantId, nth) => ({ type, data, tenantId, only: nth === 0 ? undefined : 'webhooks' }));
}

/** A block of an address in the members that the legacy log has for it (E15); others it knows nothing of, and an attack was told itself. */
export function violationOf({
  type,
  data,
}: BlockEvent): { readonly type: string; readonly details: Readonly<Record<string, Json>> } | undefined {
  if (type !== 'address.blocked' || data.reason === 'attack_pattern') return undefined;
  return { type: data.violation, details: { ip_address: data.value, reason: data.reason } };
}
