import { defineFaults } from '../kernel/errors.ts';

export const vaultFault = defineFaults({
  VAULT_UNREADABLE: ['unprocessable', 'The sealed value does not open here.'],
  VAULT_KEY_UNKNOWN: ['unprocessable', 'The sealed value names a key version that is not known.'],
  VAULT_FIELD_TOO_LARGE: ['too-large', 'The value is too large to be sealed as a field.'],
  VAULT_MASTER_KEY: ['internal', 'The master key is not usable.'],
  VAULT_SUBJECT_ERASED: ['missing', 'The key of this subject has been destroyed.'],
});
