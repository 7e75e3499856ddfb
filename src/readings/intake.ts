import type { Readable } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { httpFault } from '../http/index.ts';
import { isFault, TwinkeepError } from '../kernel/errors.ts';
import type { TenantActor } from './batch.ts';
import { readingFault } from './errors.ts';
import { createIntakeRun, type IntakeAnswer, type IntakeDeps, type IntakeRun } from './intake-run.ts';
import { createLineCutter } from './lines.ts';

/** @param confirm asked before each batch is written: whoever sends may have lost the right to */
export type TakeLines = (actor: TenantActor, stream: Readable, confirm?: () => Promise<void>) => Promise<IntakeAnswer>;

/** Bytes that are looked at in one turn of the event loop. */
const SLICE_BYTES = 32_768;

/**
 * Takes readings as lines of JSON, in batches that are each stored whole or not at all. While one is written the next
 * is read, never more: whoever sends faster than the disk writes is slowed down.
 *
 * A bad line keeps its batch and all that follows out; the rest is only looked at, for the list of bad lines.
 *
 * @throws READING_LINES_REFUSED, HTTP_BODY_CUT_SHORT, and what the storage throws, all with the answer so far
 */
export function createIntake(deps: IntakeDeps): TakeLines {
  return async (actor, stream, confirm = async () => undefined) => {
    const run = createIntakeRun({ ...deps, confirm }, actor);
    try {
      await readAll(stream, run);
    } catch (error) {
      throw withProgress(error, await run.answer());
    }
    const answer = await run.answer();
    if (answer.bad_lines.length > 0) throw readingFault('READING_LINES_REFUSED', answer);
    return answer;
  };
}

async function readAll(stream: Readable, run: IntakeRun): Promise<void> {
  const cutter = createLineCutter();
  for await (const bytes of slicesOf(stream)) {
    for (const line of cutter.cut(bytes)) {
      if (run.offer(line)) await run.flush();
    }
    if (run.enough(cutter.position())) return;
  }
  const last = cutter.rest();
  if (last !== undefined) run.offer(last);
  await run.flush();
  await run.end(cutter.position());
}

/** The stream's bytes a slice at a time. What is left unread stays with the sender: destroying it would cut our answer. */
async function* slicesOf(stream: Readable): AsyncGenerator<Buffer> {
  const chunks: AsyncIterable<unknown> = stream.iterator({ destroyOnReturn: false });
  const source = chunks[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = await source.next().catch((error: unknown) => {
        throw httpFault('HTTP_BODY_CUT_SHORT', {}, error);
      });
      if (next.done === true) return;
      const bytes = bytesOf(next.value);
      for (let from = 0; from < bytes.length; from += SLICE_BYTES) {
        yield bytes.subarray(from, from + SLICE_BYTES);
        await nextTurn();
      }
    }
  } finally {
    await source.return?.(); // else the stream stays paused, and the rest of the body in its connection
  }
}

function bytesOf(chunk: unknown): Buffer {
  if (Buffer.isBuffer(chunk)) return chunk;
  if (typeof chunk === 'string') return Buffer.from(chunk);
  if (chunk instanceof Uint8Array) return Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length);
  throw new TypeError('a stream of readings must give bytes');
}

/** An error on the way with the answer so far: the sender learns where to go on. */
function withProgress(error: unknown, answer: IntakeAnswer): unknown {
  if (!isFault(error)) return error;
  return new TwinkeepError(error.code, error.kind, error.message, { ...error.facts, ...answer }, { cause: error });
}
