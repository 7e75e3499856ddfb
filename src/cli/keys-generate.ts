import { createSystemRandom } from '../kernel/random.ts';
import type { Run } from './command.ts';
import { usageFault } from './errors.ts';

/** `keys generate`: 32 random bytes as text. It needs no folder, makes none, and keeps nothing. */
export const generateKey: Run = async (args, terminal) => {
  const form = args.text('form') ?? 'base64';
  if (form !== 'base64' && form !== 'fernet') throw usageFault('--form takes base64 or fernet');
  const bytes = createSystemRandom().bytes(32);
  // Fernet keys are written with their padding, and the URL-safe alphabet that node gives has none.
  const key = form === 'fernet' ? `${bytes.toString('base64url')}=` : bytes.toString('base64');
  terminal.answer({ key, form }, key);
  return 0;
};
