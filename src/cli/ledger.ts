import { createTwinkeep, ledgerText } from '../app/index.ts';
import { systemClock } from '../kernel/clock.ts';
import { createSqliteStorage } from '../storage/index.ts';
import type { Run } from './command.ts';
import { generatePassword } from './password.ts';
import { loadSettings } from './setting.ts';

/** `routes`: the whole surface. It is built on a database in memory, so no data, server or lock is touched. */
export const showRoutes: Run = async (_args, terminal) => {
  const config = await loadSettings({ redisUrl: undefined, adminPassword: generatePassword(), logLevel: 'error' });
  const storage = createSqliteStorage({ file: ':memory:', clock: systemClock });
  const twinkeep = await createTwinkeep(config, { storage, ownFolder: false });
  const { ledger } = twinkeep;
  await twinkeep.close();
  terminal.answer(
    ledger.map((row) => ({ ...row })),
    ledgerText(ledger),
  );
  return 0;
};
