import type { Command } from './command.ts';

/** The commands about backups, in the order of the help. */
export const BACKUP_COMMANDS: readonly Command[] = [
  {
    name: 'backup create',
    operands: [],
    summary: 'Make an encrypted backup now, beside whatever runs.',
    options: {},
    example: 'twinkeep backup create',
    load: async () => (await import('./backup.ts')).createBackup,
  },
  {
    name: 'backup list',
    operands: [],
    summary: 'List backups: when they were made, verified and restored for trial.',
    options: {},
    example: 'twinkeep backup list',
    load: async () => (await import('./backup.ts')).listBackups,
  },
  {
    name: 'backup verify',
    operands: ['<ID|FILE|newest>'],
    summary: 'Read a backup to its end, and say whether it is as it was made.',
    options: {},
    example: 'twinkeep backup verify newest',
    load: async () => (await import('./backup.ts')).verifyBackup,
  },
  {
    name: 'backup drill',
    operands: [],
    summary: 'Restore the newest backup into a place that is thrown away, and compare.',
    options: {},
    example: 'twinkeep backup drill',
    load: async () => (await import('./backup.ts')).drillBackup,
  },
  {
    name: 'backup restore',
    operands: ['<FILE>'],
    summary: 'Restore a backup to the data folder and database of the configuration; no server may run there.',
    options: {
      keystore: { value: 'FILE', summary: 'The keystore (default: keystore.age beside the backup).' },
      share: { value: 'FILE', several: true, summary: 'A recovery share of the master key; as many as are needed.' },
      'master-key-file': { value: 'FILE', summary: 'The master key.' },
      identity: { value: 'FILE', summary: 'An age identity that backups.recipients names.' },
      replace: { summary: 'Move aside what is there, instead of refusing.' },
    },
    example: 'twinkeep backup restore backup-….age --share share-1.txt --share share-2.txt',
    load: async () => (await import('./backup-restore.ts')).restore,
  },
  {
    name: 'backup identity',
    operands: [],
    summary: 'Print what opens backups with the age command; keep it like the master key.',
    options: {},
    example: 'twinkeep backup identity > backup-identity.txt',
    load: async () => (await import('./backup.ts')).showIdentity,
  },
];
