import { findBackupFiles, type OldRow, readBackupFile, type UndoHeader } from './backup-file.ts';
import { type Change, keyId } from './database.ts';
import { migrationFault } from './errors.ts';
import type { MigrationDeps } from './migration.ts';
import { isEnvelope, placeOf } from './scan.ts';

/**
 * Puts old values back wherever the envelope still says what they say. Done twice, it does nothing the second time, so
 * it may be cut off anywhere.
 *
 * @throws MIGRATION_UNDO where no undo file fits, or one is damaged
 */
export async function undo(
  deps: MigrationDeps,
): Promise<{ readonly restored: number; readonly undos: readonly string[] }> {
  const { database, fields, folder, tenant, batch, stopped, onProgress, onWarning } = deps;
  const fits = (of: UndoHeader): boolean =>
    of.database === database.name &&
    of.table === fields.table &&
    of.tenant === (tenant ?? null) &&
    of.key.join('\0') === fields.key.join('\0') &&
    fields.columns.some((column) => of.columns.includes(column));
  const files = await findBackupFiles(folder, fields.table, fits, (path) =>
    onWarning(`The undo file ${path} is damaged; by its name it is of another table, so it is passed over.`),
  );
  if (files.length === 0) {
    const reason = `No undo file in ${folder} is of this table, key and tenant in ${database.name}.`;
    throw migrationFault('MIGRATION_UNDO', { reason });
  }
  const total = await database.count();
  let restored = 0;
  let rows = 0;
  for (const { path, header } of files) {
    for await (const old of readBackupFile(path, 0, batch)) {
      if (stopped()) return { restored, undos: files.map((file) => file.path) };
      restored += await restoreRows(deps, header, old);
      rows += old.length;
      onProgress('undoing', rows, Math.max(total, rows));
    }
  }
  return { restored, undos: files.map((file) => file.path) };
}

async function restoreRows(
  { database, fields, envelopes, legacy }: MigrationDeps,
  header: UndoHeader,
  rows: readonly OldRow[],
): Promise<number> {
  const present = await database.find(rows.map(({ key }) => key));
  const found = rows.flatMap(({ key, values }) =>
    fields.columns.flatMap((column, at) => {
      const cell = present.get(keyId(key))?.cells[at];
      const old = values[header.columns.indexOf(column)];
      if (cell?.kind !== 'text' || !isEnvelope(cell.text) || typeof old !== 'string') return [];
      return [{ key, column, old, sealed: cell.text }];
    }),
  );
  const opened = await envelopes.open(
    found.map(({ key, column, sealed }) => ({ ...placeOf(fields, key, column), sealed })),
  );
  const changes = found.flatMap(({ key, column, old, sealed }, at): readonly Change[] => {
    const [now, before] = [opened[at], legacy.open(old)];
    const isSame = now?.kind === 'text' && before?.kind === 'text' && now.text === before.text;
    return isSame ? [{ key, column, from: sealed, to: old }] : []; // what was written since must not be lost
  });
  const outcomes = await database.apply(changes);
  return outcomes.filter(({ kind }) => kind === 'done').length;
}
