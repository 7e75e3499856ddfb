import { StringDecoder } from 'node:string_decoder';
import { createHarCutter } from './replay-har.ts';
import { isAccessLine, type Read, sampleOfAccessLine, sampleOfHar, sampleOfJson, textSample } from './replay-sample.ts';

/** How a recording is written. */
export type RecordingFormat = 'har' | 'jsonl' | 'log' | 'text';

const MAX_LINE = 16_777_216;
const NEWLINE = 0x0a;
/** The first line of a JSON array, whole or not: taken for texts, it would be a record of honest ones. */
const ARRAY = /^\[\s*(?:$|[{"\]])/;

/**
 * The requests of a recording, one after the other, however long it is.
 *
 * @param format found by its first line unless told
 */
export async function* readRecording(
  chunks: AsyncIterable<Uint8Array>,
  format: RecordingFormat | undefined,
): AsyncGenerator<Read> {
  if (format === 'har') return yield* readHar(chunks);
  let how = format;
  let number = 0;
  for await (const line of linesOf(chunks)) {
    number++;
    const place = `line ${number}`;
    if (line === undefined) {
      yield { bad: { place, reason: `is longer than ${MAX_LINE} bytes` } };
      continue;
    }
    const text = line.trim();
    if (text === '') continue;
    if (how === undefined && ARRAY.test(text)) {
      yield { bad: { place, reason: 'begins a JSON array; write each entry on a line of its own: jq -c .[] FILE' } };
      return;
    }
    how ??= formatOf(text);
    if (how === 'jsonl') yield sampleOfJson(text, place);
    else yield how === 'log' ? sampleOfAccessLine(text, place) : textSample(line, place);
  }
}

/** By a first line; `har` is for the name of the file to say. */
function formatOf(line: string): Exclude<RecordingFormat, 'har'> {
  if (/^[{"]/.test(line)) return 'jsonl';
  return isAccessLine(line) ? 'log' : 'text';
}

/** `undefined` for one that is longer than may be held. */
async function* linesOf(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string | undefined> {
  let held: Uint8Array[] = [];
  let size = 0;
  const take = (rest: Uint8Array): string | undefined => {
    const line = size + rest.length > MAX_LINE ? undefined : Buffer.concat([...held, rest]).toString('utf8');
    held = [];
    size = 0;
    return line?.replace(/\r$/, '');
  };
  for await (const chunk of chunks) {
    let from = 0;
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, from)) {
      yield take(chunk.subarray(from, end));
      from = end + 1;
    }
    const rest = chunk.subarray(from);
    size += rest.length;
    if (size <= MAX_LINE) held.push(rest);
    else held = []; // it is too long already, and only its end is still wanted
  }
  if (size > 0) yield take(new Uint8Array());
}

async function* readHar(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Read> {
  const decoder = new StringDecoder('utf8');
  const cutter = createHarCutter();
  let number = 0;
  for await (const chunk of chunks) {
    for (const entry of cutter.add(decoder.write(Buffer.from(chunk)))) {
      number++;
      const place = `entry ${number}`;
      if (entry === undefined) yield { bad: { place, reason: 'is larger than may be held' } };
      else yield sampleOfHar(entry, place);
    }
  }
  if (!cutter.isOver())
    yield { bad: { place: `entry ${number + 1}`, reason: 'the file ends before its list of entries does' } };
}
