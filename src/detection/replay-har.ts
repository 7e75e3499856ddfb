/** Cuts the entries out of a HAR file as it comes, so that a file of gigabytes needs no more memory than its largest entry. */
export interface HarCutter {
  /** @returns the entries that are whole now, as JSON; `undefined` for one that is larger than may be held */
  add(text: string): readonly (string | undefined)[];
  /** Whether the list of entries has come to its end. */
  isOver(): boolean;
}

const MAX_ENTRY = 33_554_432;
const MAX_KEY = 16;

/** @param most characters of one entry */
export function createHarCutter(most = MAX_ENTRY): HarCutter {
  let depth = 0;
  let inString = false;
  let escaped = false;
  /** The last string outside of entries, while it may still be `entries`. */
  let key = '';
  let listDepth = -1; // of the array of entries, once it is found
  let over = false;
  let entry = '';
  let tooLong = false;

  /** Inside of a string: on to its end, or to the end of what there is. @returns the place behind */
  function skipString(text: string, from: number): number {
    for (let at = from; at < text.length; at++) {
      const code = text.charCodeAt(at);
      if (escaped) escaped = false;
      else if (code === 0x5c) escaped = true;
      else if (code === 0x22) {
        inString = false;
        return at + 1;
      } else if (listDepth === -1 && key.length < MAX_KEY) key += text[at];
    }
    return text.length;
  }

  function openBracket(code: number): void {
    depth++;
    if (listDepth === -1 && code === 0x5b && key === 'entries' && depth <= 3) listDepth = depth;
  }

  const isInEntry = (): boolean => listDepth !== -1 && depth > listDepth;

  function append(text: string): void {
    if (entry.length + text.length > most) tooLong = true;
    entry = tooLong ? '' : entry + text;
  }

  function closeEntry(): string | undefined {
    const whole = tooLong ? undefined : entry;
    entry = '';
    tooLong = false;
    return whole;
  }

  function add(text: string): readonly (string | undefined)[] {
    const whole: (string | undefined)[] = [];
    let from = 0; // of what belongs to the entry that is open
    for (let at = 0; at < text.length && !over; ) {
      if (inString) {
        at = skipString(text, at);
        continue;
      }
      const code = text.charCodeAt(at);
      if (code === 0x22) {
        inString = true;
        if (listDepth === -1) key = '';
      } else if (code === 0x7b || code === 0x5b) {
        if (!isInEntry()) from = at;
        openBracket(code);
      } else if (code === 0x7d || code === 0x5d) {
        const wasInEntry = isInEntry();
        depth--;
        if (wasInEntry && !isInEntry()) {
          append(text.slice(from, at + 1));
          whole.push(closeEntry());
        } else if (listDepth !== -1 && depth < listDepth) over = true;
      }
      at++;
    }
    if (isInEntry() && !over) append(text.slice(from));
    return whole;
  }

  return { add, isOver: () => over };
}
