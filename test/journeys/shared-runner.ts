/**
 * Runs commands one after the other, as `src/cli/main.ts` runs one: what loading takes is paid once. Each gets the
 * environment and the folder that it is to have, and what it prints ends with a mark.
 */
import { z } from 'zod';
import { run } from '../../src/cli/run.ts';

const job = z.object({
  args: z.array(z.string()),
  env: z.record(z.string(), z.string()),
  folder: z.string(),
  mark: z.string(),
});

process.on('disconnect', () => process.exit(1)); // with whoever started it
for (const emitter of [process, process.stdout, process.stderr]) emitter.setMaxListeners(0); // each command adds its own

process.on('message', (message) => {
  void work(job.parse(message));
});

async function work({ args, env, folder, mark }: z.infer<typeof job>): Promise<void> {
  for (const name of Object.keys(process.env)) delete process.env[name];
  Object.assign(process.env, env);
  process.chdir(folder);
  const code = await run(args);
  process.chdir('/'); // the folder may be removed now
  process.stdout.write(mark);
  process.stderr.write(mark);
  process.send?.({ code });
}
