/**
 * Cuts TypeScript into tokens: enough to find imports and calls without being fooled by comments, strings, templates
 * or regular expressions. (TypeScript 7 has no API for JavaScript, and a parser is a large thing to depend on for this.)
 */

const WORD_START = /[\p{ID_Start}$_#]/u;
const WORD_PART = /[\p{ID_Continue}$\u200c\u200d]/u;
const BEFORE_REGEX = new Set([
  'return',
  'typeof',
  'case',
  'in',
  'of',
  'delete',
  'void',
  'throw',
  'else',
  'do',
  'await',
  'yield',
]);

/** @returns tokens `{ kind: 'word' | 'number' | 'text' | 'regex' | 'mark', text, line }`; `text` of a string is what it holds */
export function tokensOf(source) {
  const tokens = [];
  const braces = []; // for each open brace, whether it is a template's `${`
  let at = 0;
  let line = 1;

  const push = (kind, text) => tokens.push({ kind, text, line });
  const skipTo = (end) => {
    for (let i = at; i < end; i += 1) if (source[i] === '\n') line += 1;
    at = end;
  };

  /** From behind the backtick, or behind a `}` that closes a substitution. */
  const template = () => {
    let end = at;
    while (end < source.length && source[end] !== '`' && !(source[end] === '$' && source[end + 1] === '{')) {
      end += source[end] === '\\' ? 2 : 1;
    }
    const isWhole = source[end] === '`' && source[at - 1] === '`';
    push(isWhole ? 'text' : 'mark', isWhole ? source.slice(at, end) : '`');
    if (source[end] === '$') braces.push(true);
    skipTo(Math.min(source.length, end + (source[end] === '$' ? 2 : 1)));
  };

  while (at < source.length) {
    const char = source[at];
    const rest = source[at + 1];
    if (/\s/.test(char)) {
      skipTo(at + 1);
    } else if (char === '/' && (rest === '/' || rest === '*')) {
      const end = rest === '/' ? source.indexOf('\n', at) : source.indexOf('*/', at + 2) + 2;
      skipTo(end < at + 2 ? source.length : end);
    } else if (char === '"' || char === "'") {
      const end = endOfString(source, at);
      push('text', source.slice(at + 1, end));
      skipTo(end + 1);
    } else if (char === '`') {
      at += 1;
      template();
    } else if (char === '}' && braces.pop() === true) {
      at += 1;
      template();
    } else if (char === '/' && regexMayStart(tokens.at(-1)) && endOfRegex(source, at) !== undefined) {
      const end = endOfRegex(source, at);
      push('regex', source.slice(at, end));
      skipTo(end);
    } else if (WORD_START.test(char) || /\d/.test(char)) {
      let end = at + 1;
      while (end < source.length && WORD_PART.test(source[end])) end += 1;
      push(/\d/.test(char) ? 'number' : 'word', source.slice(at, end));
      skipTo(end);
    } else {
      if (char === '{') braces.push(false);
      push('mark', char);
      skipTo(at + 1);
    }
  }
  return tokens;
}

function endOfString(source, start) {
  let end = start + 1;
  while (end < source.length && source[end] !== source[start] && source[end] !== '\n')
    end += source[end] === '\\' ? 2 : 1;
  return end;
}

function regexMayStart(before) {
  if (before === undefined) return true;
  if (before.kind === 'mark') return before.text !== ')' && before.text !== ']' && before.text !== '`';
  return before.kind === 'word' && BEFORE_REGEX.has(before.text);
}

/** The end of a regular expression with its flags; undefined when the slash is a division. */
function endOfRegex(source, start) {
  let inClass = false;
  for (let end = start + 1; end < source.length && source[end] !== '\n'; end += 1) {
    if (source[end] === '\\') end += 1;
    else if (source[end] === '[') inClass = true;
    else if (source[end] === ']') inClass = false;
    else if (source[end] === '/' && !inClass) {
      while (/[a-z]/.test(source[end + 1] ?? '')) end += 1;
      return end + 1;
    }
  }
  return undefined;
}
