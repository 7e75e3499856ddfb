import { setTimeout as pause } from 'node:timers/promises';
import type { Twinkeep } from './twinkeep.ts';

/** The first requests, a probe of readiness among them, go before. */
const AFTER_MS = 50;

/** Makes the rules ready that are otherwise made with the first texts, in small steps beside what is asked already. */
export function warmUp({ house, config }: Pick<Twinkeep, 'house' | 'config'>): void {
  if (config.detection.inspection.mode === 'off') return;
  const later = pause(AFTER_MS, undefined, { ref: false });
  later.then(house.detection.warm).catch(() => undefined); // made when they are needed, if not now
}
