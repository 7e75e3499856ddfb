import { LONGEST_BASE64, SHORTEST_BASE64, textInBase64 } from './base64.ts';
import { isJsonLiteral, readJsonString, type Scan, skipBlank, skipNumber, skipScalar } from './json-token.ts';
import { addOddity, visitName, visitText, type Walk } from './walk.ts';

/** Honest data is not nested further: noted, and walked on. */
const MAX_DEPTH = 64;
/** Nested further it is not walked but taken as raw text, so that a place stays small. */
const MAX_STEPS = 4_096;
/** Of a header no server takes more. */
const LONGEST_TOKEN = 65_536;
const BLANK_THEN_BRACKET = /^\s*[{[]/;

/**
 * Visits the names and texts of a JSON text, at any depth and index, members of the same name each. It builds nothing and
 * calls itself for nothing but a text that is JSON itself. Comments, last commas, bare names and `NaN` are taken as
 * lenient parsers take them.
 *
 * @returns whether it is JSON to its end; if not, what stands before the fault was visited
 */
export function walkJson(walk: Walk, text: string): boolean {
  const base = walk.depth;
  const scan: Scan = { text, at: 0, backslash: -1, comment: undefined, isSound: true };
  const isWhole = walkTokens(walk, scan, base);
  walk.depth = base;
  return isWhole && scan.isSound;
}

/** Visits a value, and what is in it where it is JSON (`"{\"a\":…}"`, `?filter={…}`), Base64 or a token, one level. */
export function visitValue(walk: Walk, text: string): void {
  visitText(walk, text);
  if (walk.isNested) return;
  if (text.length >= SHORTEST_BASE64 && text.length <= LONGEST_BASE64) {
    const read = textInBase64(text);
    if (read !== undefined) visitInside(walk, read);
    else visitClaims(walk, text);
  }
  visitNested(walk, text);
}

function visitInside(walk: Walk, read: string): void {
  walk.isNested = true;
  visitText(walk, read);
  walk.isNested = false;
  visitNested(walk, read);
}

function visitNested(walk: Walk, text: string): void {
  const first = text.charCodeAt(0);
  if (!(first === 0x7b || first === 0x5b || (first <= 0x20 && BLANK_THEN_BRACKET.test(text)))) return;
  walk.isNested = true;
  walkJson(walk, text); // no JSON after all is no fault: the text was visited
  walk.isNested = false;
}

/** Visits header and claims of a JSON Web Token, or the first part of a signed session. @see RFC 7515 §3.1 */
export function visitClaims(walk: Walk, token: string): void {
  if (!token.startsWith('eyJ') || !token.includes('.') || token.length > LONGEST_TOKEN) return;
  for (const part of token.split('.', 2)) {
    const read = textInBase64(part);
    if (read !== undefined) visitNested(walk, read);
  }
}

/** What may come next. */
const VALUE = 0;
const NAME = 1;
const COLON = 2;
const AFTER = 3;
type Due = typeof VALUE | typeof NAME | typeof COLON | typeof AFTER;

function walkTokens(walk: Walk, scan: Scan, base: number): boolean {
  let due: Due | -1 = VALUE;
  for (;;) {
    const code = skipBlank(scan);
    if (scan.comment !== undefined) {
      visitText(walk, scan.comment);
      scan.comment = undefined;
      continue;
    }
    if (Number.isNaN(code)) return due === AFTER && walk.depth === base;
    if (due === AFTER) due = afterValue(walk, scan, code, base);
    else if (due === NAME) due = nameOrEnd(walk, scan, code);
    else if (due === COLON) due = code === 0x3a ? step(scan, VALUE) : -1;
    else due = value(walk, scan, code, base);
    if (due === -1) return false;
  }
}

function step(scan: Scan, due: Due): Due {
  scan.at++;
  return due;
}

const isInList = (walk: Walk): boolean => typeof walk.steps[walk.depth - 1] === 'number';

function value(walk: Walk, scan: Scan, code: number, base: number): Due | -1 {
  if (code === 0x7b) return open(walk, scan, '', NAME);
  if (code === 0x5b) return open(walk, scan, 0, VALUE);
  if (code === 0x5d) return walk.depth > base && isInList(walk) ? close(walk, scan) : -1;
  if (code === 0x22 || code === 0x27) {
    const text = readJsonString(scan, code);
    if (text === undefined) return -1;
    visitValue(walk, text);
    return AFTER;
  }
  if (skipNumber(scan)) return AFTER;
  const word = skipScalar(scan);
  return word === undefined || !isJsonLiteral(word) ? -1 : AFTER;
}

function open(walk: Walk, scan: Scan, first: string | number, due: Due): Due | -1 {
  if (walk.depth >= MAX_STEPS) return -1;
  walk.steps[walk.depth++] = first;
  if (walk.depth > MAX_DEPTH) addOddity(walk, 'too-deep');
  return step(scan, due);
}

function close(walk: Walk, scan: Scan): Due {
  walk.depth--;
  return step(scan, AFTER);
}

function nameOrEnd(walk: Walk, scan: Scan, code: number): Due | -1 {
  if (code === 0x7d) return close(walk, scan);
  const name = code === 0x22 || code === 0x27 ? readJsonString(scan, code) : skipScalar(scan);
  if (name === undefined) return -1;
  walk.steps[walk.depth - 1] = name;
  visitName(walk, name);
  return COLON;
}

function afterValue(walk: Walk, scan: Scan, code: number, base: number): Due | -1 {
  if (walk.depth === base) return -1; // something after the end
  const last = walk.steps[walk.depth - 1];
  if (typeof last === 'number') {
    if (code === 0x5d) return close(walk, scan);
    if (code !== 0x2c) return -1;
    walk.steps[walk.depth - 1] = last + 1;
    return step(scan, VALUE);
  }
  if (code === 0x7d) return close(walk, scan);
  return code === 0x2c ? step(scan, NAME) : -1;
}
