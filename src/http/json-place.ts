/**
 * Where a text stops being JSON, in UTF-16 code units: the beginning of the first thing that can't stand where it does,
 * or the length of a text that ends too early. V8 tells a position with some of its errors only.
 *
 * @param text not valid JSON, and not nested so deeply that walking it could fail
 */
export function faultInJson(text: string): number {
  const end = valueEnd(text, space(text, 0));
  return end < 0 ? -end - 1 : space(text, end);
}

/** A place where nothing can follow, told apart from the end of what is good. */
const fault = (at: number): number => -at - 1;

const SPACE = /[ \t\n\r]*/y;
const SCALAR = /(?:true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?)(?![\w.])/y;
const ESCAPE = /\\(?:["\\/bfnrt]|u[0-9A-Fa-f]{4})/y;

function matchEnd(pattern: RegExp, text: string, at: number): number {
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex : fault(at);
}

const space = (text: string, at: number): number => matchEnd(SPACE, text, at);

function valueEnd(text: string, at: number): number {
  switch (text[at]) {
    case '{':
      return listEnd(text, at, '}', memberEnd);
    case '[':
      return listEnd(text, at, ']', valueEnd);
    case '"':
      return stringEnd(text, at);
    default:
      return matchEnd(SCALAR, text, at);
  }
}

function memberEnd(text: string, at: number): number {
  if (text[at] !== '"') return fault(at);
  const name = stringEnd(text, at);
  if (name < 0) return name;
  const colon = space(text, name);
  return text[colon] === ':' ? valueEnd(text, space(text, colon + 1)) : fault(colon);
}

function listEnd(text: string, start: number, close: string, itemEnd: (text: string, at: number) => number): number {
  let at = space(text, start + 1);
  if (text[at] === close) return at + 1;
  for (;;) {
    const end = itemEnd(text, at);
    if (end < 0) return end;
    at = space(text, end);
    if (text[at] === close) return at + 1;
    if (text[at] !== ',') return fault(at);
    at = space(text, at + 1);
  }
}

function stringEnd(text: string, start: number): number {
  for (let at = start + 1; at < text.length; ) {
    const letter = text[at] ?? '';
    if (letter === '"') return at + 1;
    if (letter < ' ') return fault(at);
    const next = letter === '\\' ? matchEnd(ESCAPE, text, at) : at + 1;
    if (next < 0) return next;
    at = next;
  }
  return fault(text.length);
}
