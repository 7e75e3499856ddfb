import { usageFault } from './errors.ts';

/** What a curl command line would send. */
export interface CurlRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: string | undefined;
}

/** Options that change nothing of what is sent; those of the second list bring a value along. */
const FLAGS =
  /^(?:-[sSkLivgNf#0-46]+|--(?:silent|show-error|insecure|location|include|verbose|compressed|globoff|no-buffer|fail|http1\.1|http2|path-as-is))$/;
const WITH_VALUE =
  /^(?:-[omxwTE]|--(?:output|max-time|connect-timeout|proxy|write-out|cacert|cert|key|resolve|retry))$/;
const DATA = new Set(['-d', '--data', '--data-ascii', '--data-raw', '--data-binary', '--json', '--data-urlencode']);
const HEADERS: Readonly<Record<string, string>> = {
  ...{ '-A': 'user-agent', '--user-agent': 'user-agent', '-e': 'referer', '--referer': 'referer' },
  ...{ '-b': 'cookie', '--cookie': 'cookie' },
};

/** Reads a pasted curl command line. @throws CLI_USAGE for what it cannot be sure of */
export function requestOfCurl(line: string): CurlRequest {
  const words = wordsOf(line);
  if (words.shift() !== 'curl') throw usageFault('--curl takes a command line that begins with curl');
  const headers: [string, string][] = [];
  const data: string[] = [];
  let method: string | undefined;
  let url: string | undefined;
  let asQuery = false;
  for (let word = words.shift(); word !== undefined; word = words.shift()) {
    const [name, value] = splitOption(word, words);
    if (!name.startsWith('-')) url = name;
    else if (name === '-X' || name === '--request') method = value();
    else if (name === '--url') url = value();
    else if (name === '-H' || name === '--header') headers.push(headerOf(value()));
    else if (HEADERS[name] !== undefined) headers.push([HEADERS[name], value()]);
    else if (name === '-u' || name === '--user')
      headers.push(['authorization', `Basic ${Buffer.from(value()).toString('base64')}`]);
    else if (DATA.has(name)) data.push(dataOf(name, value(), headers));
    else if (name === '-G' || name === '--get') asQuery = true;
    else if (name === '-I' || name === '--head') method = 'HEAD';
    else if (WITH_VALUE.test(name)) value();
    else if (!FLAGS.test(name)) throw usageFault(`--curl does not know ${name}; give --url, --header and --body`);
  }
  if (url === undefined) throw usageFault('the curl line names no URL');
  const joined = data.length === 0 ? undefined : data.join('&');
  if (asQuery && joined !== undefined)
    return {
      method: method ?? 'GET',
      url: `${url}${url.includes('?') ? '&' : '?'}${joined}`,
      headers,
      body: undefined,
    };
  return { method: method ?? (joined === undefined ? 'GET' : 'POST'), url, headers, body: joined };
}

/** `-dX`, `--data=X` is none of curl's; a short option may have its value at its back. */
function splitOption(word: string, words: string[]): readonly [string, () => string] {
  const next = (): string => {
    const value = words.shift();
    if (value === undefined) throw usageFault(`${word} of the curl line needs a value`);
    return value;
  };
  const isGlued = /^-[XHdAebu]./.test(word) && !word.startsWith('--');
  return isGlued ? [word.slice(0, 2), () => word.slice(2)] : [word, next];
}

function headerOf(text: string): [string, string] {
  const colon = text.indexOf(':');
  if (colon < 1) throw usageFault('a header must look like "Name: value"');
  return [text.slice(0, colon).trim(), text.slice(colon + 1).trim()];
}

function dataOf(option: string, value: string, headers: [string, string][]): string {
  if (value.startsWith('@') && option !== '--data-raw')
    throw usageFault('the curl line sends a file; give it by --body @FILE');
  const type = option === '--json' ? 'application/json' : 'application/x-www-form-urlencoded';
  if (!headers.some(([name]) => name.toLowerCase() === 'content-type')) headers.push(['content-type', type]);
  if (option !== '--data-urlencode') return value;
  const equals = value.indexOf('=');
  if (equals === -1) return encodeURIComponent(value);
  return `${value.slice(0, equals + 1)}${encodeURIComponent(value.slice(equals + 1))}`;
}

/** As a shell splits it: both quotes, `$'…'` as browsers copy it, and backslashes. @see POSIX.1 XCU §2.2 */
function wordsOf(line: string): string[] {
  const words: string[] = [];
  const part = /\s+|\\\r?\n|'([^']*)'|\$'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)"|\\(.)|([^\s'"\\$]+|\$)/gsy;
  let word: string | undefined;
  for (const [whole, single, ansi, double, escaped, plain] of line.trim().matchAll(part)) {
    if (/^(?:\s+|\\\r?\n)$/.test(whole)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else
      word =
        (word ?? '') +
        (single ?? (ansi === undefined ? undefined : ansiOf(ansi)) ?? inDouble(double) ?? escaped ?? plain ?? '');
  }
  if (word !== undefined) words.push(word);
  return words;
}

const inDouble = (text: string | undefined): string | undefined => text?.replace(/\\(["\\$`])/g, '$1');

const ANSI: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', '0': '\0' };
const ansiOf = (text: string): string =>
  text.replace(/\\(?:x([0-9a-f]{2})|u([0-9a-f]{4})|(.))/gis, (_, hex?: string, unicode?: string, one = '') => {
    const code = hex ?? unicode;
    return code === undefined ? (ANSI[one] ?? one) : String.fromCharCode(Number.parseInt(code, 16));
  });
