/** Times one small piece of work, a process of its own: takes one job by message, sends one result, ends. */
import type { MicroCase, MicroCases } from './micro/case.ts';
import { type MicroResult, microJob } from './micro/job.ts';
import { quantile } from './stats.ts';

/** Calls between two looks at the clock, so that looking does not count. */
const BATCH = 64;
const MAX_TIMED = 200_000;

async function casesOf(name: string): Promise<MicroCases> {
  if (name.startsWith('totp')) return (await import('./micro/totp.ts')).totpCases;
  if (name.startsWith('token')) return (await import('./micro/tokens.ts')).tokenCases;
  if (name.startsWith('rewrap')) return (await import('./micro/rewrap.ts')).rewrapCases;
  if (name.startsWith('backup')) return (await import('./micro/backup.ts')).backupCases;
  if (name.startsWith('detect')) return (await import('./micro/detection.ts')).detectionCases;
  if (name.startsWith('limiter')) return (await import('./micro/limiter.ts')).limiterCases;
  return (await import('./micro/seal.ts')).sealCases;
}

async function run(message: unknown): Promise<MicroResult> {
  const { name, warmupMs, measureMs } = microJob.parse(message);
  const make = (await casesOf(name))[name];
  if (make === undefined) throw new Error(`there is no case ${name}`);
  const work = await make();
  await repeat(work, warmupMs);
  const cpuBefore = process.cpuUsage();
  const { calls, seconds } = await repeat(work, measureMs);
  const cpu = process.cpuUsage(cpuBefore);
  const timed = await timeEach(work, measureMs);
  return {
    kind: 'measured',
    perSecond: calls / seconds,
    p50Us: quantile(timed, 0.5),
    p99Us: quantile(timed, 0.99),
    cpuUs: (cpu.user + cpu.system) / calls,
  };
}

async function repeat({ run, waits, each }: MicroCase, ms: number): Promise<{ calls: number; seconds: number }> {
  const startedAt = performance.now();
  const batch = each === undefined ? BATCH : 1;
  let calls = 0;
  while (performance.now() - startedAt < ms) {
    if (waits) for (let i = 0; i < batch; i += 1) await run();
    else for (let i = 0; i < batch; i += 1) run();
    calls += batch * (each ?? 1);
  }
  return { calls, seconds: (performance.now() - startedAt) / 1_000 };
}

async function timeEach({ run, waits, each = 1 }: MicroCase, ms: number): Promise<Float64Array> {
  const timed: number[] = [];
  const endsAt = performance.now() + ms / 2;
  for (let at = performance.now(); at < endsAt && timed.length < MAX_TIMED; ) {
    if (waits) await run();
    else run();
    const now = performance.now();
    timed.push(((now - at) * 1_000) / each);
    at = performance.now();
  }
  return Float64Array.from(timed).sort();
}

process.once('message', (message) => {
  run(message)
    .catch(
      (error: unknown): MicroResult => ({
        kind: 'failed',
        reason: error instanceof Error ? error.message : String(error),
      }),
    )
    .then((result) => process.send?.(result, () => process.exit(0)))
    .catch((error: unknown) => {
      console.error(error);
      process.exit(1);
    });
});
