import { decodePercent } from './percent.ts';
import { uploadOf } from './upload.ts';

/** What the head of a part says of it, as far as all servers read the same. */
export interface Disposition {
  /** Undefined where it has none. One that servers differ in is a place that no pattern names. */
  readonly name: string | undefined;
  readonly fileName: string | undefined;
  /** A field also where servers differ; `either` where some take a file for a field; undefined where it is neither. */
  readonly is: 'field' | 'file' | 'either' | undefined;
}

type Parameters = ReadonlyMap<string, { readonly value: string; readonly isQuoted: boolean }>;

/** In which some see the end of a line, or the end of a text. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what makes lines differ
const ODD_SIGN = /[\0-\x08\x0a-\x1f\x7f\x85\u2028\u2029]/;
const LINE = /^content-disposition:[ \t]*([\w-]+)/i;
const FILE_KIND = /^(?:form-data|file|attachment)$/i;
/** A backslash before a quote ends the text for some and not for others. */
const PARAMETER = /[ \t]*;[ \t]*([\w-]+\*?)=(?:"((?:[^"\\]|\\(?!"))*)"|([\w!#$%&'*+.^`|~-]+))/y;
const ANY_NAME = /name[\s*\d]*=/gi;
const NAMES = new Set(['name', 'filename', 'filename*']);
const LOOSE_NAME = /(?<!file)name[*\d]*\s*=\s*(?:"([^"]*)"|([^;]*))/gi;
const EXTENDED = /^(?:utf-8|iso-8859-1)'[\w-]*'((?:[\w!#$&+.^`|~-]|%[0-9a-f]{2})+)$/i;
/** A name in the way of mail, which some clients write beside one that is written as it should be. */
const MAIL_NAME = /^=\?utf-8\?b\?[\w+/]+=*\?=$/i;
const CONTENT_TYPE = /^content-type:[ \t]*[\w.+-]+\/[\w.+-]+/i;
/** What stands behind a file name where every server finds its end. */
const FILE_NAME_END = /;[ \t]*filename="[^"]+"(?:; |[ \t]*$|;[ \t]*filename\*)/i;

/**
 * Reads what a part is called and whether it is a file. Servers take the first or the last of two names, split lines
 * where others don't, take a file for a field where its name is empty, not in quotes, or nothing says its type: what is
 * written so that they differ is neither a plain name nor surely a file.
 *
 * @param lineEnd of the head
 */
export function dispositionOf(head: string, lineEnd: '\r\n' | '\n' | undefined): Disposition {
  const lines = lineEnd === undefined ? [head] : head.split(lineEnd);
  const told = lines.filter((line) => /content-disposition/i.test(line));
  if (told.length === 0) return { name: undefined, fileName: undefined, is: undefined };
  const [line = ''] = told;
  const isPlain = told.length === 1 && lineEnd !== undefined && !lines.some(isOddLine);
  const parameters = isPlain ? parametersOf(line) : undefined;
  if (parameters === undefined) return { name: unsureName(told.join('\n')), fileName: undefined, is: 'field' };
  const fileName = fileNameIn(parameters);
  const isFile = fileName !== undefined && FILE_KIND.test(LINE.exec(line)?.[1] ?? '');
  return {
    name: parameters.get('name')?.value,
    fileName,
    is: !isFile ? 'field' : FILE_NAME_END.test(line) && isTyped(lines) ? 'file' : 'either',
  };
}

/** Also one that goes on with the line before: not all servers know that. */
const isOddLine = (line: string): boolean => ODD_SIGN.test(line) || /^[ \t]/.test(line);

function isTyped(lines: readonly string[]): boolean {
  const types = lines.filter((line) => /content-type/i.test(line));
  return types.length === 1 && CONTENT_TYPE.test(types[0] ?? '');
}

/** @returns undefined where two servers could find other parameters, or another one of two */
function parametersOf(line: string): Parameters | undefined {
  const start = LINE.exec(line)?.[0].length;
  if (start === undefined) return undefined;
  const found = new Map<string, { value: string; isQuoted: boolean }>();
  let at = start;
  for (;;) {
    PARAMETER.lastIndex = at;
    const [all = '', key = '', quoted, bare = ''] = PARAMETER.exec(line) ?? [];
    if (all === '') break;
    const name = key.toLowerCase();
    if (found.has(name) || (name.endsWith('*') && name !== 'filename*')) return undefined;
    found.set(name, { value: quoted ?? bare, isQuoted: quoted !== undefined });
    at += all.length;
  }
  if (line.slice(at).trim() !== '') return undefined;
  const names = [...found.keys()].filter((name) => NAMES.has(name)).length;
  return names === (line.match(ANY_NAME)?.length ?? 0) ? found : undefined;
}

/** Two of them are one where both say the same of the file. */
function fileNameIn(parameters: Parameters): string | undefined {
  const plain = parameters.get('filename')?.value.trim();
  const extended = parameters.get('filename*')?.value;
  if (plain === undefined || plain === '') return undefined; // few know the extended one alone
  if (extended === undefined) return plain;
  const encoded = EXTENDED.exec(extended)?.[1];
  const name = encoded === undefined ? '' : decodePercent(encoded, false).trim();
  if (name === '') return undefined;
  return MAIL_NAME.test(plain) || uploadOf(name, 'octets') === uploadOf(plain, 'octets') ? name : undefined;
}

/** With signs that make a name in a place quoted, so that no exception and no unseen field means it. */
function unsureName(told: string): string | undefined {
  const names = [...told.matchAll(LOOSE_NAME)].map(([, quoted, bare]) => quoted ?? bare ?? '');
  return names.length === 0 ? undefined : `${names.slice(0, 8).join(' | ')} ?`;
}
