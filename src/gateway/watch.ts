import { isFault, type TwinkeepError } from '../kernel/errors.ts';
import { gatewayFault } from './errors.ts';

/** Something open that may outlast the right to it. */
export interface Watched {
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
  /** How many are open. */
  size(): number;
  cutAll(fault: TwinkeepError): void;
  stop(): void;
}

const TICK_MS = 500; // twice within the second in which a revocation must have worked
const MOST_ASKED = 64;
/** A question that is not answered for so long is a no: a log or store that hangs must not keep a revoked caller in. */
const PATIENCE_TICKS = 10;

/** Starts to watch; its timer keeps no process alive. */
export function createWatch(onError: (error: unknown) => void): Watch {
  const open = new Set<Watched>();
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
    for (const watched of open) watched.tick(TICK_MS);
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
      if (watched.confirm === undefined || asked.has(watched) || !open.has(watched)) continue;
      running.push(ask(watched, watched.confirm));
      if (running.length < MOST_ASKED) continue;
      await Promise.all(running);
      running = [];
    }
  }

  const timer = setInterval(tick, TICK_MS).unref();
  return {
    add: (watched) => void open.add(watched),
    delete: (watched) => {
      open.delete(watched);
      asked.delete(watched);
    },
    size: () => open.size,
    cutAll: (fault) => {
      for (const watched of [...open]) watched.cut(fault);
    },
    stop: () => clearInterval(timer),
  };
}
