import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { sha256 } from '../crypto/index.ts';
import { inBackup, replaceFile, safeName } from './private-folder.ts';

const state = z.strictObject({
  /** The undo file whose rows are being changed. */
  undo: z.string(),
  /** Rows of it that are done. */
  next: z.int().min(0),
  rows: z.int().min(0),
  /** Values migrated since the beginning, over all that were cut off. */
  migrated: z.int().min(0),
  /** A copy of the whole database from before, where there is one. */
  copy: z.string().nullable(),
  undos: z.array(z.string()),
});

/** How far a migration has come. Being out of date by some rows costs nothing: a change happens once. */
export type MigrationState = z.output<typeof state>;

/** Remembers a migration in the folder of its backups, so that it goes on after whatever ended it. */
export interface StateFile {
  /** Undefined where none was cut off, or its undo file is gone. */
  read(): MigrationState | undefined;
  save(next: MigrationState): void;
  remove(): void;
}

/** @param identity everything that makes it this migration and no other */
export function openStateFile(folder: string, table: string, identity: readonly unknown[]): StateFile {
  const mark = sha256(Buffer.from(JSON.stringify(identity)))
    .toString('hex')
    .slice(0, 12);
  const path = join(folder, `${safeName(table)}-${mark}.state.json`);
  return {
    read: () => {
      const found = readState(path);
      return found !== undefined && existsSync(found.undo) ? found : undefined;
    },
    save: (next) => inBackup(() => replaceFile(path, `${JSON.stringify(next)}\n`)),
    remove: () => rmSync(path, { force: true }),
  };
}

function readState(path: string): MigrationState | undefined {
  try {
    return state.parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch {
    return undefined; // none, or not one of ours: to look at every row again is always right
  }
}
