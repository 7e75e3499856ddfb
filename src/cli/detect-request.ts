import { readFileSync } from 'node:fs';
import { buffer } from 'node:stream/consumers';
import { headersOf, type Sample, textSample, wayOf } from '../detection/index.ts';
import type { Arguments } from './command.ts';
import { requestOfCurl } from './detect-curl.ts';
import { failure, usageFault } from './errors.ts';

const WAYS = ['url', 'raw', 'curl', 'text'] as const;
const MAX_BYTES = 67_108_864;

/** @throws CLI_USAGE, CLI_FAILED */
export async function requestOf(args: Arguments): Promise<Sample> {
  const given = WAYS.filter((way) => args.text(way) !== undefined);
  const [way, second] = given;
  if (way === undefined) throw usageFault('give a request: --url, --raw, --curl or --text');
  if (second !== undefined) throw usageFault(`--${way} and --${second} exclude each other`);
  const also = ['method', 'header', 'body'].find((name) => args.list(name).length > 0);
  if (way !== 'url' && also !== undefined) throw usageFault(`--${also} goes with --url`);
  return readAs(way, args.text(way) ?? '', args);
}

async function readAs(way: (typeof WAYS)[number], value: string, args: Arguments): Promise<Sample> {
  switch (way) {
    case 'text': {
      const read = textSample(value, 'text');
      return 'sample' in read ? read.sample : fail('--text cannot be read');
    }
    case 'curl': {
      const { method, url, headers, body } = requestOfCurl(value);
      return sample(method, url, headers, body === undefined ? undefined : Buffer.from(body));
    }
    case 'raw':
      return requestOfRaw(await bytesOf(value));
    case 'url': {
      const body = bodyOf(args.text('body'));
      const method = args.text('method') ?? (body === undefined ? 'GET' : 'POST');
      return sample(method, value, args.list('header').map(headerOf), body);
    }
  }
}

function sample(
  method: string,
  url: string,
  headers: readonly (readonly [string, string])[],
  body: Uint8Array | undefined,
): Sample {
  return { place: 'request', method: method.toUpperCase(), ...wayOf(url, headersOf(headers)), body };
}

/** @see RFC 9112 §2.1: a start line, fields and an empty line, then the body as it is */
export function requestOfRaw(bytes: Uint8Array): Sample {
  const text = Buffer.from(bytes).toString('latin1');
  const end = /\r?\n\r?\n/.exec(text);
  const head = (end === null ? text : text.slice(0, end.index)).split(/\r?\n/);
  const [, method = '', url] = /^([A-Za-z]+) (\S+)(?: HTTP\/[\d.]+)?\s*$/.exec(head[0] ?? '') ?? [];
  if (url === undefined) throw usageFault('the request must begin with a line like: POST /v1/x HTTP/1.1');
  const headers = head
    .slice(1)
    .filter((line) => line.trim() !== '')
    .map(headerOf);
  if (headers.some(([name]) => name.toLowerCase() === 'transfer-encoding'))
    throw usageFault('a chunked body cannot be read here; save the request with its body in one piece');
  const body = end === null ? undefined : bytes.subarray(end.index + end[0].length);
  return sample(method, url, headers, body === undefined || body.length === 0 ? undefined : body);
}

function headerOf(text: string): readonly [string, string] {
  const colon = text.indexOf(':');
  if (colon < 1) throw usageFault('a header must look like "Name: value"');
  return [text.slice(0, colon).trim(), text.slice(colon + 1).trim()];
}

function bodyOf(text: string | undefined): Uint8Array | undefined {
  if (text === undefined) return undefined;
  return text.startsWith('@') ? fileOf(text.slice(1)) : Buffer.from(text);
}

async function bytesOf(file: string): Promise<Uint8Array> {
  return file === '-' ? buffer(process.stdin) : fileOf(file);
}

function fileOf(file: string): Uint8Array {
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(file);
  } catch (error) {
    throw failure(`${file} cannot be read.`, {}, error);
  }
  return bytes.length > MAX_BYTES ? fail(`${file} has more than ${MAX_BYTES} bytes.`) : bytes;
}

function fail(message: string): never {
  throw failure(message);
}
