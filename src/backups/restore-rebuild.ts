import { openLogKey, verifyLog } from '../audit/index.ts';
import type { Clock } from '../kernel/clock.ts';
import type { Random } from '../kernel/random.ts';
import { createTableCopy, type Migration, type Storage, type TableRows } from '../storage/index.ts';
import { type MasterKeys, openVault, type Vault } from '../vault/index.ts';
import { backupFault } from './errors.ts';
import { erasedKeysIn, type Keystore, keyTablesOf } from './keystore.ts';
import type { Source } from './restore-source.ts';

export interface RebuildDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly masters: MasterKeys;
  readonly migrations: readonly Migration[];
}

/** A database made out of a backup, with its keys, whose log was found whole. */
export interface Rebuilt {
  readonly storage: Storage;
  readonly vault: Vault;
  readonly audit: { readonly entries: number; readonly head: string | undefined; readonly flaws: readonly string[] };
}

/** How far a rewrap had come says nothing about values that are older than it. */
const NOT_RESTORED = new Set(['vault_rewrap', 'vault_unreadable']);

/**
 * Puts the keys in, which are newer than the values: what was destroyed since stays destroyed. Then reads the whole
 * audit log.
 *
 * @throws BACKUP_FOREIGN where the log was signed by another key than that of the archive
 */
export async function rebuild(
  deps: RebuildDeps,
  storage: Storage,
  keystore: Keystore,
  source: Source,
): Promise<Rebuilt> {
  const { tables } = keystore;
  const copy = createTableCopy({ migrations: deps.migrations, names: keyTablesOf(deps.migrations) });
  const gone = new Set(erasedKeysIn(tables));
  const kept = tables.filter(({ name }) => !NOT_RESTORED.has(name)).map((table) => freshen(table, gone));
  await copy.write(storage, kept);
  const vault = await openVault({ storage, ...deps });
  const key = await openLogKey({ storage, vault, ...deps });
  if (key.keyName !== source.origin) throw backupFault('BACKUP_FOREIGN', { reason: 'its log is another one' });
  // The file was checked when it was written, in a thread of its own: here a server may be waiting.
  const checked: Storage = { ...storage, integrity: async () => [] };
  const report = await verifyLog(checked, { key, since: source.auditNote });
  const flaws = report.flaws.map(({ where, reason }) => `${where}: ${reason}`);
  return { storage, vault, audit: { entries: report.entries, head: report.head, flaws } };
}

/** A version that is empty now may have values in an older backup. A key that has a tombstone never comes back. */
function freshen({ name, rows }: TableRows, gone: ReadonlySet<string>): TableRows {
  switch (name) {
    case 'vault_data_key':
      return { name, rows: rows.map((row) => ({ ...row, emptied_at: null })) };
    case 'vault_named_key':
      return { name, rows: rows.filter((row) => !gone.has(`${row['purpose']} ${row['name']}`)) };
    default:
      return { name, rows };
  }
}
