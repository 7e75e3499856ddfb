import { z } from 'zod';
import type { Run } from './command.ts';
import { throughServer } from './door.ts';

const reloaded = z.object({ restart_needed: z.array(z.string()) });

/** `config reload`: has the running server read its configuration anew. */
export const reloadConfig: Run = (args, terminal) =>
  throughServer(args, async (door) => {
    const { restart_needed: waiting } = reloaded.parse(await door.call('POST', '/v1/config/reload'));
    const rest = waiting.length === 0 ? '' : ` These take effect at the next start: ${waiting.join(', ')}.`;
    terminal.answer({ restart_needed: waiting }, `The new configuration is in force.${rest}`);
    return 0;
  });
