import type { Arguments, Run } from './command.ts';
import type { Terminal } from './terminal.ts';

/** Of a command whose 1 is a verdict: whatever was not understood, or could not be read or done, ends it with 2. */
export function understood(run: (args: Arguments, terminal: Terminal) => Promise<number>): Run {
  return async (args, terminal) => {
    try {
      return await run(args, terminal);
    } catch (error) {
      const { explain } = await import('./explain.ts');
      await explain(error, terminal);
      return 2;
    }
  };
}
