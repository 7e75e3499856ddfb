import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { parseCheckpoint } from '../audit/index.ts';
import { epochMs } from '../kernel/brand.ts';
import { days, rfc3339 } from '../kernel/clock.ts';
import { isFault } from '../kernel/errors.ts';
import type { Actor } from '../kernel/principal.ts';
import { newUuid } from '../kernel/random.ts';
import { platform } from '../kernel/tx.ts';
import { openSnapshot } from '../storage/index.ts';
import { writeArchive } from './archive.ts';
import type { BackupDeps } from './backups.ts';
import { reasonOf } from './backups-reason.ts';
import { scratchOf } from './config.ts';
import { backupFault } from './errors.ts';
import { joinNeeded, type KeystoreKeeper, keyTablesOf } from './keystore.ts';
import { type Identities, identityOf, proofOf, recipientsOf } from './keystore-identities.ts';
import { type Backup, type BackupKind, backupStore } from './store.ts';

export interface CreateDeps extends BackupDeps {
  readonly keeper: KeystoreKeeper;
  readonly identities: Identities;
}

const FORGET_AFTER_MS = days(90);

/**
 * Makes one backup: the intent first, durable, then the keys, then the values, then the outcome. Whatever goes wrong
 * on the way, files from before are left alone, and half a file never bears the name of a backup.
 */
export async function createBackup(deps: CreateDeps, kind: BackupKind, actor: Actor): Promise<Backup> {
  const { storage, audit } = deps;
  const begun = await begin(deps, kind, actor);
  const object = { type: 'backup', id: begun.id };
  try {
    const made = await make(deps, begun);
    const facts = { size: made.size ?? 0, sha256: made.sha256 ?? '', audit_size: made.audit?.size ?? 0 };
    const isOurs = await storage.write(platform, async (tx) => {
      if (!(await backupStore.finish(tx, made))) return false;
      await audit.record(tx, { ...actor, action: 'backup.made', outcome: 'done', object, facts });
      return true;
    });
    // Another process took this one for dead: its row says so, and its file must not say otherwise.
    if (!isOurs) throw backupFault('BACKUP_FAILED', { reason: 'it took so long that another one was begun' });
    return made;
  } catch (error) {
    const reason = reasonOf(error);
    await rm(join(deps.folder, begun.file), { force: true }).catch(deps.onError);
    await storage.write(platform, async (tx) => {
      if (!(await backupStore.fail(tx, begun.id, reason))) return;
      await audit.record(tx, { ...actor, action: 'backup.failed', outcome: 'failed', object, facts: { reason } });
    });
    throw isFault(error) && /^(BACKUP|VAULT)_/.test(error.code)
      ? error
      : backupFault('BACKUP_FAILED', { reason }, error);
  }
}

/** Its row holds the keys it will need from the first moment on, so that none of them is destroyed meanwhile. */
async function begin({ storage, audit, clock, random, keeper }: CreateDeps, kind: BackupKind, actor: Actor) {
  const createdAt = clock.now();
  const id = newUuid(clock, random);
  const keys = await keeper.needed();
  const sequence = 1 + Math.max(await keeper.sequence(), await storage.read(platform, backupStore.lastSequence));
  const begun: Backup = {
    id,
    kind,
    file: `backup-${rfc3339(createdAt).replaceAll(/[-:]|\.\d+/g, '')}-${id.slice(-8)}.age`,
    createdAt,
    state: 'making',
    size: undefined,
    sha256: undefined,
    keys,
    tables: [],
    audit: undefined,
    reason: undefined,
    verifiedAt: undefined,
    drilledAt: undefined,
    drillResult: undefined,
    sequence,
    flaw: undefined,
  };
  await storage.write(platform, async (tx) => {
    // Whoever made these holds the lease no more: killed, or cut off.
    for (const dead of await backupStore.all(tx, 'making')) await backupStore.fail(tx, dead.id, 'it was cut off');
    await backupStore.forget(tx, epochMs(createdAt - FORGET_AFTER_MS));
    await backupStore.add(tx, begun);
    const object = { type: 'backup', id };
    await audit.record(tx, { ...actor, action: 'backup.started', outcome: 'intended', object, facts: { kind } });
  });
  return begun;
}

async function make(deps: CreateDeps, begun: Backup): Promise<Backup> {
  const { storage, audit, config, folder, keeper, identities, version, place, migrations } = deps;
  await audit.integrate();
  const note = await storage.read(platform, backupStore.auditHead);
  const head = note === undefined ? undefined : parseCheckpoint(note);
  const without = keyTablesOf(migrations);
  const snapshot = await openSnapshot({ of: place, migrations, without, scratch: scratchOf(config, folder) });
  try {
    // After the copy of the values, so that every key which they need is in it; before they can be seen as a backup.
    await keeper.refresh(true);
    const keys = joinNeeded(begun.keys, await keeper.needed());
    await storage.write(platform, (tx) => backupStore.extendKeys(tx, begun.id, keys));
    const master = await deps.master();
    const found = (await identities.all()).find((one) => one.master === master.id) ?? identityOf(master);
    const extras = {
      id: begun.id,
      proof: proofOf(found.identity, 'main', begun.id),
      origin: audit.key.keyName,
      audit: head === undefined || note === undefined ? null : { size: head.size, note },
      keys,
    };
    const { size, sha256 } = await writeArchive({
      file: join(folder, begun.file),
      recipients: await recipientsOf(master, config.recipients),
      header: {
        createdAt: rfc3339(begun.createdAt),
        dialect: snapshot.dialect,
        version,
        kind: 'main',
        migrations: snapshot.migrations,
        sequence: begun.sequence,
      },
      parts: snapshot.parts(),
      trailer: () => ({ tables: snapshot.tables, extras }),
    });
    const root = head === undefined ? '' : Buffer.from(head.root).toString('base64');
    const log = head === undefined ? undefined : { size: head.size, root };
    return { ...begun, state: 'made', size, sha256, keys, tables: snapshot.tables, audit: log };
  } finally {
    await snapshot.close();
  }
}
