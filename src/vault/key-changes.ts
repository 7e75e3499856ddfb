import type { EpochMs } from '../kernel/brand.ts';
import { type Clock, seconds } from '../kernel/clock.ts';
import { platform } from '../kernel/tx.ts';
import type { Bus, Storage } from '../storage/index.ts';
import { isShared } from './rotation.ts';
import { type StoredDataKey, vaultStore } from './store.ts';

export interface KeyChangeDeps {
  readonly storage: Storage;
  readonly bus?: Bus | undefined;
  readonly clock: Clock;
  /** Takes up rows as they were read. */
  readonly take: (rows: readonly StoredDataKey[]) => void;
}

/** What other processes do to the keys. Where there are none, nothing is asked. */
export interface KeyChanges {
  /** Whether nothing that seals by now can have been missed. */
  isFresh(): boolean;
  /** Takes up everything that has changed. */
  refresh(): Promise<void>;
  /** Lets the others know that there is something new. */
  tell(): void;
}

const TOPIC = 'vault.data-keys';
const AT_ONCE = 1_000;

/** Half of the time in which a new key is only opened with, so that whoever asks after a read can open what it read. */
const MAX_AGE_MS = seconds(2.5);

export async function createKeyChanges(deps: KeyChangeDeps): Promise<KeyChanges> {
  const { storage, bus, clock, take } = deps;
  const shared = isShared(deps);
  let freshAt: EpochMs = clock.now();
  let seen = await storage.read(platform, vaultStore.newestChange);
  let refreshing: Promise<void> | undefined;

  async function takeChanges(): Promise<void> {
    const askedAt = clock.now();
    for (let more = true; more; ) {
      const rows = await storage.read(platform, (tx) => vaultStore.changedDataKeys(tx, seen, AT_ONCE));
      take(rows);
      more = rows.length === AT_ONCE;
      const first = rows[0]?.changed ?? seen;
      const last = rows.at(-1)?.changed ?? seen;
      seen = more && last > first ? last - 1 : last; // the last change may have more rows than were read
    }
    freshAt = askedAt;
  }

  function refresh(): Promise<void> {
    if (!shared) return Promise.resolve();
    refreshing ??= takeChanges().finally(() => {
      refreshing = undefined;
    });
    return refreshing;
  }

  /** A refresh that is under way may have read before the change of which word came: one more follows it. */
  async function hear(): Promise<void> {
    await refreshing?.catch(() => undefined);
    await refresh().catch(() => undefined); // asked for again within a second
  }

  if (shared) {
    bus?.subscribe(TOPIC, () => void hear());
    bus?.onGap(() => void hear());
  }
  return {
    refresh,
    isFresh: () => {
      const ageMs = clock.now() - freshAt;
      return !shared || (ageMs >= 0 && ageMs <= MAX_AGE_MS); // a clock that went back says nothing of age
    },
    tell: () => void bus?.publish(TOPIC, null).catch(() => undefined), // the others ask within a second
  };
}
