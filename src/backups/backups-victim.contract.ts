/** A process that makes one backup after the other and names each, to be killed by its parent. */
import { minutes } from '../kernel/clock.ts';
import { isFault } from '../kernel/errors.ts';
import { openBackupKit, operator } from './backups-kit.contract.ts';

const kit = await openBackupKit({ folder: String(process.argv[2]) });
for (;;) {
  kit.clock.advance(minutes(1));
  try {
    process.stdout.write(`${(await kit.backups.create(operator)).file}\n`);
  } catch (error) {
    if (!isFault(error, 'BACKUP_RUNNING')) throw error; // the lease of the one that was killed before
  }
}
