/** A request or answer as it stands inside of a body. */
interface Message {
  readonly path: string;
  readonly query: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly type: string | undefined;
  readonly content: Buffer;
}

const MOST_HEADERS = 64;
const REQUEST_LINE =
  /^[A-Z-]{1,20} (?:[a-z][a-z0-9+.-]{1,20}:\/\/[^\s/?#]{0,255})?([^\s?#]*)(?:\?([^\s#]*))?(?:#\S*)?(?: HTTP\/[0-3](?:\.\d)?)?$/;
const STATUS_LINE = /^HTTP\/[0-3](?:\.\d)? \d{3}(?: [^\r\n]*)?$/;
const HEADER = /^([\w-]{1,64}):(.*)$/;

/**
 * Reads one request or answer of a batch.
 *
 * @returns undefined where it is none: then it is no more than a text
 * @see RFC 9112 §2.1, §10.2; OData 4.01 Protocol §11.7.2
 */
export function messageIn(bytes: Buffer): Message | undefined {
  const text = bytes.toString('latin1');
  const start = /^\s*/.exec(text)?.[0].length ?? 0;
  const blank = /\r?\n\r?\n/.exec(text.slice(start));
  const end = blank === null ? text.length : start + blank.index;
  const [first = '', ...lines] = bytes.toString('utf8', start, end).trimEnd().split(/\r?\n/);
  const request = REQUEST_LINE.exec(first);
  if ((request === null && !STATUS_LINE.test(first)) || lines.length > MOST_HEADERS) return undefined;
  const headers: [string, string][] = [];
  for (const line of lines) {
    const [, name, value = ''] = HEADER.exec(line) ?? [];
    if (name === undefined) return undefined;
    headers.push([name.toLowerCase(), value.trim()]);
  }
  return {
    path: request?.[1] ?? '',
    query: request?.[2] ?? '',
    headers,
    type: headers.find(([name]) => name === 'content-type')?.[1],
    content: bytes.subarray(blank === null ? text.length : end + blank[0].length),
  };
}
