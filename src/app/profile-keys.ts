import { parseFernetKey } from '../crypto/index.ts';
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

/**
 * Takes the keys that older systems sealed fields under as versions that only read, so that their values open (X11). The
 * same key is not taken twice.
 *
 * @throws VAULT_KEY_INVALID naming the setting of a key that is none, VAULT_PROVIDER_AWAY
 */
export async function importProfileKeys({ profile, profiles }: Config, keys: Keys): Promise<void> {
  const served = new Set(profiles.filter(isLegacy));
  const fernet = served.has('digital-twin-v1') ? profile['digital-twin-v1'].encryptionKey : undefined;
  const gcm = served.has('digital-twin-v2') ? profile['digital-twin-v2'].encryptionKey : undefined;
  if (fernet !== undefined) {
    const bytes = parseFernetKey(fernet.reveal());
    const reason = 'profile.digital-twin-v1.encryptionKey is no Fernet key: 32 bytes in base64url';
    if (bytes === undefined) throw vaultFault('VAULT_KEY_INVALID', { reason });
    await keys.importLegacy(MAIN_TENANT, { algorithm: 'fernet', bytes }, HOUSE);
  }
  if (gcm !== undefined) {
    await keys.importLegacy(MAIN_TENANT, { algorithm: 'aes-gcm', bytes: parseMasterKey(gcm).reveal() }, HOUSE);
  }
}

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
    const writes = config().profile[profile].fieldForm;
    return createFieldFunctions({ ...rest, tenant: MAIN_TENANT, profile, writes, by: HOUSE });
  };
}
