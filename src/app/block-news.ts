import type { Delivery } from '../delivery/index.ts';
import type { BlockEvent } from '../detection/index.ts';
import type { Tx } from '../kernel/tx.ts';

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
      await delivery.publish(tx, event);
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
