import { once } from 'node:events';
import { createServer } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { MessageChannel, Worker } from 'node:worker_threads';
import type { Audit } from '../audit/index.ts';
import { foldMetrics, type Metrics, type MetricsSnapshot, sumMetrics } from '../metrics/index.ts';
import { createLink, type HotState, type Link, missOn, valueAnswers, watchTurn } from '../storage/index.ts';
import { type Config, databaseUrlOf, sqliteFileOf } from './config.ts';
import type { Reloaded } from './config-changes.ts';
import { appFault } from './errors.ts';
import type { Log } from './log.ts';
import { type Packed, pack } from './worker-config.ts';
import { type Ground, OWNER_SEAT } from './worker-ground.ts';
import type { WorkerSettings, WorkerStart } from './worker-run.ts';

export interface CrewDeps extends WorkerSettings {
  readonly ground: Ground;
  readonly hot: HotState;
  readonly audit: Audit;
  readonly metrics: Metrics;
  readonly log: Log;
  /** Reads the configuration anew, here and then everywhere. @returns settings that need a restart */
  readonly reload: () => Promise<Reloaded>;
}

/** The threads that serve the port, as the one sees them that owns the data folder. */
export interface Crew {
  /** Starts them all. @returns the port. @throws the system's error when the port is taken or not allowed */
  open(): Promise<number>;
  /** The numbers of all threads as those of one. */
  metricsText(): Promise<string>;
  /** Has all of them serve another configuration, which this thread serves already. */
  adopt(next: Config): Promise<void>;
  /** They take nothing more, finish what runs, and end. */
  close(): Promise<void>;
}

interface Hand {
  readonly seat: number;
  readonly worker: Worker;
  readonly link: Link;
  readonly since: number;
  /** As last asked for; what a thread has counted stays counted when it ends. */
  numbers: MetricsSnapshot;
}

/** A script of its own, from the sources or as it was compiled. */
const ENTRY = new URL(import.meta.filename.endsWith('.ts') ? './worker-main.ts' : './worker-main.js', import.meta.url);

const PATIENCE_MS = 30_000; // longer than requests may take to finish
const YOUNG_MB = 48; // three spaces of 16 MiB, as `bin/twinkeep` gives the first thread
const METRICS_MS = 1_000;
const HEARTBEAT_MS = 500;
const WATCH_MS = 1_000;
const LONG_TURN_MS = 5_000; // a disk may be this slow now and then
const LONGEST_TURN_MS = 60_000;
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 5_000;
const SETTLED_MS = 30_000; // whoever ran for this long is no repeated failure
const LEAVE_MS = 2_000;

