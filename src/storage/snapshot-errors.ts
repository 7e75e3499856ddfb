import { defineFaults } from '../kernel/errors.ts';

export const snapshotFault = defineFaults({
  STORAGE_DAMAGED: ['internal', 'The copy of the database is damaged.'],
  STORAGE_OCCUPIED: ['conflict', 'There is a database already where one is to be restored.'],
  STORAGE_UNFINISHED: [
    'conflict',
    'A restore into this database has not come to its end; let it finish, or restore again.',
  ],
  STORAGE_FOREIGN: ['unprocessable', 'The copy does not fit the database that this program makes.'],
});
