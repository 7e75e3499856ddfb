import { createPasswordRules } from '../identity/index.ts';
import { isFault, type TwinkeepError } from '../kernel/errors.ts';
import type { Config } from './config.ts';
import { appFault } from './errors.ts';

/**
 * Judges the password that the environment gives the first administrator, as their making would.
 *
 * @throws CONFIG_INVALID that names the setting
 */
export async function assertAdministrator({ adminPassword, adminUsername, accounts }: Config): Promise<void> {
  if (adminPassword === undefined) return;
  const judge = createPasswordRules(accounts.passwords);
  const { ok, reasons } = await judge(adminPassword.reveal(), { username: adminUsername });
  if (!ok) throw weak(reasons);
}

/** The refusal of the first administrator's password in the words of the configuration; any other as it is. */
export function namedSetting(error: unknown): unknown {
  if (!isFault(error, 'IDENTITY_PASSWORD_WEAK')) return error;
  const reasons: unknown = error.facts['reasons'];
  return weak(Array.isArray(reasons) ? reasons.map(String) : [], error);
}

function weak(reasons: readonly string[], cause?: unknown): TwinkeepError {
  const reason = `is too easy to guess: ${reasons.join(', ')}; set another, or none to have one made`;
  return appFault('CONFIG_INVALID', { errors: [{ at: 'TWINKEEP_ADMIN_PASSWORD', reason }] }, cause);
}
