import { assertAdministrator, assertEvenRefusals, assertRules } from '../app/index.ts';
import type { Run } from './command.ts';
import { openRows } from './detect-rows.ts';
import { loadSettings, settingsOf } from './setting.ts';
import { tableOf } from './terminal.ts';

/** `config check`: what would be in effect, or every flaw. */
export const checkConfig: Run = async (_args, terminal) => {
  const config = await loadSettings();
  await assertAdministrator(config);
  await assertEvenRefusals(config);
  assertRules(config);
  const { exceptions } = config.detection.inspection;
  if (exceptions.length > 0) for (const line of (await openRows()).stray(exceptions)) terminal.say(line);
  const settings = settingsOf(config);
  const rows = settings.map(({ name, variable, value }) => [name, variable, value]);
  terminal.answer(JSON.parse(JSON.stringify(config)), tableOf(['setting', 'variable', 'value'], rows));
  return 0;
};
