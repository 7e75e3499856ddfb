import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';

const seen = z.object({ nth: z.int(), count: z.int(), p50Ms: z.number(), p99Ms: z.number(), maxMs: z.number() });

/** How late the event loop of a server was: of a timer each millisecond, which counts in. */
export interface LoopDelay {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

const PATIENCE_MS = 5_000;

/** Asks the probe in a server for what it has seen since it was asked last. @throws Error where it doesn't answer */
export async function askLoop(pid: number, file: string): Promise<LoopDelay> {
  const before = read(file)?.nth ?? 0;
  process.kill(pid, 'SIGUSR2');
  for (const until = performance.now() + PATIENCE_MS; performance.now() < until; await delay(5)) {
    const now = read(file);
    if (now === undefined || now.nth === before) continue;
    return { p50Ms: now.p50Ms, p99Ms: now.p99Ms, maxMs: now.maxMs };
  }
  throw new Error('the probe in the server does not answer');
}

function read(file: string): z.output<typeof seen> | undefined {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    return undefined; // nothing was written yet
  }
  return seen.parse(JSON.parse(text));
}
