import type { CsvRow } from './csv-rows.ts';
import type { ImportPosition } from './resume.ts';
import type { UploadAnswer } from './upload.ts';

/** A row that is not stored: its line in the file, the field where one is to blame, and why. */
export interface BadRow {
  readonly line: number;
  readonly field: string | null;
  readonly reason: string;
}

export interface ImportOutcome {
  readonly position: ImportPosition;
  /** The first 100 of this run, in order. */
  readonly badRows: readonly BadRow[];
  /** Why the file was not read to its end. */
  readonly stopped: string | undefined;
}

export interface ImportDeps {
  readonly rows: AsyncIterable<CsvRow>;
  readonly from: ImportPosition;
  readonly upload: (lines: readonly string[]) => Promise<UploadAnswer>;
  readonly onProgress: (at: ImportPosition) => void;
  /** Called once everything up to there is stored or refused. */
  readonly save: (at: ImportPosition) => void;
}

const CHUNK_ROWS = 5_000;
const MAX_BAD_ROWS = 100;
/** So many bad rows are no slips but the wrong file. */
const MAX_REFUSED = 1_000;

interface Chunk {
  readonly readings: readonly { readonly line: number; readonly json: string }[];
  readonly badRows: readonly BadRow[];
  readonly rows: number;
  readonly end: number;
  readonly broken: string | undefined;
}

/** Sends the rows in chunks; while one is on its way the next is read. */
export function createImport(deps: ImportDeps): () => Promise<ImportOutcome> {
  const { from, save, onProgress } = deps;
  const badRows: BadRow[] = [];
  let position = from;
  let stopped: string | undefined;

  async function take(chunk: Chunk): Promise<void> {
    const { stored, repeated, refused } = await sendAll(deps.upload, chunk);
    const own = [...chunk.badRows, ...refused].sort((a, b) => a.line - b.line);
    badRows.push(...own.slice(0, MAX_BAD_ROWS - badRows.length));
    position = {
      rows: position.rows + chunk.rows,
      bytes: chunk.end,
      stored: position.stored + stored,
      repeated: position.repeated + repeated,
      refused: position.refused + own.length,
    };
    save(position);
    onProgress(position);
    if (chunk.broken !== undefined) stopped = chunk.broken;
    else if (position.refused - from.refused > MAX_REFUSED) stopped = `more than ${MAX_REFUSED} rows were refused.`;
  }

  return async () => {
    let sending = Promise.resolve();
    for await (const chunk of chunksOf(deps.rows, from.rows)) {
      await sending;
      if (stopped !== undefined) break;
      sending = take(chunk);
      sending.catch(() => undefined); // it is awaited, and then thrown, in the next turn or at the end
    }
    await sending;
    return { position, badRows, stopped };
  };
}

/** A bad line keeps its batch out, so what is left of the chunk is sent again without it. */
async function sendAll(
  upload: ImportDeps['upload'],
  { readings }: Chunk,
): Promise<{ readonly stored: number; readonly repeated: number; readonly refused: readonly BadRow[] }> {
  const refused: BadRow[] = [];
  let [stored, repeated, rest] = [0, 0, readings];
  while (rest.length > 0 && refused.length <= MAX_REFUSED) {
    const answer = await upload(rest.map(({ json }) => json));
    stored += answer.stored;
    repeated += answer.repeated;
    if (answer.bad_lines.length === 0) break;
    const bad = new Set(answer.bad_lines.map(({ line }) => line));
    for (const flaw of answer.bad_lines) {
      refused.push({ line: rest[flaw.line - 1]?.line ?? 0, field: flaw.field, reason: reasonOf(flaw) });
    }
    rest = rest.filter((_, at) => at + 1 >= answer.resume_line && !bad.has(at + 1));
  }
  return { stored, repeated, refused };
}

/** A conflict names both values. */
function reasonOf({ field, reason, stored, offered }: UploadAnswer['bad_lines'][number]): string {
  if (field === null || stored === undefined || offered === undefined) return reason;
  return `${reason}: ${JSON.stringify(stored[field])} is stored, ${JSON.stringify(offered[field])} was offered`;
}

async function* chunksOf(rows: AsyncIterable<CsvRow>, skip: number): AsyncGenerator<Chunk> {
  let left = skip;
  let chunk = emptyChunk();
  for await (const row of rows) {
    if (row.kind === 'broken') {
      yield { ...chunk, broken: `line ${row.line} ${row.reason}.` };
      return;
    }
    if (left > 0) {
      left -= 1;
      continue;
    }
    if (row.kind === 'reading') chunk.readings.push(row);
    else chunk.badRows.push({ line: row.line, field: row.field, reason: row.reason });
    chunk.rows += 1;
    chunk.end = row.end;
    if (chunk.rows < CHUNK_ROWS) continue;
    yield chunk;
    chunk = emptyChunk();
  }
  if (chunk.rows > 0) yield chunk;
}

const emptyChunk = () => ({
  readings: [] as { readonly line: number; readonly json: string }[],
  badRows: [] as BadRow[],
  rows: 0,
  end: 0,
  broken: undefined,
});
