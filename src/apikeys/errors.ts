import { defineFaults } from '../kernel/errors.ts';

export const apiKeyFault = defineFaults({
  APIKEY_INVALID: ['unauthenticated', 'The API key is not valid.'],
  APIKEY_UNKNOWN: ['missing', 'There is no such API key.'],
  APIKEY_IMPORT_REFUSED: ['unprocessable', 'The legacy keys cannot be taken over as they are.'],
});
