import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { DEFAULT_TENANT } from '../../../src/app/index.ts';
import type { Actor } from '../../../src/kernel/principal.ts';
import { gcmDecrypt, gcmEncrypt } from '../old-ciphers.ts';
import { FIELD_KEY, startProfile } from '../profile-kit.ts';

const BY: Actor = { principal: { kind: 'operator', tenantId: DEFAULT_TENANT } };

// Attack: a key of somebody else is imported to read by, and from then on the columns are written under it.
test('what is written stays under ENCRYPTION_KEY, whatever else is imported to read by', async () => {
  const kit = await startProfile('digital-twin-v2', { encryptionKey: FIELD_KEY });
  try {
    const fields = kit.twinkeep.house.fieldFunctions('digital-twin-v2');
    const other = randomBytes(32);
    kit.clock.advance(60_000);
    await kit.twinkeep.house.keys.importLegacy(DEFAULT_TENANT, { algorithm: 'aes-gcm', bytes: other }, BY);
    assert.equal(gcmDecrypt(FIELD_KEY, await fields.encryptData('Ada')), 'Ada');
    assert.equal(await fields.decryptData(gcmEncrypt(other.toString('base64'), 'old')), 'old');
  } finally {
    await kit.close();
  }
});

test('the key that ENCRYPTION_KEY hands in is not destroyed: the next start would bring it back', async () => {
  const kit = await startProfile('digital-twin-v2', { encryptionKey: FIELD_KEY });
  try {
    const { keys } = kit.twinkeep.house;
    const [key] = await keys.legacyKeys(DEFAULT_TENANT);
    assert.ok(key !== undefined);
    await assert.rejects(keys.destroy(DEFAULT_TENANT, key.version, { externalRewrapped: true }, BY), {
      code: 'VAULT_KEY_NEEDED',
      facts: { version: key.version, setting: 'profile.digital-twin-v2.encryptionKey' },
    });
  } finally {
    await kit.close();
  }
});
