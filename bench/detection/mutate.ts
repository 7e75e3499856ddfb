import type { Dice } from './random.ts';

export interface Mutation {
  readonly name: string;
  /** Where a target exists that would read the text back as the attack. */
  readonly classes: readonly string[];
  /** The bar does not name it: printed to be known, not to be met. */
  readonly isExtra?: boolean;
  /** @returns undefined where the text has nothing to mutate */
  readonly apply: (text: string, dice: Dice) => string | undefined;
}

const MARKUP = ['xss', 'sqli', 'traversal', 'rce', 'ssti'];
const ALL = [...MARKUP, 'xxe'];

const TOO_LONG = 6_000;
const NAMED: Readonly<Record<string, string>> = {
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
  '(': '&lpar;',
  ')': '&rpar;',
  ':': '&colon;',
  '/': '&sol;',
  '\\': '&bsol;',
  ';': '&semi;',
  '=': '&equals;',
  '{': '&lbrace;',
  '}': '&rbrace;',
  $: '&dollar;',
  '|': '&vert;',
  '.': '&period;',
};
/** What tells an attack from words; hiding just these is what hides most. */
const MARKS = /[^\p{L}\p{N}\s]/gu;
/** An entity that is not closed would take a digit behind it as its own. */
const MARK_BEFORE_NO_DIGIT = /[^\p{L}\p{N}\s](?![0-9])/gu;

const percent = (text: string, of = /[^A-Za-z0-9]/g): string =>
  text.replace(of, (one) =>
    Array.from(Buffer.from(one), (byte) => `%${byte.toString(16).padStart(2, '0').toUpperCase()}`).join(''),
  );
const code = (one: string): number => one.codePointAt(0) ?? 0;
const hex4 = (one: string): string => one.charCodeAt(0).toString(16).padStart(4, '0');
const eachUnit = (text: string, of: RegExp, write: (unit: string) => string): string =>
  text.replace(of, (one) => one.split('').map(write).join(''));

/** A two-byte form that UTF-8 forbids, for characters that have one byte. */
function overlong(one: string): string {
  const point = code(one);
  if (point > 0x7f) return percent(one);
  return `%${(0xc0 | (point >> 6)).toString(16)}%${(0x80 | (point & 0x3f)).toString(16)}`;
}

const fullWidth = (text: string): string => text.replace(/[!-~]/g, (one) => String.fromCodePoint(code(one) + 0xfee0));

function mixedCase(text: string, dice: Dice): string {
  return text.replace(/[a-z]/gi, (letter) => (dice.next() < 0.5 ? letter.toUpperCase() : letter.toLowerCase()));
}

const COMMANDS = /\b(cat|ls|id|ping|curl|wget|whoami|sleep|nc|bash|sh|python|perl|echo|uname|ifconfig|netstat|ps)\b/;

const changed = (before: string, after: string): string | undefined => (after === before ? undefined : after);
const has = (pattern: RegExp, write: (text: string) => string) => (text: string) =>
  pattern.test(text) ? changed(text, write(text)) : undefined;
const short = (write: (text: string, dice: Dice) => string) => (text: string, dice: Dice) =>
  text.length > TOO_LONG ? undefined : changed(text, write(text, dice));

/** The mutations that the bar names, and those that attackers try besides. `%` in a payload is left as it is. */
export const MUTATIONS: readonly Mutation[] = [
  { name: 'url', classes: ALL, apply: short((text) => percent(text)) },
  { name: 'url twice', classes: ALL, apply: short((text) => percent(percent(text))) },
  { name: 'url, all letters', classes: ALL, apply: short((text) => percent(text, /./gsu)) },
  { name: '%uXXXX', classes: ALL, apply: short((text) => eachUnit(text, MARKS, (one) => `%u${hex4(one)}`)) },
  { name: '\\uXXXX', classes: ALL, apply: short((text) => eachUnit(text, MARKS, (one) => `\\u${hex4(one)}`)) },
  { name: '\\uXXXX, all', classes: ALL, apply: short((text) => eachUnit(text, /./gsu, (one) => `\\u${hex4(one)}`)) },
  {
    name: 'entities, decimal',
    classes: MARKUP,
    apply: short((text) => text.replace(MARKS, (one) => `&#${code(one)};`)),
  },
  {
    name: 'entities, hex',
    classes: MARKUP,
    apply: short((text) => text.replace(MARKS, (one) => `&#x${code(one).toString(16)};`)),
  },
  { name: 'entities, named', classes: MARKUP, apply: short((text) => text.replace(MARKS, (one) => NAMED[one] ?? one)) },
  {
    name: 'entities, unclosed',
    classes: MARKUP,
    apply: short((text) => text.replace(MARK_BEFORE_NO_DIGIT, (one) => `&#${String(code(one)).padStart(7, '0')}`)),
  },
  { name: 'case', classes: ['sqli', 'xss'], apply: short((text, dice) => mixedCase(text, dice)) },
  { name: 'full width', classes: MARKUP, apply: has(/^[^%]*$/, fullWidth) },
  {
    name: 'overlong',
    isExtra: true,
    classes: ['traversal', 'xss', 'sqli'],
    apply: short((text) => text.replace(MARKS, overlong)),
  },
  {
    name: 'comments as blanks',
    isExtra: true,
    classes: ['sqli'],
    apply: has(/\w +\w/, (text) => text.replace(/(?<=\w) +(?=\w)/g, '/**/')),
  },
  { name: 'plus as blank', isExtra: true, classes: ['sqli'], apply: has(/ /, (text) => text.replaceAll(' ', '+')) },
  {
    name: 'tabs',
    isExtra: true,
    classes: ['sqli', 'xss', 'rce'],
    apply: has(/ /, (text) => text.replaceAll(' ', '\t')),
  },
  {
    name: 'newlines',
    isExtra: true,
    classes: ['sqli', 'xss'],
    apply: has(/\w +\w/, (text) => text.replace(/(?<=\w) +(?=\w)/g, '\r\n')),
  },
  {
    name: 'null bytes',
    isExtra: true,
    classes: ['traversal', 'xss'],
    apply: has(/[<./]/, (text) => text.replace(/(?<=[</])/, '\0')),
  },
  { name: 'null at the end', isExtra: true, classes: ['traversal', 'sqli'], apply: (text) => `${text}%00.png` },
  {
    name: 'quotes in words',
    isExtra: true,
    classes: ['rce'],
    apply: has(COMMANDS, (text) => text.replace(COMMANDS, (word) => `${word.slice(0, 1)}''${word.slice(1)}`)),
  },
  {
    name: 'IFS as blank',
    isExtra: true,
    classes: ['rce'],
    apply: has(/\w [\w/-]/, (text) => text.replace(/(?<=\w) (?=[\w/-])/g, `$${'{IFS}'}`)),
  },
  {
    name: 'glued strings',
    isExtra: true,
    classes: ['xss'],
    apply: has(/\balert\(/, (text) => text.replace(/\balert\(/g, "window['al'+'ert'](")),
  },
  {
    name: 'glued strings',
    isExtra: true,
    classes: ['sqli'],
    apply: has(/'[a-z]{2,}'/i, (text) => text.replace(/'([a-z])([a-z]+)'/gi, "'$1'+'$2'")),
  },
];
