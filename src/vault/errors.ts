import { defineFaults } from '../kernel/errors.ts';

export const vaultFault = defineFaults({
  VAULT_UNREADABLE: ['unprocessable', 'The sealed value does not open here.'],
  VAULT_KEY_UNKNOWN: ['unprocessable', 'The sealed value names a key version that is not known.'],
  VAULT_FIELD_TOO_LARGE: ['too-large', 'The value is too large to be sealed as a field.'],
  VAULT_TEXT_INVALID: ['unprocessable', 'Text with lone surrogates cannot be sealed.'],
  VAULT_MASTER_KEY: ['internal', 'The master key is not usable.'],
  VAULT_SUBJECT_ERASED: ['missing', 'The key of this subject has been destroyed.'],
  VAULT_PROVIDER_AWAY: ['unavailable', 'The provider of the master key does not answer.'],
  VAULT_KEY_SPENT: ['unavailable', 'The key has sealed as many values as it may, and its successor is not there yet.'],
  VAULT_KEY_NEEDED: ['conflict', 'The key version is still needed.'],
  VAULT_KEY_MISSING: ['missing', 'There is no such key version.'],
  VAULT_KEY_INVALID: ['invalid', 'The key cannot be imported.'],
  VAULT_SHARES: ['invalid', 'The recovery shares do not give a master key.'],
  VAULT_REWRAP_RUNNING: ['conflict', 'Values are being sealed anew already.'],
});
