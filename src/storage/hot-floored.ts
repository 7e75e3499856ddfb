import { isFault } from '../kernel/errors.ts';
import { storageFault } from './errors.ts';
import { createMissed, type Missed } from './hot-missed.ts';
import { type HotState, type Take, type Taken, type TakenAll, takenAllOf } from './hot-state.ts';
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
 * the moment at which the shared one is lost. After its return both must allow a take for as long as its window lasts:
 * a shared one that came back empty has forgotten what it had allowed, and one that hung does not know what was allowed
 * meanwhile. What was given back or reset meanwhile is so there too, before any take asks it again.
 *
 * Marks and values have no floor: one that was forgotten would let a code be used twice, so `claim`, `put`, `get` and
 * `forget` throw STORAGE_UNAVAILABLE; after one of them was not answered the others do so at once, for a second.
 * `probe` tells of the shared one.
 */
export function createFlooredHotState(options: FlooredHotStateOptions): HotState {
  const { shared, floor } = options;
  const missed = createMissed();
  const breaker = createBreaker(options, missed);
  const text = createImpatience();

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

  /** Whether takes may be missing there: from before it was lost, or from the time that it was away. */
  const isBehind = (windowMs: number): boolean =>
    !breaker.isOpen() && performance.now() - Math.max(breaker.backAt(), shared.lostAt?.() ?? NEVER) < windowMs;

  /** A take that the shared one does not know of. */
  const alone = <Result extends { readonly allowed: boolean }>(
    answer: Result | Promise<Result>,
    takes: readonly Take[],
  ): Result | Promise<Result> => {
    if (answer instanceof Promise) return answer.then((one) => alone(one, takes));
    if (answer.allowed) missed.took(takes);
    return answer;
  };

  /** The floor first, for what is refused here need not be taken back there. */
  const both = async <Result extends { readonly allowed: boolean }>(
    ask: () => Result | Promise<Result>,
    here: () => Result | Promise<Result>,
    takes: readonly Take[],
    lesser: (one: Result, other: Result) => Result,
  ): Promise<Result> => {
    const own = await here();
    if (!own.allowed) return own;
    const outcome = await breaker.guard(Promise.resolve(ask()));
    if (outcome.kind === 'away') return alone(own, takes);
    if (outcome.answer.allowed) return lesser(own, outcome.answer);
    for (const { cell, limit } of takes) await floor.giveBack(cell, limit);
    return outcome.answer;
  };

  /** @param noted what is told to the shared one when it is back, where it may be told once more */
  const mirrored = (ask: (hot: HotState) => void | Promise<void>, noted?: () => void): void | Promise<void> =>
    counting(
      () => ask(shared),
      () => {
        noted?.();
        return ask(floor);
      },
      () => void ask(floor),
    );

  return {
    take: (cell, limit) => {
      const takes = [{ cell, limit }];
      const there = () => shared.take(cell, limit);
      const here = () => floor.take(cell, limit);
      if (isBehind(limit.windowMs)) return both(there, here, takes, lesserOf);
      return counting(
        there,
        () => alone(here(), takes),
        ({ allowed }) => void (allowed && here()),
      );
    },
    takeAll: (takes) => {
      const there = () => shared.takeAll(takes);
      const here = () => floor.takeAll(takes);
      if (takes.some(({ limit }) => isBehind(limit.windowMs))) return both(there, here, takes, lesserOfAll);
      return counting(
        there,
        () => alone(here(), takes),
        ({ allowed }) => void (allowed && here()),
      );
    },
    giveBack: (cell, limit) => {
      if (breaker.isOpen()) missed.gaveBack(cell, limit); // one that was asked may have been heard: never twice
      return mirrored((hot) => hot.giveBack(cell, limit));
    },
    reset: (cell) =>
      mirrored(
        (hot) => hot.reset(cell),
        () => missed.reset(cell),
      ),
    claim: (key, ttlMs) => text.ask(() => shared.claim(key, ttlMs)),
    put: (key, value, ttlMs) => text.ask(() => shared.put(key, value, ttlMs)),
    get: (key) => text.ask(() => shared.get(key)),
    forget: (key) => text.ask(() => shared.forget(key)),
    probe: () => shared.probe(),
    server: async () => (await shared.server?.()) ?? 'unknown',
    close: async () => {
      breaker.close();
      await Promise.all([shared.close(), floor.close()]);
    },
  };
}

/** Of two that both allow it: a shared one that came back empty says that more are left than are. */
const lesserOf = (one: Taken, other: Taken): Taken => (one.remaining <= other.remaining ? one : other);

const lesserOfAll = (one: TakenAll, other: TakenAll): TakenAll =>
  takenAllOf(one.taken.map((taken, at) => lesserOf(taken, other.taken[at] ?? taken)));

interface Impatience {
  /** @throws STORAGE_UNAVAILABLE at once, where another one has waited in vain within the last second */
  ask<Result>(ask: () => Promise<Result>): Promise<Result>;
}

const WAITED_MS = 100;
const DEAF_MS = 1_000;

/** A request that asks for several texts, one after the other, waits for one of them only. */
function createImpatience(): Impatience {
  let deafUntil = NEVER;
  return {
    ask: async (ask) => {
      const begun = performance.now();
      if (begun < deafUntil) throw storageFault('STORAGE_UNAVAILABLE', {}, new Error('Redis did not answer just now'));
      try {
        return await ask();
      } catch (error) {
        const now = performance.now();
        if (isFault(error, 'STORAGE_UNAVAILABLE') && now - begun >= WAITED_MS) deafUntil = now + DEAF_MS;
        throw error;
      }
    },
  };
}

type Outcome<Result> = { readonly kind: 'answered'; readonly answer: Result } | { readonly kind: 'away' };

interface Breaker {
  /** Whether nothing may be asked of the shared one. */
  isOpen(): boolean;
  /** When it was found to be back, by `performance.now()`. */
  backAt(): number;
  /** Waits for an answer, but not for long, and not once another has failed. @throws TypeError, the caller's own */
  guard<Result>(answer: Promise<Result>): Promise<Outcome<Result>>;
  close(): void;
}

const PATIENCE_MS = 150;
const PROBE_MS = 1_000;
const NEVER = Number.NEGATIVE_INFINITY;
const AWAY = { kind: 'away' } as const;

function createBreaker(options: FlooredHotStateOptions, missed: Missed): Breaker {
  const { shared, onError, patienceMs = PATIENCE_MS, probeMs = PROBE_MS } = options;
  const patience = createPatience();
  const waiting = new Set<() => void>(); // those who leave when one of them finds that it is away
  let open = false;
  let closed = false;
  let gapMs = probeMs;
  let backAt = NEVER;
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
    shared
      .probe()
      .then(() => missed.tell(shared))
      .then(() => {
        open = false;
        backAt = performance.now();
        missed.tell(shared).catch(trip); // of the last moment; it is on its way before any take is
        missed.forgetTakes();
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

  return { isOpen: () => open, backAt: () => backAt, guard, close };
}
