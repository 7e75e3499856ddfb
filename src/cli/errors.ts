import { type Facts, TwinkeepError } from '../kernel/errors.ts';

/** The command was not understood: exit code 2. */
export const usageFault = (message: string): TwinkeepError => new TwinkeepError('CLI_USAGE', 'invalid', message);

/** The command was understood and could not be done: exit code 1. */
export const failure = (message: string, facts: Facts = {}, cause?: unknown): TwinkeepError =>
  new TwinkeepError('CLI_FAILED', 'unavailable', message, facts, cause === undefined ? undefined : { cause });
