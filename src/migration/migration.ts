import { existsSync, rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock, rfc3339 } from '../kernel/clock.ts';
import { type BackupWriter, createBackupFile, readBackupFile, undoHeader } from './backup-file.ts';
import { changeRows } from './change.ts';
import { backupFault, baseNameOf, finishFile, makeFolder, removeRemains, syncPath } from './private-folder.ts';
import { createLeftList, createTally, type LeftList, type MigrationReport, sumOf, type Tally } from './report.ts';
import { type Ground, scan } from './scan.ts';
import { lockTable } from './sqlite-lock.ts';
import { type MigrationState, openStateFile, type StateFile } from './state-file.ts';
import { undo } from './undo.ts';

/** What a migration is doing. */
export type Phase = 'checking' | 'copying the database' | 'migrating' | 'verifying' | 'undoing';

export interface MigrationDeps extends Ground {
  /** Where backups, undo files and the state of a migration that was cut off are kept. */
  readonly folder: string;
  /** Whose keys seal; an undo file is of one tenant. */
  readonly tenant: string | undefined;
  readonly clock: Clock;
  readonly onProgress: (phase: Phase, done: number, total: number) => void;
  /** Takes a sentence for whoever runs it. */
  readonly onWarning: (sentence: string) => void;
  /** Called when everything is backed up and before the first value is changed. */
  readonly beforeChange: () => Promise<void>;
}

/** Moves columns of somebody else's table from a legacy cipher to envelopes, in place, while it is in use. */
export interface Migration {
  /**
   * Backs up, then changes, then looks at every value again. Other programs that write legacy values meanwhile are
   * followed for some rounds.
   *
   * @throws MIGRATION_TABLE, MIGRATION_RUNNING, MIGRATION_BACKUP, MIGRATION_DATABASE, and what the vault throws when it is away
   */
  migrate(): Promise<MigrationReport>;
  /** Opens everything and writes nothing. */
  look(): Promise<MigrationReport>;
  /** Puts old values back wherever the envelope still says the same. @throws MIGRATION_UNDO, MIGRATION_RUNNING */
  undo(): Promise<MigrationReport>;
}

/** A program that goes on writing legacy values is followed so many times; what is left then is told. */
const MAX_ROUNDS = 5;

export function createMigration(deps: MigrationDeps): Migration {
  const { database, fields, folder, tenant, legacy } = deps;
  const identity = [
    database.kind,
    database.name,
    fields.table,
    fields.key,
    fields.columns,
    tenant ?? null,
    legacy.form,
  ];
  return {
    migrate: async () => {
      await database.check(legacy.growth);
      makeFolder(folder);
      return alone(deps, () => {
        removeRemains(folder, fields.table);
        return createRun(deps, openStateFile(folder, fields.table, identity))();
      });
    },
    look: async () => {
      await database.check(legacy.growth);
      const total = await database.count();
      const tally = await scan(deps, { onProgress: (rows) => deps.onProgress('checking', rows, total) });
      return reportOf({ tally, state: undefined, refused: createLeftList() });
    },
    undo: async () => {
      await database.check(0);
      return alone(deps, () => undoAll(deps, openStateFile(folder, fields.table, identity)));
    },
  };
}

/** Does work while nobody else migrates or undoes the table with these backups. @throws MIGRATION_RUNNING */
async function alone<Result>({ folder, fields }: MigrationDeps, work: () => Promise<Result>): Promise<Result> {
  if (!existsSync(folder)) return work(); // an undo that finds nothing; a migration has made it
  const unlock = lockTable(folder, fields.table);
  try {
    return await work();
  } finally {
    unlock();
  }
}

async function undoAll(deps: MigrationDeps, memory: StateFile): Promise<MigrationReport> {
  const { restored, undos } = await undo(deps);
  const total = await deps.database.count();
  const onProgress = (rows: number): void => deps.onProgress('verifying', rows, total);
  const tally = await scan(deps, { onProgress, listsEnvelopes: true });
  if (tally !== undefined) memory.remove();
  const report = reportOf({ tally, state: undefined, refused: createLeftList() });
  return { ...report, restored, undo: undos };
}

interface Ending {
  readonly tally: Tally | undefined;
  readonly state: MigrationState | undefined;
  readonly refused: LeftList;
}

