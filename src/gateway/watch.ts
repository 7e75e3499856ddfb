import { isFault, type TwinkeepError } from '../kernel/errors.ts';
import { gatewayFault } from './errors.ts';

/** Something open that may outlast the right to it. */
export interface Watched {
  /** Its place among all, kept by the watch; -1 where it has none. */
  place: number;
  /** Asks whether the caller is still good. */
  readonly confirm: (() => Promise<void>) | undefined;
  /** So much time has passed; ends itself where nothing moved for too long. */
  tick(ms: number): void;
  cut(fault: TwinkeepError): void;
}

/** One timer for all that is open: a timer each would cost more than the requests. */
export interface Watch {
  add(watched: Watched): void;
  delete(watched: Watched): void;
  cutAll(fault: TwinkeepError): void;
  stop(): void;
}

const TICK_MS = 500; // twice within the second in which a revocation must have worked
const MOST_ASKED = 64;
/** A question that is not answered for so long is a no: a log or store that hangs must not keep a revoked caller in. */
const PATIENCE_TICKS = 10;

/** Starts to watch; its timer keeps no process alive. */
export function createWatch(onError: (error: unknown) => void): Watch {
  // An array: a Set leaves a chain of dead tables behind that keeps every request alive until a full collection.
  const open: Watched[] = [];
  const asked = new Map<Watched, number>();

  async function ask(watched: Watched, confirm: () => Promise<void>): Promise<void> {
    asked.set(watched, 0);
    try {
      await confirm();
    } catch (error) {
      if (!isFault(error)) onError(error);
      watched.cut(isFault(error) ? error : gatewayFault('GATEWAY_DOWN', {}, error)); // can't be asked: refused
    } finally {
      asked.delete(watched);
    }
  }

  function tick(): void {
    for (const watched of [...open]) watched.tick(TICK_MS);
    for (const [watched, ticks] of asked) {
      asked.set(watched, ticks + 1);
      if (ticks >= PATIENCE_TICKS)
        watched.cut(gatewayFault('GATEWAY_DOWN', { reason: 'the caller cannot be confirmed' }));
    }
    void askAll().catch(onError);
  }

  async function askAll(): Promise<void> {
    let running: Promise<void>[] = [];
    for (const watched of [...open]) {
      if (watched.confirm === undefined || asked.has(watched) || watched.place === -1) continue;
      running.push(ask(watched, watched.confirm));
      if (running.length < MOST_ASKED) continue;
      await Promise.all(running);
      running = [];
    }
  }

  const timer = setInterval(tick, TICK_MS).unref();
  return {
    add: (watched) => {
      watched.place = open.push(watched) - 1;
    },
    delete: (watched) => {
      const last = open[open.length - 1];
      if (watched.place === -1 || last === undefined) return;
      open[watched.place] = last;
      last.place = watched.place;
      open.pop();
      watched.place = -1;
      if (asked.size > 0) asked.delete(watched);
    },
    cutAll: (fault) => {
      for (const watched of [...open]) watched.cut(fault);
    },
    stop: () => clearInterval(timer),
  };
}
