import { defineFaults } from '../kernel/errors.ts';

export const storageFault = defineFaults({
  STORAGE_TEXT_REFUSED: [
    'unprocessable',
    'The text contains a character that cannot be stored (NUL or a lone surrogate).',
  ],
  STORAGE_NUMBER_REFUSED: ['unprocessable', 'The number cannot be stored exactly.'],
  STORAGE_CONFLICT: ['conflict', 'The change conflicts with one that is already there.'],
  STORAGE_BUSY: ['unavailable', 'The database has too much to do; try again shortly.'],
  STORAGE_UNAVAILABLE: ['unavailable', 'The database cannot be reached at the moment.'],
  STORAGE_FULL: ['unavailable', 'The database has no room left.'],
  STORAGE_NEWER: ['internal', 'The database was written by a newer version of Twinkeep.'],
  STORAGE_LOCKED: ['internal', 'The data folder belongs to another running Twinkeep.'],
  STORAGE_WAITED: ['internal', 'A write waited for something outside its transaction.'],
  STORAGE_SCOPE: ['internal', 'A statement was run outside its scope.'],
  STORAGE_BROKEN: ['internal', 'The database refused a statement.'],
});
