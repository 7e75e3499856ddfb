import { z } from 'zod';
import type { Run } from './command.ts';
import { throughDoor } from './door.ts';
import { type Terminal, tableOf } from './terminal.ts';

const keyList = z.object({
  items: z.array(
    z.object({
      issuer: z.string(),
      kid: z.string(),
      state: z.string(),
      signs_from: z.string(),
      ends_at: z.string().nullable(),
    }),
  ),
});

/** `token-keys list`. */
export const listTokenKeys: Run = (args, terminal) =>
  throughDoor(args, terminal, 'needs data', async (door) => {
    tell(terminal, await door.call('GET', '/v1/token-keys'), '');
    return 0;
  });

/** `token-keys rotate`. */
export const rotateTokenKeys: Run = (args, terminal) =>
  throughDoor(args, terminal, 'needs data', async (door) => {
    const emergency = args.flag('emergency');
    const next = emergency
      ? 'Every earlier token is dead: people go on by their refresh tokens, back ends fetch the key set anew.'
      : 'Each signs from the time shown; tokens of the one before stay good until they run out.';
    tell(terminal, await door.call('POST', '/v1/token-keys/rotate', { emergency }), `\n\n${next}`);
    return 0;
  });

function tell(terminal: Terminal, answer: unknown, after: string): void {
  const { items } = keyList.parse(answer);
  const rows = items.map((key) => [key.issuer, key.kid, key.state, key.signs_from, key.ends_at ?? '']);
  terminal.answer(items, tableOf(['issuer', 'key', 'state', 'signs from', 'ends'], rows) + after);
}
