import { flawsOf } from '../http/index.ts';
import type { Conflict, StoreBatch, TenantActor, Values } from './batch.ts';
import type { Line, Position } from './lines.ts';
import type { Reading, ReadingSchema } from './validate.ts';

/** A line that was refused: the field where one is to blame, and for a conflict both values. */
export type BadLine = {
  readonly line: number;
  readonly field: string | null;
  readonly reason: string;
  readonly stored?: Values;
  readonly offered?: Values;
};

/** What became of a stream. `line` numbers count every line; `lines` and `accepted` those that are not blank. */
export type IntakeAnswer = {
  /** Lines that were looked at. */
  readonly lines: number;
  /** Lines whose batch is stored. */
  readonly accepted: number;
  readonly stored: number;
  readonly repeated: number;
  /** The first line that was not taken, from 1, and where it begins: what to send next time starts there. */
  readonly resume_line: number;
  readonly resume_byte: number;
  /** In order, at most 100. */
  readonly bad_lines: readonly BadLine[];
};

export interface IntakeDeps {
  readonly schema: ReadingSchema;
  readonly storeBatch: StoreBatch;
  readonly batchLines: number;
}

/** One stream's batches and what became of them. */
export interface IntakeRun {
  /** Looks at a line and keeps its reading for the batch. @returns true when the batch is full */
  offer(line: Line): boolean;
  /** Starts to write the batch once the one before it is written. */
  flush(): Promise<void>;
  /** True when nothing more need be read. */
  enough(position: Position): boolean;
  /** Says that the stream ended here. */
  end(position: Position): Promise<void>;
  /** Waits for the batch that is being written. */
  answer(): Promise<IntakeAnswer>;
}

const MAX_BAD_LINES = 100;
const MAX_DEPTH = 8;
/** Bytes that are still read for the list of bad lines after the first; a line without end would never be answered. */
const MAX_REST_BYTES = 67_108_864;

/** Starts a run; at most one batch is written while the next is gathered. */
export function createIntakeRun(
  { schema, storeBatch, batchLines, confirm }: IntakeDeps & { readonly confirm: () => Promise<void> },
  actor: TenantActor,
): IntakeRun {
  const counts = { lines: 0, accepted: 0, stored: 0, repeated: 0 };
  const badLines: BadLine[] = [];
  let resume: Position = { line: 1, byte: 0 };
  let refusedAt: number | undefined; // the byte; nothing is stored from then on
  let batch: { reading: Reading; line: number }[] = [];
  let next = resume;
  let writing = Promise.resolve();

  function refuse(badLine: BadLine): void {
    refusedAt ??= next.byte;
    badLines.push(badLine);
    batch = [];
  }

  async function write(full: typeof batch, end: Position): Promise<void> {
    await confirm();
    const outcome = await storeBatch(
      actor,
      full.map(({ reading }) => reading),
    );
    if (outcome.kind === 'conflicting') {
      for (const conflict of outcome.conflicts.slice(0, MAX_BAD_LINES)) {
        refuse(conflictingLine(full[conflict.position]?.line ?? 0, conflict));
      }
      return;
    }
    counts.accepted += full.length;
    counts.stored += outcome.stored;
    counts.repeated += outcome.repeated;
    resume = end;
  }

  return {
    offer: (line) => {
      counts.lines += 1;
      next = line.next;
      const read = readLine(schema, line);
      if (read.kind === 'bad') refuse({ line: line.number, field: read.field, reason: read.reason });
      else if (refusedAt === undefined) batch.push({ reading: read.reading, line: line.number });
      return batch.length >= batchLines;
    },
    flush: async () => {
      await writing;
      if (refusedAt !== undefined || batch.length === 0) return;
      writing = write(batch, next);
      writing.catch(() => undefined); // it is awaited, and then thrown, by the next flush or the end
      batch = [];
    },
    enough: ({ byte }) =>
      badLines.length >= MAX_BAD_LINES || (refusedAt !== undefined && byte - refusedAt > MAX_REST_BYTES),
    end: async (position) => {
      await writing;
      if (refusedAt === undefined) resume = position;
    },
    answer: async () => {
      await Promise.allSettled([writing]);
      const inOrder = badLines.sort((a, b) => a.line - b.line).slice(0, MAX_BAD_LINES);
      return { ...counts, resume_line: resume.line, resume_byte: resume.byte, bad_lines: inOrder };
    },
  };
}

type Read =
  | { readonly kind: 'reading'; readonly reading: Reading }
  | { readonly kind: 'bad'; readonly field: string | null; readonly reason: string };

function readLine(schema: ReadingSchema, line: Line): Read {
  if (line.kind === 'bad') return { kind: 'bad', field: null, reason: line.reason };
  let value: unknown;
  try {
    value = JSON.parse(line.text);
  } catch {
    return { kind: 'bad', field: null, reason: 'is not JSON' }; // the parser's own message quotes the line
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return { kind: 'reading', reading: parsed.data };
  if (isDeeper(value, MAX_DEPTH)) return { kind: 'bad', field: null, reason: 'is nested too deeply' };
  const [flaw] = flawsOf(parsed.error, 'line');
  const field = flaw?.at.slice('line/'.length) ?? '';
  return { kind: 'bad', field: field === '' ? null : field, reason: flaw?.reason ?? 'is not a reading' };
}

/** Looks no further down than it must, so that depth itself can't exhaust the stack. */
function isDeeper(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return levels === 0 || Object.values(value).some((member) => isDeeper(member, levels - 1));
}

const FIELDS = ['energy_consumption', 'power_factor', 'location'] as const;

function conflictingLine(line: number, { stored, offered }: Conflict): BadLine {
  const field = FIELDS.find((name) => stored[name] !== offered[name]) ?? null;
  return { line, field, reason: 'differs from the reading of this meter and time that came first', stored, offered };
}
