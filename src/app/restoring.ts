import type { RestoreDeps } from '../backups/index.ts';
import { eraseBaseline } from '../detection/index.ts';
import { erasePerson } from '../identity/index.ts';
import type { Clock } from '../kernel/clock.ts';
import type { Random } from '../kernel/random.ts';
import { platform } from '../kernel/tx.ts';
import { retireAll } from '../sessions/index.ts';
import { migrations } from './catalogue.ts';
import type { Config } from './config.ts';
import { createLog } from './log.ts';

/** What a restore needs of the rooms: their tables, what erases a person in them, and what must not come back alive. */
export const restoreDepsOf = (config: Config, clock: Clock, random: Random): Omit<RestoreDeps, 'onProgress'> => ({
  clock,
  random,
  migrations,
  erasers: [(tx, subject) => erasePerson(tx, subject, clock.now()), eraseBaseline],
  mend: (storage) => storage.write(platform, (tx) => retireAll(tx, clock.now())),
  onError: createLog(config).failed,
});
