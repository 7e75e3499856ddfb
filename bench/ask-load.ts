import type { Stage } from './contender.ts';
import { type LoadJob, type LoadResult, loadResult } from './load/job.ts';
import type { Effort } from './measure.ts';
import type { Figures } from './stats.ts';

const LOAD = new URL('./load.ts', import.meta.url);
const SLACK_MS = 60_000;

/** Has one job done by a process of its own. */
export function askForLoad({ children }: Stage, { warmupMs, measureMs }: Effort, job: LoadJob): Promise<LoadResult> {
  const timeoutMs = warmupMs + measureMs + SLACK_MS;
  return children.ask(LOAD, job, { timeoutMs, parse: (answer) => loadResult.parse(answer) });
}

/** The figures of a load, per item of it. */
export function figuresOf(result: LoadResult, lines: number): Figures {
  if (result.kind === 'failed') throw new Error(result.reason);
  const items = result.requests * lines;
  const perItem = (ms: number | null | undefined): number => ((ms ?? Number.NaN) * 1_000) / items;
  const [own, ...helpers] = result.cpuMs;
  return {
    perSecond: items / result.seconds,
    p50: result.p50Ms,
    p99: result.p99Ms,
    cpuUs: perItem(own),
    helperCpuUs: helpers.reduce<number>((sum, ms) => sum + perItem(ms), 0),
    generatorCpuUs: perItem(result.generatorCpuMs),
    ...(result.loop === undefined ? {} : { loopP99: result.loop.p99Ms, loopMax: result.loop.maxMs }),
  };
}
