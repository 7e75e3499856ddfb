import { z } from 'zod';
import type { Run } from './command.ts';
import { throughDoor } from './door.ts';
import { keptText } from './kept-checkpoint.ts';

const checkpoint = z.object({ verifier: z.string(), checkpoint: z.string() });

/** `audit checkpoint`: what to keep elsewhere, so that a later `audit verify` can be held against it. */
export const showCheckpoint: Run = (args, terminal) =>
  throughDoor(args, terminal, 'needs data', async (door) => {
    const found = checkpoint.parse(await door.call('GET', '/v1/audit/checkpoint'));
    terminal.answer(found, keptText(found.verifier, found.checkpoint));
    return 0;
  });
