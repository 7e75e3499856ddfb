import { defineFaults } from '../kernel/errors.ts';

/** The errors of the crypto room. `CRYPTO_BUSY` carries `retry_after_s`. */
export const cryptoFault = defineFaults({
  CRYPTO_BUSY: ['unavailable', 'Too many passwords are being checked; try again shortly.'],
  CRYPTO_COST_REFUSED: ['unprocessable', 'The hash asks for more work, or less, than is allowed.'],
  CRYPTO_PASSWORD_TOO_LONG: ['unprocessable', 'The password is longer than its kind of hash can hold whole.'],
});
