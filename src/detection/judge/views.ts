import { decode, type Trick } from './decode.ts';
import type { ViewName } from './types.ts';

/** The readings of one text: as it came, decoded, and as each kind of interpreter would read it. */
export interface Views {
  readonly decoded: string;
  readonly tricks: ReadonlySet<Trick>;
  /** One of them, made when it is first asked for: most texts are read in few ways. */
  of(view: ViewName): string;
}

/** All of them, the raw text first. */
export const VIEWS: readonly ViewName[] = ['raw', 'decoded', 'sql', 'js', 'path', 'shell'];

export function viewsOf(text: string): Views {
  const { text: decoded, tricks } = decode(text);
  const made: Partial<Record<ViewName, string>> = { raw: text, decoded };
  return {
    decoded,
    tricks,
    of: (view) => {
      const known = made[view];
      if (known !== undefined) return known;
      const read = READERS[view](decoded);
      made[view] = read;
      return read;
    },
  };
}

/** Comments of SQL are spaces, those that MySQL runs are their content, and all space is one blank. */
function sqlOf(text: string): string {
  let out = text;
  if (out.includes('/*'))
    out = out
      .replace(/\/\*!\d{0,6}/g, ' ')
      .replace(/\/\*[^*]{0,256}(?:\*[^/*][^*]{0,64}){0,16}\*\//g, ' ')
      .replaceAll('*/', ' ');
  if (/[\s\u00a0+`]/.test(out)) out = out.replace(/[\s\u00a0`]+/g, ' ');
  return out;
}

/** Browsers read over control characters inside of a scheme or a name, and so do we. */
function jsOf(text: string): string {
  let out = text;
  out = out.replace(CONTROL, '');
  if (out.includes('/*')) out = out.replace(/\/\*[^*]{0,256}\*\//g, '');
  return out;
}

/** One kind of slash, whatever stands for it; no empty and no `.` segments, no parameters of segments. */
function pathOf(text: string): string {
  if (!SLASHED.test(text)) return text;
  return text
    .replace(/0x2e/gi, '.')
    .replace(/0x(?:2f|5c)/gi, '/')
    .replace(/[\\\u2044\u2215\u2216\u29f8\uefc8\uf025]/g, '/')
    .replace(NO_ESCAPE, '/') // an escape that is none, where a slash is due
    .replace(/;[^/]{0,64}(?=\/)/g, '')
    .replace(/\/(?:\.?\/)+/g, '/');
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken out
const CONTROL = /[\x01-\x1f\x7f]+/g;
// biome-ignore lint/suspicious/noControlCharactersInRegex: bytes of broken escapes
const NO_ESCAPE = /(?<=[./?])(?:%[0-9a-z]{2}|[\x01-\x1f\x80-\xff])+/gi;
// biome-ignore lint/suspicious/noControlCharactersInRegex: bytes of broken escapes
const SLASHED = /[\\/\u2044\u2215\u2216\uefc8\uf025]|0x[25][cef]|[.?][%\x01-\x1f\x80-\xff]/i;

/** What a shell reads: `$IFS` is a space, quotes and backslashes inside of a word are nothing, `{a,b}` are words. */
function shellOf(text: string): string {
  if (!/[$'"\\{^@*?[\n]/.test(text)) return text;
  const lines = text.match(/\n/g)?.length ?? 0;
  return (lines > 2 ? text.replaceAll('\n', ' ') : text) // of a text with many lines none is a command by itself
    .replace(/\\[nr]/g, '\n')
    .replace(/\$\{?IFS\}?(?:%\?\?)?(?:\$\d|\[\d\])?/g, ' ')
    .replace(/\$(?:[@*!]|\{[@*]\}|[1-9]\b)/g, '')
    .replace(
      /\{([\w./-]+)((?:,[\w./=:*-]+)+)\}/g,
      (_all, first: string, rest: string) => first + rest.replaceAll(',', ' '),
    )
    .replace(/(?<=[A-Za-z/])(?:''|""|\\)(?=[A-Za-z/])/g, '')
    .replace(/(?<![\w'"])(['"])([a-z/]{1,12})\1(?=[\w/'"])|(?<=[\w/])(['"])([a-z/]{1,12})\3/gi, '$2$4')
    .replace(/\^(?=[A-Za-z])/g, '');
}

const READERS: Readonly<Record<ViewName, (decoded: string) => string>> = {
  raw: (text) => text,
  decoded: (text) => text,
  sql: sqlOf,
  js: jsOf,
  path: pathOf,
  shell: shellOf,
};
