import { cryptoFault } from '../crypto/index.ts';

/** Lets a few pieces of work run at a time, in turns between lanes: nobody waits for all that another lane asks for. */
export interface FairLanes {
  /**
   * @param lane whose work it is; whoever is served least comes next, then whoever was served longest ago
   * @throws CRYPTO_BUSY when the lane has enough under way or no place is left, and later too, when the place is needed
   *   by a lane that has fewer; whatever the work throws
   */
  run<Result>(lane: string, work: () => Promise<Result>): Promise<Result>;
}

export interface FairLanesOptions {
  /** Pieces of work at a time, 1 or more. */
  readonly concurrency: number;
  /** Waiting or running, of one lane. */
  readonly perLane: number;
  /** Waiting, of all lanes. */
  readonly queueLimit: number;
}

interface Lane {
  running: number;
  readonly waiting: Entrant[];
}

interface Entrant {
  readonly admit: () => void;
  readonly turnAway: (error: Error) => void;
}

export function createFairLanes({ concurrency, perLane, queueLimit }: FairLanesOptions): FairLanes {
  const lanes = new Map<string, Lane>(); // those with work, whoever was served longest ago first
  let running = 0;
  let waiting = 0;

  async function enter(name: string): Promise<Lane> {
    const lane = lanes.get(name) ?? { running: 0, waiting: [] };
    if (lane.running + lane.waiting.length >= perLane) throw busy();
    if (running < concurrency) {
      begin(lane);
      lanes.set(name, lane);
      return lane;
    }
    if (waiting >= queueLimit) makeRoomFor(lane);
    waiting += 1;
    lanes.set(name, lane);
    await new Promise<void>((admit, turnAway) => lane.waiting.push({ admit, turnAway }));
    return lane;
  }

  function begin(lane: Lane): void {
    running += 1;
    lane.running += 1;
  }

  /** Many addresses with a few pieces each must not shut out one that has none yet: the longest lane gives up its last. */
  function makeRoomFor(lane: Lane): void {
    let longest = lane;
    for (const other of lanes.values()) if (other.waiting.length > longest.waiting.length) longest = other;
    if (longest.waiting.length <= lane.waiting.length + 1) throw busy();
    longest.waiting.pop()?.turnAway(busy());
    waiting -= 1;
  }

  /** The place is handed over rather than freed, so that nobody who comes later can take it first. */
  function leave(name: string, lane: Lane): void {
    running -= 1;
    lane.running -= 1;
    lanes.delete(name); // behind all others, those too that came while it was served
    if (lane.running + lane.waiting.length > 0) lanes.set(name, lane);
    const next = nextOf(lanes.values());
    const entrant = next?.waiting.shift();
    if (next === undefined || entrant === undefined) return;
    waiting -= 1;
    begin(next);
    entrant.admit();
  }

  return {
    run: async (name, work) => {
      const lane = await enter(name);
      try {
        return await work();
      } finally {
        leave(name, lane);
      }
    },
  };
}

function nextOf(lanes: Iterable<Lane>): Lane | undefined {
  let next: Lane | undefined;
  for (const lane of lanes)
    if (lane.waiting.length > 0 && (next === undefined || lane.running < next.running)) next = lane;
  return next;
}

const busy = () => cryptoFault('CRYPTO_BUSY', { retry_after_s: 1 });
