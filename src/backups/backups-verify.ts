import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { epochMs } from '../kernel/brand.ts';
import type { Actor } from '../kernel/principal.ts';
import { newUuid } from '../kernel/random.ts';
import { platform } from '../kernel/tx.ts';
import { verifyArchive } from './archive-reader.ts';
import type { BackupDeps } from './backups.ts';
import { backupFault } from './errors.ts';
import type { Identities } from './keystore-identities.ts';
import { type Backup, backupStore, readKeys } from './store.ts';

export interface VerifyDeps extends Pick<BackupDeps, 'storage' | 'audit' | 'clock' | 'random' | 'folder'> {
  readonly identities: Identities;
  readonly strangers: () => Promise<readonly string[]>;
}

/** Reads one backup to its end. @param name id, name of a file in the folder, or `newest` */
export async function verifyBackup(deps: VerifyDeps, actor: Actor, name: string): Promise<Backup> {
  const { storage, audit, clock, folder, identities } = deps;
  const known = await storage.read(platform, async (tx) =>
    name === 'newest' ? (await backupStore.all(tx, 'made', 1))[0] : backupStore.find(tx, name),
  );
  const isStranger = known === undefined && (await deps.strangers()).includes(name);
  const file = known?.state === 'made' ? known.file : isStranger ? name : undefined;
  if (file === undefined) throw backupFault('BACKUP_UNKNOWN');

  const path = join(folder, file);
  const { size } = await stat(path).catch((error: unknown) => Promise.reject(backupFault('BACKUP_UNKNOWN', {}, error)));
  const opened = (await identities.all()).map(({ identity }) => identity);
  const { header, trailer } = await verifyArchive(path, opened);
  const extras = Object(trailer.extras);
  if (header.kind !== 'main' || String(extras.origin) !== audit.key.keyName) {
    throw backupFault('BACKUP_FOREIGN', { reason: 'it is no backup of this Twinkeep' });
  }
  const at = clock.now();
  const backup: Backup = known ?? {
    id: /^[0-9a-f-]{36}$/.test(String(extras.id)) ? String(extras.id) : newUuid(clock, deps.random),
    kind: 'found',
    file,
    createdAt: epochMs(Date.parse(header.createdAt)),
    state: 'made',
    size,
    sha256: undefined,
    keys: readKeys(extras.keys),
    tables: trailer.tables,
    audit: undefined,
    reason: undefined,
    verifiedAt: undefined,
    drilledAt: undefined,
    drillResult: undefined,
  };
  await storage.write(platform, async (tx) => {
    await backupStore.add(tx, backup); // leaves one alone that is there
    await backupStore.verified(tx, backup.id, at);
    const object = { type: 'backup', id: backup.id };
    await audit.record(tx, { ...actor, action: 'backup.verified', outcome: 'done', object });
  });
  return { ...backup, verifiedAt: at };
}
