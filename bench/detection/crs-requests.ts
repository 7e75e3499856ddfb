import { existsSync } from 'node:fs';
import { z } from 'zod';
import { linesOf, type PathOf } from './corpora.ts';
import type { Probe } from './probe.ts';
import type { WholeRequest } from './subject.ts';

const REFUSED = 403;
const FORM = 'application/x-www-form-urlencoded';

/** Some tests have a number or nothing where a text should be. */
const text = z.union([z.string(), z.number().transform(String), z.null().transform(() => '')]).default('');

const crsLine = z.object({
  id: z.string(),
  group: z.string(),
  method: text,
  uri: text,
  headers: z.record(z.string(), text).nullable().default({}),
  data: text,
  encoded_request: z.string().optional(),
  crs4pl1_status: z.number().nullable(),
});
type CrsLine = z.output<typeof crsLine>;

/** The requests of `crs/requests_attack.jsonl` that CRS 4 at paranoia level 1 refuses: what any rule set should see. */
export const crsAttacks = (pathOf: PathOf): readonly Probe[] =>
  requestsOf(pathOf('crs/requests_attack.jsonl')).filter(isRefused).map(probeOf);

/** The requests of `crs/requests_negative.jsonl` that it lets pass. A negative that it refuses says nothing. */
export const crsHarmless = (pathOf: PathOf): readonly Probe[] =>
  requestsOf(pathOf('crs/requests_negative.jsonl'))
    .filter((line) => !isRefused(line))
    .map(probeOf);

const requestsOf = (path: string): readonly CrsLine[] => (existsSync(path) ? linesOf(path, crsLine) : []);
const isRefused = (line: CrsLine): boolean => line.crs4pl1_status === REFUSED;

function probeOf(line: CrsLine): Probe {
  const request = line.encoded_request === undefined ? stated(line) : parsed(line.encoded_request);
  const shown = `${request.method} ${request.uri} ${JSON.stringify(request.headers)} ${Buffer.from(request.body).toString('latin1')}`;
  return { id: line.id, source: line.group, weak: false, input: { kind: 'request', request, shown } };
}

/** As the tool that runs these tests sends them: a body without a type is a form. */
function stated({ method, uri, headers, data }: CrsLine): WholeRequest {
  const entries = Object.entries(headers ?? {}).map(([name, value]): [string, string] => [name.toLowerCase(), value]);
  const stated = Object.fromEntries(entries);
  const isUntyped = data !== '' && stated['content-type'] === undefined;
  return {
    method: method || 'GET',
    uri: uri || '/',
    headers: isUntyped ? { ...stated, 'content-type': FORM } : stated,
    body: Buffer.from(data),
  };
}

/** A raw request as it goes over the wire, read tolerantly: what no server takes must not be lost here. */
function parsed(encoded: string): WholeRequest {
  const raw = Buffer.from(encoded, 'base64').toString('latin1');
  const [, head = raw, body = ''] = /^(.*?)\r?\n\r?\n(.*)$/s.exec(raw) ?? [];
  const [requestLine = '', ...lines] = head.split(/\r?\n/);
  const [method = 'GET', uri = '/'] = requestLine.split(' ');
  const headers: Record<string, string> = {};
  for (const line of lines) {
    const colon = line.indexOf(':');
    if (colon > 0) headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
  }
  return { method, uri, headers, body: Buffer.from(body, 'latin1') };
}
