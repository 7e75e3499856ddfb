import { coverOfBcrypt } from '../crypto/index.ts';
import { passwordSchemeOf } from '../identity/index.ts';
import type { Flaw } from '../kernel/errors.ts';
import { isLegacy, presets } from '../profiles/index.ts';
import type { Config } from './config.ts';
import { appFault } from './errors.ts';

/** Up to it the default of `limits.refusalMs` is enough, and a start need not be held up by measuring. */
const ORDINARY_COST = 12;

/**
 * Refuses passwords that are hashed so dearly that the time of a refused sign-in would tell whose are. Measures that, on
 * this machine, where a cost is above the ordinary.
 *
 * @param refusalMs what is in effect
 * @throws CONFIG_INVALID naming both settings
 */
export async function assertEvenRefusals(
  { accounts, profile, profiles, limits }: Config,
  refusalMs = limits.refusalMs,
): Promise<void> {
  if (refusalMs === 0) return; // then nothing is evened out, as its sentence says
  const own = { at: 'accounts.bcryptCost', scheme: passwordSchemeOf(accounts) };
  const theirs = profiles.filter(isLegacy).map((name) => {
    return { at: `profile.${name}.bcryptCost`, scheme: presets[name].scheme(profile[name]) };
  });
  const errors: Flaw[] = [];
  for (const { at, scheme } of [own, ...theirs]) {
    if (scheme.kind !== 'bcrypt' || scheme.cost <= ORDINARY_COST) continue;
    const needed = await coverOfBcrypt(scheme.cost);
    if (needed <= refusalMs) continue;
    const why = `of ${scheme.cost} takes longer here than a refusal by the limits.refusalMs of ${refusalMs} in effect`;
    errors.push({ at, reason: `${why}, whose time then tells who is here; set that to ${needed}, or this to less` });
  }
  if (errors.length > 0) throw appFault('CONFIG_INVALID', { errors });
}
