/**
 * A whole Twinkeep to be fuzzed, set by the environment, in a process of its own with `--expose-gc`: an error that
 * nobody catches ends it, and what it holds is told when it is asked. Prints its address as a line of JSON.
 */
import { createServer } from 'node:http';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { createTwinkeep, listen, loadConfig } from '../../src/app/index.ts';
import { epochMs } from '../../src/kernel/brand.ts';

const SETTLE_MS = 300;
/** Its minutes are so much shorter, that the limits of single routes don't hide them from the fuzzer. */
const SPEED = 200;

const config = await loadConfig(process.env);
const startedAt = Date.now();
const clock = { now: () => epochMs(startedAt + Math.floor(performance.now() * SPEED)) };
/** Hundreds of strings are tried as passwords, and what is shown with them is not how long a hash takes. */
const passwordCost = { memoryKib: 8, passes: 1, parallelism: 1 };
const twinkeep = await createTwinkeep(config, { clock, passwordCost, readConfig: () => loadConfig(process.env) });
const listening = await listen(twinkeep);
/** The door of the operator, on a port: some routes are his alone. */
const operator = createServer(twinkeep.handleOperator).listen(0, '127.0.0.1');
await new Promise((resolve) => operator.once('listening', resolve));

const delay = monitorEventLoopDelay({ resolution: 10 });
delay.enable();

process.stdin.on('end', () => process.exit(1)).resume();
process.on('SIGTERM', () => {
  operator.close();
  void listening.close().then(() => process.exit(0));
});
process.on('message', () => void tellMemory());
process.send?.({ address: listening.address, operatorPort: Object(operator.address()).port });

/** Twice, for what a finalizer lets go is free only at the next. */
async function tellMemory(): Promise<void> {
  const delayP99Ms = delay.percentile(99) / 1e6 - 10; // before the collections that follow
  for (let turn = 0; turn < 2; turn++) {
    globalThis.gc?.();
    await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
  }
  const { rss, heapUsed, external } = process.memoryUsage();
  process.send?.({ rss, held: heapUsed + external, delayP99Ms });
  delay.reset();
}
