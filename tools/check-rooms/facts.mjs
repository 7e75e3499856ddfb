import { tokensOf } from './scan.mjs';

const RANDOM = new Set(['randomBytes', 'randomFill', 'randomFillSync', 'randomInt', 'randomUUID', 'getRandomValues']);

/**
 * What the rules want to know of one file: what it imports, and the places where it does something that only some
 * rooms may.
 *
 * @returns `{ imports: [{ specifier, line }], found: [{ what, line }] }`
 */
export function factsOf(source) {
  const tokens = tokensOf(source);
  const facts = { imports: [], found: [] };
  for (const [index, token] of tokens.entries()) {
    if (token.kind !== 'word') continue;
    const look = (offset) => tokens[index + offset]?.text;
    const isMember = look(-1) === '.' && tokens[index - 1].kind === 'mark' && look(-2) !== 'globalThis';
    if (token.text === 'import' && !isMember) readImport(tokens, index, facts);
    else if (token.text === 'require' && !isMember) readCall(tokens, index, facts);
    else if (token.text === 'export' && !isMember) readExport(tokens, index, facts);
    else if (!isMember || RANDOM.has(token.text)) readWord(token, look, facts);
  }
  return facts;
}

function readImport(tokens, index, facts) {
  const next = tokens[index + 1];
  if (next?.text === '(') readCall(tokens, index, facts);
  else if (next?.kind === 'text') addImport(facts, next.text, next.line);
  else if (next?.text !== '.') {
    const { from, words } = clauseAfter(tokens, index);
    if (from === undefined) return;
    addImport(facts, from.text, next.line);
    if (/^(node:)?process$/.test(from.text) && words.includes('env'))
      facts.found.push({ what: 'env', line: next.line });
  }
}

/** `import(…)` and `require(…)`, in types too. */
function readCall(tokens, index, facts) {
  const [open, argument, close] = tokens.slice(index + 1, index + 4);
  if (open?.text !== '(') return;
  if (argument?.kind === 'text' && /^[),]$/.test(close?.text ?? '')) addImport(facts, argument.text, argument.line);
  else facts.found.push({ what: 'computed import', line: open.line });
}

function readExport(tokens, index, facts) {
  const { line } = tokens[index];
  const at = tokens[index + 1]?.text === 'type' ? index + 2 : index + 1;
  const next = tokens[at]?.text;
  if (next === 'default') facts.found.push({ what: 'default export', line });
  if (next !== '*' && next !== '{') return;
  const { from, words } = clauseAfter(tokens, at - 1);
  if (next === '*') facts.found.push({ what: 'export *', line });
  if (/\bas default\b/.test(words.join(' '))) facts.found.push({ what: 'default export', line });
  if (from !== undefined) addImport(facts, from.text, line);
}

/** The words between `import` or `export` and its `from`, and the string behind it if there is one. */
function clauseAfter(tokens, index) {
  const words = [];
  for (let at = index + 1; at < tokens.length; at += 1) {
    const { kind, text } = tokens[at];
    if (kind === 'text' && tokens[at - 1].text === 'from') return { from: tokens[at], words };
    if (kind === 'mark' && !/[{},*]/.test(text)) break;
    if (text === '}' && tokens[at + 1]?.text !== 'from') return { words };
    words.push(text);
  }
  return { words };
}

function readWord({ text, line }, look, { found }) {
  const note = (what) => found.push({ what, line });
  const next = look(1);
  if (text === 'Date') {
    const isNew = look(-1) === 'new';
    if (next === '.' && look(2) === 'now') note('clock');
    else if (isNew && (next !== '(' || look(2) === ')')) note('clock');
    else if (!isNew && next === '(') note('clock');
  } else if (text === 'Math' && next === '.' && look(2) === 'random') note('random');
  else if (RANDOM.has(text)) note('random');
  else if (text === 'process' && ((next === '.' && look(2) === 'env') || (next === '[' && look(2) === 'env')))
    note('env');
  else if (/^(statement|insertion)$/.test(text) && /^[(<]$/.test(next ?? '') && look(-1) !== 'function') note('sql');
}

function addImport(facts, specifier, line) {
  facts.imports.push({ specifier, line });
}