/** One migration from wherever it stands: changes what an undo file holds, looks again, until nothing is left. */
function createRun(deps: MigrationDeps, memory: StateFile): () => Promise<MigrationReport> {
  let state = memory.read();
  let refused = createLeftList();

  /** @returns false where it was asked to stop */
  async function change(from: MigrationState): Promise<boolean> {
    refused = createLeftList();
    for await (const rows of readBackupFile(from.undo, from.next, deps.batch)) {
      if (deps.stopped()) return false;
      const before: MigrationState = state ?? from;
      const migrated = await changeRows(deps, rows, refused);
      state = { ...before, next: before.next + rows.length, migrated: before.migrated + migrated };
      memory.save(state);
      deps.onProgress('migrating', state.next, state.rows);
    }
    return true;
  }

  return async () => {
    let tally: Tally | undefined;
    for (let round = 1; ; round++) {
      const before = state?.migrated ?? 0;
      if (state !== undefined && state.next < state.rows) {
        await deps.beforeChange();
        if (!(await change(state))) return reportOf({ tally: undefined, state, refused });
      }
      const isStuck = round > 1 && (state?.migrated ?? 0) === before; // what is left, the database does not take
      const prepared = await prepare(deps, state, round > MAX_ROUNDS || isStuck);
      tally = prepared.tally;
      if (tally === undefined) return reportOf({ tally, state, refused });
      if (prepared.next === undefined) break;
      state = prepared.next;
      memory.save(state);
    }
    memory.remove();
    return reportOf({ tally, state, refused });
  };
}

interface Prepared {
  /** Undefined where it was asked to stop. */
  readonly tally: Tally | undefined;
  /** Undefined where nothing is left to change. */
  readonly next: MigrationState | undefined;
}

/** Looks at every row, and takes down the old values of those that are to be changed. */
async function prepare(deps: MigrationDeps, state: MigrationState | undefined, isLast: boolean): Promise<Prepared> {
  const { database, fields, folder, tenant, clock } = deps;
  const total = await database.count();
  const phase = state === undefined ? 'checking' : 'verifying';
  const base = baseNameOf(fields.table, clock.now());
  const head = undoHeader(database.name, fields, tenant, rfc3339(clock.now()));
  const writer = isLast ? undefined : await createBackupFile(folder, base, head);
  const tally = await orDiscard(writer, () =>
    scan(deps, {
      onLegacy: async (row) => writer?.add(row),
      onProgress: (rows) => deps.onProgress(phase, rows, total),
    }),
  );
  if (writer === undefined || tally === undefined || writer.rows === 0) {
    await writer?.discard();
    return { tally, next: undefined };
  }
  const copy = state === undefined ? await orDiscard(writer, () => copyDatabase(deps, base, total)) : state.copy;
  const rows = writer.rows;
  const undo = await writer.finish();
  const undos = [...(state?.undos ?? []), undo];
  return { tally, next: { undo, next: 0, rows, migrated: state?.migrated ?? 0, copy, undos } };
}

async function orDiscard<Result>(writer: BackupWriter | undefined, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    await writer?.discard();
    throw error;
  }
}

/** @returns the copy's path, once it is on the disk; null where the database cannot be copied by us */
async function copyDatabase({ database, folder, onProgress }: MigrationDeps, base: string, rows: number) {
  if (database.copyTo === undefined) return null;
  onProgress('copying the database', 0, rows);
  const path = join(folder, `${base}.db`);
  const partial = `${path}.partial`;
  try {
    rmSync(partial, { force: true });
    await (await open(partial, 'wx', 0o600)).close(); // its owner's alone before there is anything in it
    await database.copyTo(partial);
    syncPath(partial);
    finishFile(partial, path);
  } catch (error) {
    rmSync(partial, { force: true });
    throw backupFault(error);
  }
  return path;
}

function reportOf({ tally, state, refused }: Ending): MigrationReport {
  const found = tally ?? createTally([]);
  const migrated = state?.migrated ?? 0;
  return {
    finished: tally !== undefined,
    rows: found.rows,
    migrated,
    restored: 0,
    already: Math.max(0, sumOf(found, 'envelope') - migrated),
    columns: [...found.columns].map(([column, counts]) => ({ column, ...counts })),
    notOpened: [...refused.shown, ...found.left.shown].slice(0, 100),
    notOpenedTotal: refused.total + found.left.total,
    undo: state?.undos ?? [],
    copy: state?.copy ?? undefined,
  };
}
