/** Seal and open 64 bytes: Twinkeep's field (bound to its place, the tenant looked up or kept), the bare cipher, npm's Fernet. */
import { createCipheriv, createDecipheriv, createSecretKey, randomBytes, randomFillSync } from 'node:crypto';
import fernet from 'fernet';
import { tenantId } from '../../src/kernel/brand.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { createSystemRandom } from '../../src/kernel/random.ts';
import { createSqliteStorage } from '../../src/storage/index.ts';
import { createMasterKey, openVault, singleMaster, vaultMigrations } from '../../src/vault/index.ts';
import { type MicroCases, TEXT } from './case.ts';

const TENANT = tenantId('plant-1');
const PLACE = { table: 'reading', column: 'location', row: 'STEEL-GWANGYANG-01|1514764800000' };

async function vault() {
  const random = createSystemRandom();
  const storage = createSqliteStorage({ file: ':memory:', clock: systemClock });
  await storage.migrate(vaultMigrations);
  return openVault({
    storage,
    masters: singleMaster(createMasterKey(random.bytes(32), random)),
    clock: systemClock,
    random,
  });
}

// The bare cipher does the same calls: key object, pooled nonces, and a place that is in bytes already.
const key = createSecretKey(randomBytes(32));
const aad = Buffer.from(['tk1', 'v_20261121_120000_a1b2', TENANT, ...Object.values(PLACE)].join('\0'));
const OPTIONS = { authTagLength: 16 };
const nonces = Buffer.alloc(12 * 1_024);
let drawn = nonces.length;

function nextNonce(): Buffer {
  if (drawn === nonces.length) {
    randomFillSync(nonces);
    drawn = 0;
  }
  drawn += 12;
  return nonces.subarray(drawn - 12, drawn);
}

function bareSeal(text: string): Buffer {
  const nonce = nextNonce();
  const cipher = createCipheriv('aes-256-gcm', key, nonce, OPTIONS).setAAD(aad);
  return Buffer.concat([nonce, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()]);
}

function bareOpen(sealed: Buffer): string {
  const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, 12), OPTIONS).setAAD(aad);
  decipher.setAuthTag(sealed.subarray(-16));
  return decipher.update(sealed.subarray(12, -16), undefined, 'utf8') + decipher.final('utf8');
}

const fernetSecret = () => new fernet.Secret(randomBytes(32).toString('base64'));

export const sealCases: MicroCases = {
  'seal/twinkeep': async () => {
    const { fields } = await vault();
    return { waits: true, run: async () => (await fields(TENANT)).seal(PLACE, TEXT) };
  },
  'seal/sealer': async () => {
    const sealer = await (await vault()).fields(TENANT);
    return { waits: false, run: () => sealer.seal(PLACE, TEXT) };
  },
  'seal/node': async () => ({ waits: false, run: () => bareSeal(TEXT) }),
  'seal/fernet': async () => {
    const secret = fernetSecret();
    return { waits: false, run: () => new fernet.Token({ secret, ttl: 0 }).encode(TEXT) };
  },
  'open/twinkeep': async () => {
    const { fields } = await vault();
    const sealed = (await fields(TENANT)).seal(PLACE, TEXT);
    return { waits: true, run: async () => (await fields(TENANT)).open(PLACE, sealed) };
  },
  'open/sealer': async () => {
    const sealer = await (await vault()).fields(TENANT);
    const sealed = sealer.seal(PLACE, TEXT);
    return { waits: false, run: () => sealer.open(PLACE, sealed) };
  },
  'open/node': async () => {
    const sealed = bareSeal(TEXT);
    return { waits: false, run: () => bareOpen(sealed) };
  },
  'open/fernet': async () => {
    const secret = fernetSecret();
    const token = new fernet.Token({ secret, ttl: 0 }).encode(TEXT);
    return { waits: false, run: () => new fernet.Token({ secret, ttl: 0, token }).decode() };
  },
};
