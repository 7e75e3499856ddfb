import type { HotState } from './hot-state.ts';
import { createPatience } from './patience.ts';

export interface FlooredHotStateOptions {
  /** The one of all processes. */
  readonly shared: HotState;
  /** The one of this process, which counts while the shared one is away. */
  readonly floor: HotState;
  /** Hears why the shared one was left, once each time. */
  readonly onError: (error: unknown) => void;
  /** How long a take waits for an answer, in time in which this thread could have heard it. Default 150. */
  readonly patienceMs?: number | undefined;
  /** The first gap between two looks whether the shared one is back; it doubles up to five of it. Default 1,000. */
  readonly probeMs?: number | undefined;
}

/**
 * A shared hot state whose limits go on without it, in this process and with the same counts. A take that isn't
 * answered in time makes all of them go to the floor at once; the shared one is looked for in the background.
 *
 * What the shared one allows is counted in the floor as well, so that no process allows more than a limit even across
 * the moment at which the shared one is lost. Marks and values have no floor: one that was forgotten would let a code
 * be used twice, so `claim`, `put`, `get` and `forget` throw STORAGE_UNAVAILABLE. `probe` tells of the shared one.
 */
export function createFlooredHotState(options: FlooredHotStateOptions): HotState {
  const { shared, floor } = options;
  const breaker = createBreaker(options);

  /** Asks the shared one while it is there. */
  const counting = <Result>(
    ask: () => Result | Promise<Result>,
    here: () => Result | Promise<Result>,
    countHere: (answer: Result) => void,
  ): Result | Promise<Result> => {
    if (breaker.isOpen()) return here();
    const answer = ask();
    if (!(answer instanceof Promise)) return answer;
    return breaker.guard(answer).then((outcome) => {
      if (outcome.kind === 'away') return here();
      countHere(outcome.answer);
      return outcome.answer;
    });
  };

  const mirrored = (ask: (hot: HotState) => void | Promise<void>): void | Promise<void> =>
    counting(
      () => ask(shared),
      () => ask(floor),
      () => void ask(floor),
    );

  return {
    take: (cell, limit) =>
      counting(
        () => shared.take(cell, limit),
        () => floor.take(cell, limit),
        ({ allowed }) => void (allowed && floor.take(cell, limit)),
      ),
    takeAll: (takes) =>
      counting(
        () => shared.takeAll(takes),
        () => floor.takeAll(takes),
        ({ allowed }) => void (allowed && floor.takeAll(takes)),
      ),
    giveBack: (cell, limit) => mirrored((hot) => hot.giveBack(cell, limit)),
    reset: (cell) => mirrored((hot) => hot.reset(cell)),
    claim: (key, ttlMs) => shared.claim(key, ttlMs),
    put: (key, value, ttlMs) => shared.put(key, value, ttlMs),
    get: (key) => shared.get(key),
    forget: (key) => shared.forget(key),
    probe: () => shared.probe(),
    server: async () => (await shared.server?.()) ?? 'unknown',
    close: async () => {
      breaker.close();
      await Promise.all([shared.close(), floor.close()]);
    },
  };
}

type Outcome<Result> = { readonly kind: 'answered'; readonly answer: Result } | { readonly kind: 'away' };

interface Breaker {
  /** Whether nothing may be asked of the shared one. */
  isOpen(): boolean;
  /** Waits for an answer, but not for long, and not once another has failed. @throws TypeError, the caller's own */
  guard<Result>(answer: Promise<Result>): Promise<Outcome<Result>>;
  close(): void;
}

const PATIENCE_MS = 150;
const PROBE_MS = 1_000;
const AWAY = { kind: 'away' } as const;

function createBreaker(options: FlooredHotStateOptions): Breaker {
  const { shared, onError, patienceMs = PATIENCE_MS, probeMs = PROBE_MS } = options;
  const patience = createPatience();
  const waiting = new Set<() => void>(); // those who leave when one of them finds that it is away
  let open = false;
  let closed = false;
  let gapMs = probeMs;
  let timer: NodeJS.Timeout | undefined;

  const trip = (error: unknown): void => {
    if (open || closed) return;
    open = true;
    for (const leave of waiting) leave();
    lookLater();
    onError(error);
  };

  const lookLater = (): void => {
    if (closed) return;
    timer = setTimeout(look, gapMs).unref();
    gapMs = Math.min(gapMs * 2, probeMs * 5);
  };

  const look = (): void => {
    shared.probe().then(() => {
      open = false;
    }, lookLater);
  };

  const guard = <Result>(answer: Promise<Result>): Promise<Outcome<Result>> =>
    new Promise((resolve, reject) => {
      const leave = (): void => {
        stopWaiting();
        waiting.delete(leave);
        resolve(AWAY);
      };
      const stopWaiting = patience.wait(patienceMs, () => {
        trip(new Error('the shared hot state did not answer in time'));
        leave();
      });
      waiting.add(leave);
      answer.then(
        (kept) => {
          if (!waiting.has(leave)) return; // too late: it was counted here in the meantime
          gapMs = probeMs; // it counts, so the next loss is a new one
          resolve({ kind: 'answered', answer: kept });
          leave();
        },
        (error: unknown) => {
          if (error instanceof TypeError) reject(error);
          else if (waiting.has(leave)) trip(error);
          leave();
        },
      );
    });

  const close = (): void => {
    closed = true;
    clearTimeout(timer);
    for (const leave of waiting) leave();
  };

  return { isOpen: () => open, guard, close };
}
