import { join } from 'node:path';
import type { Random } from '../kernel/random.ts';
import type { Storage } from '../storage/index.ts';
import {
  createMasterKey,
  generateMasterKeyFile,
  hasSealedKeys,
  type MasterKey,
  masterKeyFileExists,
  parseMasterKey,
  readMasterKeyFile,
  vaultFault,
} from '../vault/index.ts';
import type { Config } from './config.ts';

/**
 * The master key: from the environment, else from its file, which is generated once.
 *
 * @throws VAULT_MASTER_KEY also when the file is gone while the database holds keys that only it opens: a new one in
 *   its place would make everything sealed unreadable, silently
 */
export async function openMaster(
  config: Config,
  storage: Storage,
  random: Random,
  ownFolder: boolean,
): Promise<MasterKey> {
  if (config.masterKey !== undefined) return createMasterKey(parseMasterKey(config.masterKey).reveal(), random);
  if (!ownFolder) return createMasterKey(random.bytes(32), random);
  const file = join(config.data, 'master.key');
  if (!masterKeyFileExists(file)) {
    if (await hasSealedKeys(storage)) {
      throw vaultFault('VAULT_MASTER_KEY', { reason: `${file} is missing; put it back from its backup` });
    }
    generateMasterKeyFile(file, random);
  }
  return createMasterKey(readMasterKeyFile(file).reveal(), random);
}
