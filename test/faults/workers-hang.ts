/**
 * Loaded before a victim and each of its threads (`--import`). While the file `hang-in-turn` lies in its working folder,
 * the next worker thread that stores a reading never comes back from it, and keeps the turn to write.
 */
import { rmSync } from 'node:fs';
import { StatementSync } from 'node:sqlite';
import { isMainThread } from 'node:worker_threads';

if (!isMainThread) {
  for (const name of ['run', 'all', 'get'] as const) {
    const own = StatementSync.prototype[name];
    StatementSync.prototype[name] = function hang(this: StatementSync, ...args: readonly unknown[]) {
      if (/insert into reading/i.test(this.sourceSQL) && isTheOne()) for (;;);
      return Reflect.apply(own, this, args);
    };
  }
}

/** Whoever removes the file is the one, so that one alone hangs. */
function isTheOne(): boolean {
  try {
    rmSync('hang-in-turn');
    return true;
  } catch {
    return false;
  }
}
