import { setTimeout as delay } from 'node:timers/promises';

/** Requests that come when they are due, whether the ones before them were answered or not. */
export interface OpenLoop {
  /** How many are due a second on average, at moments that know nothing of each other. */
  readonly rate: number;
  readonly ms: number;
}

/** Past it the server is so far behind that no figure would say more than that. */
const MOST_WAITING = 5_000;
/** So much of an exponential gap is longer than any draw of ours. */
const LEAST_DRAW = 1e-9;

/**
 * As people ask who know nothing of each other. What waits for a free connection waits from when it was due, so that a
 * server that stops for a while is told of every request that came meanwhile, not of one.
 *
 * @param ask sends one request and sees to its answer
 * @returns milliseconds from when each was due until it was answered
 */
export async function openLoop<Line>(
  lines: readonly Line[],
  { rate, ms }: OpenLoop,
  ask: (line: Line) => Promise<void>,
): Promise<number[]> {
  const free = [...lines];
  const waiting: number[] = [];
  const latencies: number[] = [];
  const underWay = new Set<Promise<void>>();
  let failure: unknown;

  async function one(line: Line, dueAt: number): Promise<void> {
    await ask(line);
    latencies.push(performance.now() - dueAt);
    const next = waiting.shift();
    if (next === undefined) free.push(line);
    else await one(line, next);
  }

  function begin(dueAt: number): void {
    const line = free.pop();
    if (line === undefined) {
      if (waiting.push(dueAt) > MOST_WAITING) failure ??= new Error(`${rate}/s are more than are answered`);
      return;
    }
    const asked = one(line, dueAt).catch((error: unknown) => {
      failure ??= error;
    });
    underWay.add(asked);
    void asked.then(() => underWay.delete(asked));
  }

  const startedAt = performance.now();
  for (let dueAt = startedAt; dueAt - startedAt < ms && failure === undefined; dueAt += gapMs(rate)) {
    while (performance.now() < dueAt) await delay(Math.max(1, dueAt - performance.now()));
    begin(dueAt);
  }
  while (underWay.size > 0) await Promise.all(underWay);
  if (failure !== undefined) throw failure;
  return latencies;
}

const gapMs = (rate: number): number => (-Math.log(Math.max(Math.random(), LEAST_DRAW)) * 1_000) / rate;
