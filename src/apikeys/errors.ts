import { defineFaults, isFault } from '../kernel/errors.ts';

export const apiKeyFault = defineFaults({
  APIKEY_INVALID: ['unauthenticated', 'The API key is not valid.'],
  APIKEY_UNKNOWN: ['missing', 'There is no such API key.'],
  APIKEY_IMPORT_REFUSED: ['unprocessable', 'The legacy keys cannot be taken over as they are.'],
});

/** Stays inside, as a cause: whoever is refused is told the same as for a key that never was. */
class EndedKey extends Error {
  override readonly name = 'EndedKey';
}

export const endedKeyFault = () => apiKeyFault('APIKEY_INVALID', {}, new EndedKey('the key was revoked, or ran out'));

/** Whether a refused key was good once: whoever sends it has yet to notice that it ended, and guesses nothing. */
export const isEndedKey = (error: unknown): boolean =>
  isFault(error, 'APIKEY_INVALID') && error.cause instanceof EndedKey;
