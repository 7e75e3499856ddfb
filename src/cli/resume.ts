import { readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { z } from 'zod';

/** How far an import has come. */
const position = z.strictObject({
  /** Rows behind the header that the server has answered for. */
  rows: z.int().min(0),
  /** The byte behind them. */
  bytes: z.int().min(0),
  stored: z.int().min(0),
  repeated: z.int().min(0),
  refused: z.int().min(0),
});

export type ImportPosition = z.output<typeof position>;

const record = z.strictObject({ url: z.string(), size: z.int(), mtime_ms: z.number(), position });

/** Remembers an import beside its file, so that it can go on after whatever ended it. */
export interface ResumeFile {
  /** The beginning, unless an import of this very file to this server was cut off. */
  readonly from: ImportPosition;
  /** What it says of an older import that it does not go on with. */
  readonly stale: boolean;
  /** @throws the system's error where the folder can't be written */
  save(position: ImportPosition): void;
  remove(): void;
}

const BEGINNING: ImportPosition = { rows: 0, bytes: 0, stored: 0, repeated: 0, refused: 0 };

/** @param restart goes from the beginning whatever was remembered */
export function openResumeFile(file: string, url: string, restart: boolean): ResumeFile {
  const path = `${file}.twinkeep-resume`;
  const { size, mtimeMs } = statSync(file);
  const found = restart ? undefined : read(path);
  const same = found?.url === url && found.size === size && found.mtime_ms === mtimeMs;
  return {
    from: same ? found.position : BEGINNING,
    stale: found !== undefined && !same,
    save: (next) => {
      const fresh = `${path}.new`; // a crash while it is written must not cost the old one
      writeFileSync(fresh, `${JSON.stringify({ url, size, mtime_ms: mtimeMs, position: next })}\n`);
      renameSync(fresh, path);
    },
    remove: () => rmSync(path, { force: true }),
  };
}

function read(path: string): z.output<typeof record> | undefined {
  try {
    return record.parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch {
    return undefined; // none, or not one of ours: from the beginning is always right
  }
}