export function createCrew(deps: CrewDeps): Crew {
  const { config, ground, hot, audit, metrics, log, reload } = deps;
  const hands = new Map<number, Hand>();
  const watch = watchTurn(ground.turn);
  let departed: MetricsSnapshot = [];
  let adopted: Packed<Config> | undefined;
  let port = 0;
  let closing = false;
  let watching: NodeJS.Timeout | undefined;
  let warned: Hand | undefined; // has had one turn for so long that it was told

  /** @throws what kept it from opening */
  async function hire(seat: number): Promise<void> {
    const { config, alerts } = deps;
    const { port1, port2 } = new MessageChannel();
    const link = createLink({
      port: port1,
      patienceMs: PATIENCE_MS,
      answers: { ...valueAnswers(hot), integrate: audit.integrate, metrics: metricsText, reload },
    });
    const worker = new Worker(ENTRY, {
      name: `twinkeep ${seat}`,
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MB },
      workerData: {
        seat,
        ground,
        settings: pack<WorkerSettings>({ config, alerts }),
        port,
        line: port2,
      } satisfies WorkerStart,
      transferList: [port2],
    });
    const hand: Hand = { seat, worker, link, since: performance.now(), numbers: [] };
    hands.set(seat, hand);
    worker.on('error', log.failed);
    worker.once('exit', (code) => bury(hand, code));
    if (adopted !== undefined) await link.ask('adopt', adopted); // of a newer one it takes up what the others did
    await link.ask('open');
  }

  /**
   * Whatever a thread ends of: its turn is freed, and what it counted is kept. One that did not end by itself may have
   * stored a revocation that it had yet to tell the others of, so they read again.
   */
  function bury({ seat, link, numbers }: Hand, code: number): void {
    hands.delete(seat);
    link.cut();
    watch.release(seat);
    if (code !== 0) missOn(ground.bus);
    departed = foldMetrics([departed, numbers]);
  }

  async function hireAndReplace(seat: number, waited: number): Promise<void> {
    await hire(seat);
    const hand = hands.get(seat);
    hand?.worker.once('exit', () => {
      const settled = performance.now() - hand.since > SETTLED_MS;
      void replace(seat, settled ? FIRST_PAUSE_MS : Math.min(2 * waited, LONGEST_PAUSE_MS));
    });
  }

  /** A crash of one thread must be no more than a short wait for its clients; one after the other, a longer one. */
  async function replace(seat: number, after: number): Promise<void> {
    for (let wait = after; !closing; wait = Math.min(2 * wait, LONGEST_PAUSE_MS)) {
      log.warn('a worker thread has ended and is started again', { after_ms: wait });
      await pause(wait, undefined, { ref: false });
      if (closing) return;
      try {
        return await hireAndReplace(seat, wait);
      } catch (error) {
        log.failed(error);
        await hands.get(seat)?.worker.terminate();
      }
    }
  }

  /**
   * Ends a thread that hangs in its turn, so that the others can write. One that waits for a slow disk, in a checkpoint
   * say, is left alone for a minute: ending it would not make the disk faster. The two are told apart by a question
   * that reaches a thread in the middle of its script and not in a call of the system.
   */
  async function watchTurns(): Promise<void> {
    const held = watch.held();
    const hand = hands.get(held?.seat ?? 0);
    if (held === undefined || hand === undefined || held.ms < LONG_TURN_MS) {
      warned = undefined;
      return;
    }
    if (warned !== hand) log.warn('a worker thread has held the database for seconds');
    const hangs = warned === hand && (await runsScript(hand)); // a second time, for it may have just come back
    warned = hand;
    const still = watch.held();
    if (still?.seat !== held.seat || still.ms < held.ms || !(hangs || held.ms >= LONGEST_TURN_MS)) return;
    log.warn(`a worker thread that ${hangs ? 'hangs in its turn' : 'held the database for a minute'} is ended`);
    await hand.worker.terminate();
  }

  async function metricsText(): Promise<string> {
    const [own] = await Promise.all([metrics.snapshot(), ...[...hands.values()].map(refreshNumbers)]);
    return sumMetrics([own, departed, ...[...hands.values()].map(({ numbers }) => numbers)]);
  }

  return {
    metricsText,
    open: async () => {
      assertShareable(config);
      port = await findPort(config);
      const seats = Array.from({ length: config.workers }, (_, at) => OWNER_SEAT + 1 + at);
      await Promise.all(seats.map((seat) => hireAndReplace(seat, FIRST_PAUSE_MS / 2)));
      watching = setInterval(() => void watchTurns(), WATCH_MS).unref();
      return port;
    },
    adopt: async (next) => {
      adopted = pack(next);
      await Promise.all(
        [...hands.values()].map(({ worker, link }) =>
          link.ask('adopt', adopted).catch((error) => {
            log.failed(error);
            return worker.terminate(); // it must not go on with the old one; the next starts with this
          }),
        ),
      );
    },
    close: async () => {
      closing = true;
      clearInterval(watching);
      await Promise.all([...hands.values()].map(dismiss));
    },
  };
}

/** Asks a thread for its numbers; one that doesn't answer at once counts with those of the last time. */
async function refreshNumbers(hand: Hand): Promise<void> {
  const numbers = await Promise.race([
    hand.link.ask('metrics').catch(() => undefined),
    pause(METRICS_MS, undefined, { ref: false }),
  ]);
  if (Array.isArray(numbers)) hand.numbers = numbers;
}

/** Whether a thread executes script at this moment, or is idle; not while it waits inside a call of the system. */
async function runsScript({ worker }: Hand): Promise<boolean> {
  const runs = worker.cpuUsage().then(
    () => true,
    () => false,
  );
  return Promise.race([runs, pause(HEARTBEAT_MS, false, { ref: false })]);
}

async function dismiss({ worker, link }: Hand): Promise<void> {
  const ended = once(worker, 'exit').catch(() => undefined);
  await link.ask('close').catch(() => undefined); // one that can't close any more is ended
  await Promise.race([ended, pause(LEAVE_MS, undefined, { ref: false })]);
  await worker.terminate();
}

function assertShareable(config: Config): void {
  if (sqliteFileOf(databaseUrlOf(config)) !== ':memory:') return;
  const reason = 'must be 1 where the database is in memory, which no two threads can share';
  throw appFault('CONFIG_INVALID', { errors: [{ at: 'TWINKEEP_WORKERS', reason }] });
}

/**
 * The port that the threads then share. It is opened here once without sharing, for the system would let us share it
 * with another server of the same user, too: half of our clients would reach that one.
 */
async function findPort({ host, port }: Config): Promise<number> {
  const probe = createServer().listen({ host, port, exclusive: true });
  await once(probe, 'listening');
  const address = probe.address();
  probe.close();
  await once(probe, 'close');
  if (address === null || typeof address === 'string') throw new TypeError('a TCP server has a port');
  return address.port;
}
