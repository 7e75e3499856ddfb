import { existsSync, readFileSync } from 'node:fs';
import { z } from 'zod';
import type { Probe } from './probe.ts';
import { isWeak } from './weak.ts';

/** Makes a path within the shared vectors into one of the system. */
export type PathOf = (path: string) => string;

const attackLine = z.object({ id: z.string(), src: z.string(), payload: z.string() });
const benignLine = z.object({
  id: z.string(),
  src: z.string(),
  channel: z.enum(['param', 'body', 'json', 'user-agent', 'request']),
  value: z.string(),
  method: z.string().optional(),
  body: z.string().optional(),
});
type BenignLine = z.output<typeof benignLine>;

/** All lines of one JSONL file. */
export function linesOf<T>(path: string, line: z.ZodType<T>): readonly T[] {
  return readFileSync(path, 'utf8')
    .split('\n')
    .filter((text) => text !== '')
    .map((text) => line.parse(JSON.parse(text)));
}

/** One class of `attacks/`; empty where the file is absent. */
export function attacksOf(pathOf: PathOf, attackClass: string): readonly Probe[] {
  const path = pathOf(`attacks/${attackClass}.jsonl`);
  if (!existsSync(path)) return [];
  const lines = linesOf(path, attackLine);
  const folds = foldsOf(attackClass, lines);
  return lines.map(({ id, src, payload }) => ({
    id,
    source: src,
    fold: folds.get(src),
    weak: isWeak(attackClass, payload),
    input: { kind: 'value', text: payload, channel: 'value' },
  }));
}

/** A list shorter than this shares its fold with others of its class: what is left out more is not seen either. */
const SHORT_LIST = 30;

/** Each source is a fold, for lines of one list are alike: split at random they would be half seen. */
function foldsOf(attackClass: string, lines: readonly { readonly src: string }[]): ReadonlyMap<string, string> {
  const counts = new Map<string, number>();
  for (const { src } of lines) counts.set(src, (counts.get(src) ?? 0) + 1);
  return new Map([...counts].map(([src, count]) => [src, count < SHORT_LIST ? `${attackClass}: short lists` : src]));
}

/** Honest corpora are of one source each, and not of lists: every fifth line is a fold. */
const HONEST_FOLDS = 5;

/** One class of `benign/`; empty where the file is absent. */
export function benignOf(pathOf: PathOf, name: string): readonly Probe[] {
  const path = pathOf(`benign/${name}.jsonl`);
  if (!existsSync(path)) return [];
  return linesOf(path, benignLine).map((line, i) => ({
    id: line.id,
    source: line.src,
    fold: `${name} ${i % HONEST_FOLDS}`,
    weak: false,
    input: inputOf(line),
  }));
}

function inputOf({ channel, value, method = 'GET', body = '' }: BenignLine): Probe['input'] {
  switch (channel) {
    case 'param':
    case 'body':
      return { kind: 'value', text: value, channel: 'value' };
    case 'user-agent':
      return { kind: 'value', text: value, channel: 'user-agent' };
    case 'json':
      return jsonInput(value);
    case 'request': {
      const headers = body === '' ? HEADERS : { ...HEADERS, 'content-type': 'application/x-www-form-urlencoded' };
      const request = { method, uri: value, headers, body: Buffer.from(body) };
      return { kind: 'request', request, shown: `${method} ${value} ${body}` };
    }
  }
}

/** What a browser sends with all of its requests. */
export const HEADERS = {
  host: 'twin.example.org',
  'user-agent': 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0',
  accept: 'application/json, text/plain, */*',
  'accept-language': 'en-GB,en;q=0.7,de;q=0.3',
} as const;

/** A JSON text as the body of a request. */
export const jsonInput = (text: string): Probe['input'] => ({
  kind: 'request',
  request: {
    method: 'POST',
    uri: '/v1/readings',
    headers: { ...HEADERS, 'content-type': 'application/json' },
    body: Buffer.from(text),
  },
  shown: text,
});
