/** For how long a walk goes on, and who waits for it until when. */
export interface WalkTime {
  /**
   * Begins a walk, or joins the one that is under way, which then goes on for at least as long.
   *
   * @param endsAt on the clock of `performance`; by then this resolves, also where the walk goes on for others
   */
  run(endsAt: number): Promise<void>;
  /** To be asked between steps: false when the walk is to end. */
  goOn(): boolean;
  /** The same for work that is worth nothing unless it is finished: only `stop` ends it. */
  goOnBeyond(): boolean;
  /** Whether the walk has no end but its work. */
  hurry(on: boolean): void;
  /** Ends the walk after its present step, and begins none any more. */
  stop(): Promise<void>;
}

interface Waiting {
  readonly endsAt: number;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** @param onError hears of what failed when nobody waited for it any more */
export function createWalkTime(walk: () => Promise<void>, onError: (error: unknown) => void): WalkTime {
  const waiting = new Set<Waiting>();
  let running: Promise<void> | undefined;
  let endsAt = 0;
  let hurries = false;
  let stopped = false;

  async function begin(): Promise<void> {
    let failure: { readonly error: unknown } | undefined;
    try {
      await walk();
    } catch (error) {
      failure = { error };
    }
    running = undefined;
    hurries = false;
    endsAt = 0;
    if (failure !== undefined && waiting.size === 0) onError(failure.error);
    for (const { resolve, reject } of waiting) failure === undefined ? resolve() : reject(failure.error);
    waiting.clear();
  }

  function goOnBeyond(): boolean {
    if (stopped) return false;
    const now = performance.now();
    for (const one of waiting) if (now >= one.endsAt && waiting.delete(one)) one.resolve();
    return true;
  }

  return {
    goOnBeyond,
    goOn: () => (hurries || performance.now() < endsAt) && goOnBeyond(),
    hurry: (on) => {
      hurries = on;
    },
    run: (end) =>
      new Promise<void>((resolve, reject) => {
        if (stopped) return resolve();
        waiting.add({ endsAt: end, resolve, reject });
        endsAt = Math.max(endsAt, end);
        running ??= begin();
      }),
    stop: async () => {
      stopped = true;
      await running;
    },
  };
}
