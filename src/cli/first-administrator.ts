import type { Twinkeep } from '../app/index.ts';
import type { Terminal } from './terminal.ts';

/** Tells the password of the administrator that this very start has made: nobody will ever be told it again. */
export function announce({ firstAdministrator }: Pick<Twinkeep, 'firstAdministrator'>, terminal: Terminal): void {
  const password = firstAdministrator?.generatedPassword?.reveal();
  if (firstAdministrator === undefined || password === undefined) return;
  const { username } = firstAdministrator;
  if (terminal.json) process.stderr.write(`${JSON.stringify({ first_administrator: { username, password } })}\n`);
  else terminal.say(`First start: made the administrator ${username} with the password ${password} (shown once).`);
}
