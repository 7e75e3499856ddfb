import type { Storage } from '../storage/index.ts';
import type { Job } from './rooms.ts';

/** Runs jobs on time, none beside itself, and each in one process at a time where several share a database. */
export function startJobs(deps: {
  readonly jobs: readonly Job[];
  readonly storage: Storage;
  readonly holder: string;
  readonly onError: (error: unknown) => void;
}): { stop(): Promise<void> } {
  const { jobs, storage, holder, onError } = deps;
  const running = new Map<Job, Promise<void>>();

  async function turn({ name, everyMs, perProcess = false, run }: Job): Promise<void> {
    try {
      const shared = storage.dialect === 'postgres' && !perProcess;
      if (shared && (await storage.lease(`job.${name}`, holder, everyMs)) === undefined) return;
      await run();
    } catch (error) {
      onError(error); // the next turn tries again
    }
  }

  const timers = jobs.map((job) =>
    setInterval(() => {
      if (running.has(job)) return; // its earlier turn is not over, and would only be joined by more that wait for it
      running.set(
        job,
        turn(job).finally(() => running.delete(job)),
      );
    }, job.everyMs).unref(),
  );
  return {
    stop: async () => {
      for (const timer of timers) clearInterval(timer);
      await Promise.all(running.values());
    },
  };
}
