const NEWLINE = 0x0a;
const SPACE = 0x20;
const FORBIDDEN_IN_NAME = /[\p{White_Space}+]/u;

/**
 * Whether the characters may stand in a signed note: lines, each ended, of what has one encoding in UTF-8 and is no
 * control character.
 *
 * @see https://c2sp.org/signed-note
 */
export function isNoteText(text: string): boolean {
  if (!text.endsWith('\n') || !text.isWellFormed()) return false;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code < SPACE && code !== NEWLINE) return false;
  }
  return true;
}

/** Whether the text is one non-empty line of a note, given without its newline. */
export function isNoteLine(text: string): boolean {
  return text !== '' && !text.includes('\n') && isNoteText(`${text}\n`);
}

/** Whether the text can name a key: a line without spaces and plus signs. @see https://c2sp.org/signed-note */
export function isKeyName(text: string): boolean {
  return isNoteLine(text) && !FORBIDDEN_IN_NAME.test(text);
}
