import { defineFaults } from '../kernel/errors.ts';

export const backupFault = defineFaults({
  BACKUP_RUNNING: ['conflict', 'Another backup or drill is running.'],
  BACKUP_UNKNOWN: ['missing', 'There is no such backup.'],
  BACKUP_UNREADABLE: ['unprocessable', 'The backup cannot be read: it is cut, altered, or sealed for another key.'],
  BACKUP_FOREIGN: ['unprocessable', 'The two files are not a backup and the keystore that belongs to it.'],
  BACKUP_NEWER: ['unprocessable', 'The backup was made by a newer version of Twinkeep.'],
  BACKUP_MASTER_CHANGING: ['conflict', 'Keys are passing to a new master key; try again when that is done.'],
  BACKUP_FAILED: ['unavailable', 'The backup could not be made; those from before are as they were.'],
  BACKUP_TARGET: ['conflict', 'There is something where the backup should be restored to.'],
  BACKUP_RESTORE_FAILED: ['unavailable', 'The backup could not be restored; nothing was left at the target.'],
  BACKUP_UNSUPPORTED: ['unprocessable', 'This database cannot be backed up.'],
});
