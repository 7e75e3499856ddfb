import { equalBytes, parseFernetKey } from '../crypto/index.ts';
import type { TenantId } from '../kernel/brand.ts';
import type { Clock } from '../kernel/clock.ts';
import type { Actor } from '../kernel/principal.ts';
import type { Random } from '../kernel/random.ts';
import { isLegacy } from '../profiles/index.ts';
import { MAIN_TENANT } from '../tenants/index.ts';
import {
  createFieldFunctions,
  type FieldFunctions,
  type Keys,
  parseMasterKey,
  type Vault,
  vaultFault,
} from '../vault/index.ts';
import type { Config } from './config.ts';

/** The profiles of systems that sealed fields by themselves. */
type Sealing = 'digital-twin-v1' | 'digital-twin-v2' | 'aivillage';

export type FieldFunctionsOf = (profile: Sealing) => FieldFunctions;

const HOUSE: Actor = { principal: { kind: 'operator', tenantId: MAIN_TENANT } };

/** A key that a setting of a profile hands in: what that system has sealed its fields under. */
interface HandedIn {
  readonly profile: Sealing;
  readonly setting: string;
  readonly algorithm: 'fernet' | 'aes-gcm';
  readonly bytes: Uint8Array;
}

/** @throws VAULT_KEY_INVALID naming the setting of a key that is none */
function handedIn({ profile, profiles }: Config): readonly HandedIn[] {
  const served = new Set(profiles.filter(isLegacy));
  const fernet = served.has('digital-twin-v1') ? profile['digital-twin-v1'].encryptionKey : undefined;
  const gcm = served.has('digital-twin-v2') ? profile['digital-twin-v2'].encryptionKey : undefined;
  const keys: HandedIn[] = [];
  if (fernet !== undefined) {
    const setting = 'profile.digital-twin-v1.encryptionKey';
    const bytes = parseFernetKey(fernet.reveal());
    const reason = `${setting} is no Fernet key: 32 bytes in base64url`;
    if (bytes === undefined) throw vaultFault('VAULT_KEY_INVALID', { reason });
    keys.push({ profile: 'digital-twin-v1', setting, algorithm: 'fernet', bytes });
  }
  if (gcm !== undefined) {
    const setting = 'profile.digital-twin-v2.encryptionKey';
    keys.push({ profile: 'digital-twin-v2', setting, algorithm: 'aes-gcm', bytes: parseMasterKey(gcm).reveal() });
  }
  return keys;
}

/**
 * Takes the keys that older systems sealed fields under as versions that only read, so that their values open (X11). The
 * same key is not taken twice.
 *
 * @throws VAULT_KEY_INVALID naming the setting of a key that is none, VAULT_PROVIDER_AWAY
 */
export async function importProfileKeys(config: Config, keys: Keys): Promise<void> {
  for (const { algorithm, bytes } of handedIn(config)) {
    await keys.importLegacy(MAIN_TENANT, { algorithm, bytes }, HOUSE);
  }
}

/** Which setting hands an imported key in: destroying that one would be undone by the next start. */
export const settingOf =
  (config: Config) =>
  (tenant: TenantId, { algorithm, bytes }: Pick<HandedIn, 'algorithm' | 'bytes'>): string | undefined => {
    const given = tenant === MAIN_TENANT ? handedIn(config) : [];
    return given.find((one) => one.algorithm === algorithm && equalBytes(one.bytes, bytes))?.setting;
  };

/** The field functions of the older systems under their names. */
export function profileFields(deps: {
  readonly vault: Vault;
  readonly keys: Keys;
  readonly clock: Clock;
  readonly random: Random;
  /** As it is now: what they write may be changed by a reload. */
  readonly config: () => Config;
}): FieldFunctionsOf {
  const { config, ...rest } = deps;
  return (profile) => {
    const now = config();
    const writes = now.profile[profile].fieldForm;
    const writingKey = handedIn(now).find((given) => given.profile === profile); // not whatever else was imported
    return createFieldFunctions({ ...rest, tenant: MAIN_TENANT, profile, writes, writingKey, by: HOUSE });
  };
}
