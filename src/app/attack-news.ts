import type { Delivery } from '../delivery/index.ts';
import type { Clock } from '../kernel/clock.ts';
import { hours, minutes } from '../kernel/clock.ts';
import { platform } from '../kernel/tx.ts';
import type { Storage } from '../storage/index.ts';

export interface AttackNewsDeps {
  readonly storage: Pick<Storage, 'write'>;
  readonly delivery: Pick<Delivery, 'publish'>;
  readonly clock: Clock;
  readonly onError: (error: unknown) => void;
}

/** As webhooks get it. */
type AttackEvent = Parameters<Delivery['publish']>[1];

/** Tells webhooks and alerts of attacks: of each kind from each sender once an hour, for an attack is often a flood. */
export interface AttackNews {
  /** Waits for nothing and never fails. @param key the attack and who sent it */
  tell(key: string, event: Omit<AttackEvent, 'type'>): void;
}

const AGAIN_MS = hours(1);
const MAX_KEYS = 10_000;
const PER_MINUTE = 30;

export function createAttackNews({ storage, delivery, clock, onError }: AttackNewsDeps): AttackNews {
  let toldAt = new Map<string, number>();
  let minute = { start: clock.now(), told: 0 };
  let untold = 0;

  function mayTell(key: string): boolean {
    const now = clock.now();
    if (now - (toldAt.get(key) ?? Number.NEGATIVE_INFINITY) < AGAIN_MS) return false;
    if (now - minute.start >= minutes(1)) minute = { start: now, told: 0 };
    if (minute.told >= PER_MINUTE) {
      untold++;
      return false;
    }
    minute.told++;
    if (toldAt.size >= MAX_KEYS) toldAt = new Map(); // some are told twice then, which is better than never
    toldAt.set(key, now);
    return true;
  }

  return {
    tell: (key, { tenantId, data }) => {
      if (!mayTell(key)) return;
      const event = { type: 'attack.detected', tenantId, data: { ...data, untold_before: untold } };
      untold = 0;
      storage.write(platform, (tx) => delivery.publish(tx, event)).catch(onError);
    },
  };
}
