/**
 * Loaded into a server before its own code (`--import`): how late its event loop is. Each SIGUSR2 writes what was seen
 * since the last one to the file of BENCH_PROBE, and begins anew.
 */
import { renameSync, writeFileSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { isMainThread } from 'node:worker_threads';

const RESOLUTION_MS = 1;
const file = process.env['BENCH_PROBE'];

if (file !== undefined && isMainThread) {
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  let nth = 0;
  delay.enable();
  process.on('SIGUSR2', () => {
    nth += 1;
    const { count, max } = delay;
    const [p50Ms, p99Ms, maxMs] = [delay.percentile(50), delay.percentile(99), max].map((ns) => ns / 1_000_000);
    const seen = { nth, count, p50Ms, p99Ms, maxMs };
    writeFileSync(`${file}.new`, JSON.stringify(seen));
    renameSync(`${file}.new`, file); // whole or not at all
    delay.reset();
  });
}
