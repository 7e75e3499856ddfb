import { isUtf8 } from 'node:buffer';

/** A line longer than this is bad, and no more of it is kept. */
export const MAX_LINE_BYTES = 16_384;

/** Where a line begins: its number as an editor counts it, from 1, and its offset in bytes. */
export interface Position {
  readonly line: number;
  readonly byte: number;
}

type Content = { readonly kind: 'text'; readonly text: string } | { readonly kind: 'bad'; readonly reason: string };

/** A line that isn't blank, without its end; `next` is where the one behind it begins. */
export type Line = { readonly number: number; readonly next: Position } & Content;

/** Cuts bytes into lines while it holds at most one line of them. */
export interface LineCutter {
  /** The lines that end in these bytes, and one that has become too long, at once: its end may never come. */
  cut(bytes: Buffer): Generator<Line>;
  /** The last line, where the stream ended without a line feed. */
  rest(): Line | undefined;
  position(): Position;
}

const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const SPACE = 0x20;
const REPLACEMENT = '\uFFFD';

/** Lines end in LF or CR LF; those of white space alone are counted and passed over. */
export function createLineCutter(): LineCutter {
  const held = Buffer.allocUnsafe(MAX_LINE_BYTES + 1); // one more for a CR
  let heldBytes = 0;
  let overflowed = false;
  let told = false; // a line that never ends is told of while it lasts
  let line = 1;
  let byte = 0;

  function hold(bytes: Buffer): void {
    byte += bytes.length;
    if (overflowed || heldBytes + bytes.length > held.length) {
      overflowed = true; // what follows is skipped up to the next line feed, never gathered
      return;
    }
    held.set(bytes, heldBytes);
    heldBytes += bytes.length;
  }

  /** @param bytes the end of the line, behind what is held of it */
  function finish(bytes: Buffer, feed: 0 | 1): Line | undefined {
    const whole = heldBytes === 0 && !overflowed && bytes.length <= held.length;
    if (whole) byte += bytes.length;
    else hold(bytes);
    const content = overflowed ? (told ? undefined : TOO_LONG) : contentOf(whole ? bytes : held.subarray(0, heldBytes));
    const number = line;
    byte += feed;
    line += 1;
    heldBytes = 0;
    overflowed = false;
    told = false;
    return content && { number, next: { line, byte }, ...content };
  }

  return {
    *cut(bytes) {
      let from = 0;
      for (let end = bytes.indexOf(LINE_FEED); end !== -1; end = bytes.indexOf(LINE_FEED, from)) {
        const found = finish(bytes.subarray(from, end), 1);
        if (found !== undefined) yield found;
        from = end + 1;
      }
      if (from < bytes.length) hold(bytes.subarray(from));
      if (!overflowed || told) return;
      told = true;
      yield { number: line, next: { line: line + 1, byte }, ...TOO_LONG };
    },
    rest: () => (heldBytes > 0 || overflowed ? finish(Buffer.alloc(0), 0) : undefined),
    position: () => ({ line, byte }),
  };
}

const bad = (reason: string): Content => ({ kind: 'bad', reason });
const TOO_LONG = bad(`is longer than ${MAX_LINE_BYTES} bytes`);

/** Undefined for a blank line. */
function contentOf(bytes: Buffer): Content | undefined {
  const length = bytes.at(-1) === CARRIAGE_RETURN ? bytes.length - 1 : bytes.length;
  if (length === 0) return undefined;
  if (length > MAX_LINE_BYTES) return TOO_LONG;
  const text = bytes.toString('utf8', 0, length);
  if (bytes.readUInt8(0) <= SPACE && text.trim() === '') return undefined;
  // The decoder writes U+FFFD for what it can't read; only where one stands are the bytes looked at again.
  if (text.includes(REPLACEMENT) && !isUtf8(bytes.subarray(0, length))) return bad('is not UTF-8');
  return { kind: 'text', text };
}
