import { type EpochMs, epochMs, type TenantId } from '../kernel/brand.ts';
import { type Clock, minutes, rfc3339 } from '../kernel/clock.ts';
import type { Facts } from '../kernel/errors.ts';
import type { DataKeys } from './data-keys.ts';
import { vaultFault } from './errors.ts';
import { currentOf } from './key-status.ts';
import { isPending } from './keyring.ts';
import { bytesOf, type LegacyBytes } from './legacy.ts';
import type { StoredDataKey } from './store.ts';

export interface DestructionDeps {
  readonly dataKeys: DataKeys;
  readonly clock: Clock;
  /** The retained backups that need a version. */
  readonly retainedBy: (tenant: TenantId, version: string) => Promise<readonly string[]>;
  /** How many values of ours are under a version. */
  readonly countUnder: (tenant: TenantId, version: string) => Promise<number>;
  /** How long, in ms, tokens that were sealed under a retired version may still live. */
  readonly keepFor: () => number;
  /** The setting that hands an imported key in: at the next start it would be there again. */
  readonly settingOf?: ((tenant: TenantId, key: LegacyBytes) => string | undefined) | undefined;
}

/**
 * Even where nothing else keeps a retired key it stays for so long: what was sealed in its last moment may still be on
 * its way into the database, and other processes may not have heard of its successor.
 */
const SETTLE_MS = minutes(1);

/**
 * Makes sure that nobody needs a key any more.
 *
 * @param externalRewrapped whoever asks says that no value outside is left under it
 * @throws VAULT_KEY_MISSING; VAULT_KEY_NEEDED with every reason at once: `current`, `values`, `backups`, `external`, `setting`, `until`
 */
export async function assertDispensable(
  deps: DestructionDeps,
  tenant: TenantId,
  version: string,
  externalRewrapped: boolean,
): Promise<void> {
  const { dataKeys, clock, retainedBy, countUnder, keepFor } = deps;
  const keys = await dataKeys.versions(tenant);
  const key = findKey(keys, version);
  const facts: Record<string, Facts[string]> = {};
  if (isSealing(keys, key, clock.now())) facts['current'] = true;
  const values = await countUnder(tenant, version);
  if (values > 0) facts['values'] = values;
  const backups = await retainedBy(tenant, version);
  if (backups.length > 0) facts['backups'] = backups;
  const isOutside = key.externalAt !== undefined || key.algorithm !== undefined; // all that a legacy key opens is outside
  if (isOutside && !externalRewrapped) facts['external'] = true;
  const setting = key.algorithm === undefined ? undefined : await settingOfKey(deps, tenant, version);
  if (setting !== undefined) facts['setting'] = setting;
  if (key.retiredAt !== undefined) {
    const until = epochMs(key.retiredAt + Math.max(SETTLE_MS, keepFor()));
    if (clock.now() < until) facts['until'] = rfc3339(until);
  }
  if (Object.keys(facts).length > 0) throw vaultFault('VAULT_KEY_NEEDED', { version, ...facts });
}

async function settingOfKey({ dataKeys, settingOf }: DestructionDeps, tenant: TenantId, version: string) {
  const key = (await dataKeys.ring(tenant)).legacy().find((each) => each.version === version);
  return key && settingOf?.(tenant, { algorithm: key.algorithm, bytes: bytesOf(key) });
}

/** @throws VAULT_KEY_MISSING also for one that was destroyed before */
export function findKey(keys: readonly StoredDataKey[], version: string): StoredDataKey {
  const key = keys.find((each) => each.version === version && each.destroyedAt === undefined);
  if (key === undefined) throw vaultFault('VAULT_KEY_MISSING', { version });
  return key;
}

/** Whether a key seals now or is about to. */
export const isSealing = (keys: readonly StoredDataKey[], key: StoredDataKey, now: EpochMs): boolean =>
  key.algorithm === undefined &&
  (key.version === currentOf(keys, now)?.version || key.retiredAt === undefined || isPending(key, now));
