import { defineFaults } from '../kernel/errors.ts';

export const passkeyFault = defineFaults({
  MFA_PASSKEY_REFUSED: ['unprocessable', 'This passkey cannot be taken. Begin again with new options.'],
  MFA_PASSKEY_LIMIT: ['conflict', 'There are as many passkeys as one person can have. Remove one first.'],
  MFA_PASSKEY_TAKEN: ['conflict', 'This passkey is registered already.'],
  MFA_PASSKEYS_OFF: ['unavailable', 'Passkeys are not offered here: the address of this server can have none.'],
});
