import { platform } from '../kernel/tx.ts';
import type { Storage } from '../storage/index.ts';
import type { RingKey } from './keyring.ts';
import { vaultStore } from './store.ts';

/** How much this process has sealed that the database does not know of. */
export interface SealCounts {
  /** Hears of a key with its first seal since it was flushed. */
  note(key: RingKey): void;
  flush(): Promise<void>;
}

const AT_ONCE = 200;

export function createSealCounts({ storage }: { readonly storage: Storage }): SealCounts {
  const behind = new Set<RingKey>();

  async function flushSome(keys: readonly RingKey[]): Promise<void> {
    const taken = keys.map((key) => ({ key, seals: key.unflushed }));
    for (const key of keys) behind.delete(key);
    try {
      await storage.write(platform, async (tx) => {
        for (const { key, seals } of taken) await vaultStore.addSeals(tx, { ...key.row, seals });
      });
      for (const { key, seals } of taken) key.unflushed -= seals;
    } finally {
      for (const key of keys) if (key.unflushed > 0) behind.add(key); // sealed meanwhile, or the write failed
    }
  }

  return {
    note: (key) => void behind.add(key),
    flush: async () => {
      const keys = [...behind];
      for (let at = 0; at < keys.length; at += AT_ONCE) await flushSome(keys.slice(at, at + AT_ONCE));
    },
  };
}
