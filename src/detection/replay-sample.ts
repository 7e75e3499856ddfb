import type { IncomingHttpHeaders } from 'node:http';
import { z } from 'zod';

/** One recorded request, or one text of a corpus. */
export interface Sample {
  /** `line 12`, `entry 3`. */
  readonly place: string;
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body?: Uint8Array | undefined;
  /** What the record calls it; without one it counts as honest. */
  readonly label?: string | undefined;
}

/** What could not be read, and why. */
export interface BadSample {
  readonly place: string;
  readonly reason: string;
}

export type Read = { readonly sample: Sample } | { readonly bad: BadSample };

const MAX_URL = 1_048_576;

const pairs = z.array(z.object({ name: z.string(), value: z.string() }));
const headers = z.union([pairs, z.record(z.string(), z.union([z.string(), z.array(z.string())]))]);
const label = z.union([z.string(), z.number(), z.boolean()]).optional();

const recorded = z
  .object({
    method: z.string().max(32).default('GET'),
    url: z.string().max(MAX_URL).optional(),
    uri: z.string().max(MAX_URL).optional(),
    headers: headers.default({}),
    body: z.union([z.string(), z.null(), z.record(z.string(), z.json()), z.array(z.json())]).optional(),
    body_base64: z.base64().optional(),
    label,
  })
  .refine(({ url, uri }) => (url ?? uri) !== undefined);

const labelled = z
  .object({
    payload: z.string().optional(),
    value: z.string().optional(),
    text: z.string().optional(),
    label,
    class: label,
  })
  .refine(({ payload, value, text }) => (payload ?? value ?? text) !== undefined);

const harEntry = z.object({
  request: z.object({
    method: z.string().max(32),
    url: z.string().max(MAX_URL),
    headers: pairs.default([]),
    postData: z
      .object({
        mimeType: z.string().optional(),
        text: z.string().optional(),
        encoding: z.string().optional(),
        params: z.array(z.object({ name: z.string(), value: z.string().optional() })).optional(),
      })
      .optional(),
  }),
});

/** A line of JSON: a request with `url`, or a text with `payload`, `value` or `text`. */
export function sampleOfJson(text: string, place: string): Read {
  const value = parsed(text);
  if (value === undefined) return bad(place, 'is not JSON');
  if (typeof value === 'string') return textSample(value, place);
  const request = recorded.safeParse(value);
  if (request.success) {
    const { method, url, uri, headers: given, body, body_base64: base64, label: called } = request.data;
    const bytes = base64 === undefined ? bytesOf(body) : Buffer.from(base64, 'base64');
    return {
      sample: { place, method, ...wayOf(url ?? uri ?? '/', headersOf(given)), body: bytes, label: text_(called) },
    };
  }
  const corpus = labelled.safeParse(value);
  if (!corpus.success) return bad(place, 'has neither a url nor a payload, value or text');
  const { payload, value: other, text: third, label: called, class: kind } = corpus.data;
  return textSample(payload ?? other ?? third ?? '', place, text_(called ?? kind));
}

/** A text by itself, as the value of a query parameter. */
export function textSample(text: string, place: string, called?: string): Read {
  const url = `/?text=${encodeURIComponent(text.toWellFormed())}`;
  return { sample: { place, method: 'GET', url, headers: {}, label: called } };
}

/** One entry of a HAR file. @see http://www.softwareishard.com/blog/har-12-spec/ */
export function sampleOfHar(text: string, place: string): Read {
  const entry = harEntry.safeParse(parsed(text));
  if (!entry.success) return bad(place, 'is no entry with a request');
  const { method, url, headers: given, postData } = entry.data.request;
  const headersGiven = headersOf(given.filter(({ name }) => !name.startsWith(':')));
  const { text: said, encoding, params, mimeType } = postData ?? {};
  const form = params
    ?.map(({ name, value = '' }) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`)
    .join('&');
  const body = said === undefined ? form : said;
  const type = mimeType === undefined || headersGiven['content-type'] !== undefined ? {} : { 'content-type': mimeType };
  const bytes = body === undefined ? undefined : Buffer.from(body, encoding === 'base64' ? 'base64' : 'utf8');
  return { sample: { place, method, ...wayOf(url, { ...headersGiven, ...type }), body: bytes } };
}

/** `host - user [time] "GET /x HTTP/1.1" 200 12 "referer" "agent"`, as Apache and nginx write it. */
const ACCESS =
  /^\S+ \S+ [^[]*\[[^\]]*\] "((?:[^"\\]|\\.)*)" (?:\d{3}|-) \S+(?: "((?:[^"\\]|\\.)*)" "((?:[^"\\]|\\.)*)")?/;
const ASKED = /^([A-Za-z]{1,32}) (\S+)(?: HTTP\/[\d.]+)?$/;

export const isAccessLine = (line: string): boolean => ACCESS.test(line);

/** @see Apache mod_log_config: common and combined; nginx: combined */
export function sampleOfAccessLine(line: string, place: string): Read {
  const [matched, asked = '', referer = '-', agent = '-'] = ACCESS.exec(line) ?? [];
  if (matched === undefined) return bad(place, 'is no line of an access log');
  const [, method, url] = ASKED.exec(unescaped(asked)) ?? [];
  if (method === undefined || url === undefined) return bad(place, 'has no request in its quotes');
  const known = { ...(referer === '-' ? {} : { referer }), ...(agent === '-' ? {} : { 'user-agent': agent }) };
  const told = Object.fromEntries(Object.entries(known).map(([name, value]) => [name, unescaped(value)]));
  return { sample: { place, method, ...wayOf(url, told) } };
}

const unescaped = (text: string): string =>
  text.replace(/\\(?:x([0-9a-fA-F]{2})|(.))/g, (_, hex?: string, one?: string) =>
    hex === undefined ? (one ?? '') : String.fromCharCode(Number.parseInt(hex, 16)),
  );

/** Headers as Node has them: lower case, several of a name joined. */
export function headersOf(
  given: z.output<typeof headers> | readonly (readonly [string, string])[],
): IncomingHttpHeaders {
  const joined: Record<string, string> = Object.create(null);
  const add = (name: string, value: string): void => {
    const key = name.toLowerCase();
    const before = joined[key];
    joined[key] = before === undefined ? value : `${before}${key === 'cookie' ? '; ' : ', '}${value}`;
  };
  if (!Array.isArray(given)) {
    for (const [name, value] of Object.entries(given)) for (const one of [value].flat()) add(name, String(one));
  } else for (const one of given) 'name' in one ? add(one.name, one.value) : add(one[0], one[1]);
  return joined;
}

const ORIGIN = /^[a-z][a-z0-9+.-]*:\/\/([^/?#]*)/i;

/** The target of a request as a server gets it: what stands before the path is the host, and a fragment is never sent. */
export function wayOf(url: string, known: IncomingHttpHeaders): Pick<Sample, 'url' | 'headers'> {
  const [origin = '', authority = ''] = ORIGIN.exec(url) ?? [];
  const [target = ''] = url.slice(origin.length).split('#', 1);
  const host = origin === '' || known.host !== undefined ? {} : { host: authority.replace(/^.*@/, '') };
  return { url: target.startsWith('/') ? target : `/${target}`, headers: { ...host, ...known } };
}

const bad = (place: string, reason: string): Read => ({ bad: { place, reason } });

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function bytesOf(body: unknown): Uint8Array | undefined {
  if (body === undefined || body === null) return undefined;
  return Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
}

const text_ = (value: string | number | boolean | undefined): string | undefined =>
  value === undefined ? undefined : String(value).slice(0, 64);
