import type { Rule } from '../judge/types.ts';

/** A word with a comment inside of it, as filters that take comments out make a word of again. */
const CUT_WORDS = ['select', 'union', 'where', 'case', 'and', 'or']
  .flatMap((word) => Array.from({ length: word.length - 1 }, (_, at) => cutAt(word, at + 1)))
  .join('|');

function cutAt(word: string, at: number): string {
  const loosely = (letters: string): string => [...letters].join('(?:/\\*\\*/)?');
  return `${loosely(word.slice(0, at))}/\\*\\*/${loosely(word.slice(at))}`;
}

/** What ends a program inside of which a value stands: calls that print and stop. */
const STOP = 'exit|die|print|printf|echo|var_dump';

/** What attack tools send first, to see whether a value is interpreted at all: short, and of use to nobody else. */
export const probeRules: readonly Rule[] = [
  {
    id: 'scanner-broken-markup',
    class: 'scanner',
    title: 'quotes and brackets in an order that closes whatever a value stands in',
    view: 'decoded',
    match: { regex: String.raw`<(?:'"|"')>|(?:'"|"')\($` },
    weight: 5,
    inIsland: 5,
  },
  {
    id: 'sqli-condition-in-sum',
    class: 'sqli',
    title: 'nothing but a sum in which a comparison stands for a number',
    view: 'sql',
    match: {
      regex: String.raw`^['"]?(?:-?\d+\s?[-+*/%^|&]\s?)?\(+\s?-?\d+\s?(?:=|<>|!=|<=>)\s?-?\d+\s?\)+(?:\s?[-+*/%^|&]\s?\(?(?:0x[0-9a-f]+|-?\d+|['"][^'"]*['"]?)\)?)?\s*(?:--.*|#.*)?$`,
    },
    weight: 5,
    inText: 0,
  },
  {
    id: 'sqli-odd-blank',
    class: 'sqli',
    title:
      'a word of SQL and a blank that only a database takes for one: a comment to the end of the line, one with stars, a control character',
    view: 'decoded',
    match: {
      regex: String.raw`\b(?:select|case|when|then|else|where|from|union)(?:--|#)\w{0,16}\n|\d--\w{0,16}\n\s{0,4}like\b|\b(?:select|case|when|where|union|or|and|not|from)(?:/\*+\w+\*+/|[\x01-\x08\x0e-\x1f])`,
    },
    weight: 5,
    inIsland: 5,
  },
  {
    id: 'sqli-cut-word',
    class: 'sqli',
    title: 'a word of SQL with a comment inside of it',
    view: 'decoded',
    match: { regex: String.raw`\b(?:${CUT_WORDS})[\s(]` },
    weight: 5,
    inIsland: 5,
  },
  {
    id: 'sqli-binary',
    class: 'sqli',
    title: 'numbers that are compared as bytes',
    view: 'sql',
    match: { regex: String.raw`\bbinary\s['"]?\d+['"]?\s?(?:=|<|>|like)\s?binary\b` },
    weight: 5,
    inText: 0,
  },
  {
    id: 'evasion-lone-percent',
    class: 'evasion',
    title: 'a percent sign before each letter, which old servers drop',
    view: 'raw',
    match: { regex: String.raw`(?:%[\w()'",=.*-]\s?){9}` },
    weight: 5,
  },
  {
    id: 'rce-lone-command',
    class: 'rce',
    title: 'nothing but a command between two signs that separate commands',
    view: 'shell',
    match: {
      regex: String.raw`^\s*[;&|]{1,2}\s?(?:set|env|printenv|id|ver|dir|ls|pwd|ps|w|who|date|vol|help)\s?[;&|]{1,2}\s*$`,
    },
    weight: 5,
    inText: 0,
  },
  {
    id: 'code-stop',
    class: 'code',
    title: 'the end of a statement, a call that prints and stops, and a comment over the rest',
    view: 'decoded',
    match: {
      regex: String.raw`^[\w\s.-]{0,64}['"]?\s?[;.]\s?@?(?:${STOP})\s?\(.{0,200}\)\s?;?\s?(?://|#|/\*|<!--|\?>)\s*$`,
    },
    weight: 5,
    inText: 0,
  },
  {
    id: 'traversal-stream',
    class: 'traversal',
    title: 'a file by the name of its stream, which NTFS hands out as it is',
    view: 'decoded',
    match: { regex: String.raw`[\w)\]]::\$(?:data|index_allocation)\b` },
    weight: 5,
    inText: 1,
  },
  {
    id: 'protocol-header-behind-address',
    class: 'protocol',
    title: 'a line end, encoded once more, and a header behind an address without a query',
    view: 'raw',
    match: {
      regex: String.raw`^(?:[a-z]{2,6}(?::|%3a))?(?:/|%2f)[^\s?]{0,200}%0(?:d%0)?a(?:%20|%09)*[a-z][\w-]{1,40}(?::|%3a)`,
    },
    weight: 5,
  },
];
