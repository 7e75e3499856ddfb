import { linesOf, reloadedSchema } from '../app/index.ts';
import type { Run } from './command.ts';
import { throughServer } from './door.ts';

/** `config reload`: has the running server read its configuration anew. */
export const reloadConfig: Run = (args, terminal) =>
  throughServer(args, async (door) => {
    const done = reloadedSchema.parse(await door.call('POST', '/v1/config/reload'));
    const { restart_needed: waiting, ...changes } = done;
    const rest = waiting.length === 0 ? '' : ` These take effect at the next start: ${waiting.join(', ')}.`;
    terminal.answer(done, [`The new configuration is in force.${rest}`, ...linesOf(changes)].join('\n'));
    return 0;
  });
