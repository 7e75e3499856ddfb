import { createReadStream, existsSync, readdirSync, rmSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { createGunzip, gzip } from 'node:zlib';
import { z } from 'zod';
import { isFault } from '../kernel/errors.ts';
import { type FieldSet, type Key, keyOf, partsOf } from './database.ts';
import { migrationFault } from './errors.ts';
import { backupFault, finishFile, isNamedFor } from './private-folder.ts';

/** A row as it was: the old value of each column that is changed, in the order of the header's columns. */
export interface OldRow {
  readonly key: Key;
  readonly values: readonly (string | null)[];
}

const header = z.object({
  format: z.literal('twinkeep-undo-1'),
  database: z.string(),
  table: z.string(),
  key: z.array(z.string()),
  columns: z.array(z.string()),
  tenant: z.string().nullable(),
  made_at: z.string(),
});

/** What an undo file is of. */
export type UndoHeader = z.output<typeof header>;

const record = z.object({ k: z.array(z.string()), v: z.array(z.string().nullable()) });
const trailer = z.object({ rows: z.int().min(0) });

const ENDING = '.undo.ndjson.gz';
const FLUSH_BYTES = 262_144;
const compress = promisify(gzip);

/** Takes old values down before anything is changed. */
export interface BackupWriter {
  readonly rows: number;
  add(row: OldRow): Promise<void>;
  /** @returns the path, once everything is on the disk under its name */
  finish(): Promise<string>;
  /** Removes what was written. */
  discard(): Promise<void>;
}

/**
 * Begins `<base>.undo.ndjson.gz`, readable by its owner alone. Until it is finished it has another name.
 *
 * @throws MIGRATION_BACKUP
 */
export async function createBackupFile(folder: string, base: string, of: UndoHeader): Promise<BackupWriter> {
  const path = freePath(folder, base);
  const partial = `${path}.partial`;
  rmSync(partial, { force: true }); // of an attempt that was cut off
  const file = await orFault(open(partial, 'wx', 0o600));
  let waiting = `${JSON.stringify(of)}\n`;
  let rows = 0;
  const discard = async (): Promise<void> => {
    await file.close().catch(() => undefined);
    rmSync(partial, { force: true });
  };
  const flush = async (): Promise<void> => {
    const text = waiting;
    waiting = '';
    await writeMember(file, text);
  };
  const orDiscard = async (work: () => Promise<void>): Promise<void> => {
    try {
      await work();
    } catch (error) {
      await discard();
      throw backupFault(error);
    }
  };
  return {
    get rows() {
      return rows;
    },
    add: async ({ key, values }) => {
      waiting += `${JSON.stringify({ k: partsOf(key), v: values })}\n`;
      rows += 1;
      if (waiting.length >= FLUSH_BYTES) await orDiscard(flush);
    },
    finish: async () => {
      await orDiscard(async () => {
        waiting += `${JSON.stringify({ rows })}\n`;
        await flush();
        await file.sync();
        await file.close();
        finishFile(partial, path);
      });
      return path;
    },
    discard,
  };
}

/** Members of gzip one behind the other are one file to every reader. */
async function writeMember(file: FileHandle, text: string): Promise<void> {
  const bytes = await compress(Buffer.from(text));
  for (let at = 0; at < bytes.length; ) at += (await file.write(bytes, at)).bytesWritten;
}

function freePath(folder: string, base: string): string {
  for (let number = 1; ; number++) {
    const path = join(folder, `${base}${number === 1 ? '' : `-${number}`}${ENDING}`);
    if (!existsSync(path)) return path;
  }
}

async function orFault<Result>(work: Promise<Result>): Promise<Result> {
  try {
    return await work;
  } catch (error) {
    throw backupFault(error);
  }
}

/** Old rows of one undo file, in order, in batches. @throws MIGRATION_UNDO where the file is damaged or cut off */
export async function* readBackupFile(path: string, skip: number, batch: number): AsyncGenerator<readonly OldRow[]> {
  let rows: OldRow[] = [];
  let at = -1;
  for await (const line of linesOf(path)) {
    at += 1;
    if (at === 0) continue;
    const last = trailer.safeParse(line);
    if (last.success) {
      if (rows.length > 0) yield rows;
      if (last.data.rows !== at - 1) break;
      return;
    }
    if (at <= skip) continue;
    const { k, v } = record.parse(line);
    rows.push({ key: keyOf(k), values: v });
    if (rows.length < batch) continue;
    yield rows;
    rows = [];
  }
  throw damaged(path);
}

async function* linesOf(path: string): AsyncGenerator<unknown> {
  const source = createReadStream(path);
  const unpacked = createGunzip();
  source.once('error', (error) => unpacked.destroy(error));
  source.pipe(unpacked);
  const lines = createInterface({ input: unpacked, crlfDelay: Number.POSITIVE_INFINITY });
  let failed: unknown;
  unpacked.once('error', (error) => {
    failed = error;
    lines.close();
  });
  try {
    for await (const line of lines) yield JSON.parse(line);
  } catch (error) {
    failed ??= error;
  } finally {
    lines.close();
    source.destroy();
    unpacked.destroy();
  }
  if (failed !== undefined) throw damaged(path, failed);
}

interface BackupFile {
  readonly path: string;
  readonly header: UndoHeader;
}

/**
 * The undo files of a table, the newest first.
 *
 * @param onPassed takes the path of one whose head cannot be read and whose name is another table's
 * @throws MIGRATION_UNDO where its name is this table's, whose old values would be missed by nobody
 */
export async function findBackupFiles(
  folder: string,
  table: string,
  fits: (of: UndoHeader) => boolean,
  onPassed: (path: string) => void,
): Promise<readonly BackupFile[]> {
  const names = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith(ENDING)) : [];
  const found: BackupFile[] = [];
  for (const name of names) {
    const path = join(folder, name);
    try {
      const of = await headOf(path);
      if (fits(of)) found.push({ path, header: of });
    } catch (error) {
      if (!isFault(error, 'MIGRATION_UNDO') || isNamedFor(name.slice(0, -ENDING.length), table)) throw error;
      onPassed(path);
    }
  }
  return found.sort((a, b) => (a.header.made_at < b.header.made_at ? 1 : -1));
}

async function headOf(path: string): Promise<UndoHeader> {
  for await (const line of linesOf(path)) {
    const parsed = header.safeParse(line);
    if (parsed.success) return parsed.data;
    break;
  }
  throw damaged(path);
}

/** The head of an undo file. */
export const undoHeader = (
  database: string,
  { table, key, columns }: FieldSet,
  tenant: string | undefined,
  madeAt: string,
): UndoHeader => ({
  format: 'twinkeep-undo-1',
  database,
  table,
  key: [...key],
  columns: [...columns],
  tenant: tenant ?? null,
  made_at: madeAt,
});

const damaged = (path: string, cause?: unknown): Error =>
  migrationFault(
    'MIGRATION_UNDO',
    { reason: `The undo file ${path} is damaged; once it is moved elsewhere, the others are used.` },
    cause,
  );
