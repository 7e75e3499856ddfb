/** Waits for answers that come over a connection, and gives each the time in which this thread could have heard it. */
export interface Patience {
  /**
   * Calls `late` when time has run out, never before the sockets were looked at again.
   *
   * @returns what ends the wait
   */
  wait(ms: number, late: () => void): () => void;
}

interface Waiting {
  readonly until: number;
  readonly late: () => void;
}

const LOOK_MS = 15;
const MOST_MS = 2 * LOOK_MS; // that one look counts for, however long this thread was held up before it

/**
 * A timer alone is no judge of another: after this thread was held up, by a large body or by others on the same cores,
 * its timers run before the answers are read that came meanwhile. So an answer is late only after several looks at the
 * sockets have not found it. All waits share one timer.
 */
export function createPatience(): Patience {
  const waiting = new Set<Waiting>();
  let heardMs = 0; // time that counts
  let lookedAt = 0;
  let looking = false;

  const sinceLook = (now: number): number => Math.min(now - lookedAt, MOST_MS);

  function look(): void {
    const now = performance.now();
    heardMs += sinceLook(now);
    lookedAt = now;
    for (const one of [...waiting]) if (one.until <= heardMs && waiting.delete(one)) one.late();
    looking = waiting.size > 0;
    if (looking) lookLater();
  }

  // An immediate runs after the sockets were read, a timer before.
  const lookLater = (): void => void setTimeout(() => setImmediate(look), LOOK_MS);

  return {
    wait: (ms, late) => {
      const now = performance.now();
      if (!looking) {
        looking = true;
        lookedAt = now;
        lookLater();
      }
      const one = { until: heardMs + sinceLook(now) + ms, late };
      waiting.add(one);
      return () => void waiting.delete(one);
    },
  };
}
