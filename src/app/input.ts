import type { IncomingMessage } from 'node:http';
import { httpFault, type Input, mediaType, parseJson, parseWith, type Route, readBody } from '../http/index.ts';

const JSON_TYPE = /^application\/(?:[a-z0-9.+-]+\+)?json$/;

type Parsed = Pick<Input, 'params' | 'query' | 'body' | 'stream'>;

/**
 * What a request says, as its route's schemas want it.
 *
 * @param inspect looks at the bytes of a body that is as the schema wants it, and throws what it refuses them with
 * @throws HTTP_INPUT_REFUSED, HTTP_BODY_MISSING, HTTP_BODY_TYPE and those of `readBody` and `parseJson`
 */
export async function readInput(
  route: Route,
  request: IncomingMessage,
  params: unknown,
  inspect: (body: Uint8Array) => Promise<void> | undefined,
): Promise<Parsed> {
  const given = {
    params: route.params === undefined ? undefined : parseWith(route.params, params, 'path'),
    query: route.query === undefined ? undefined : parseWith(route.query, queryOf(request.url ?? ''), 'query'),
  };
  const type = mediaType(request.headers['content-type']);
  if (route.streams?.includes(type)) return { ...given, body: undefined, stream: request };
  if (route.body === undefined) return { ...given, body: undefined, stream: undefined };
  if (!hasBody(request)) {
    if (!route.bodyOptional) throw httpFault('HTTP_BODY_MISSING');
    return { ...given, body: parseWith(route.body, {}, 'body'), stream: undefined };
  }
  if (!JSON_TYPE.test(type)) {
    throw httpFault('HTTP_BODY_TYPE', { taken: ['application/json', ...(route.streams ?? [])].join(', ') });
  }
  const bytes = await readBody(request, route.maxBodyBytes);
  if (bytes.length === 0) throw httpFault('HTTP_BODY_MISSING');
  const body = parseWith(route.body, parseJson(bytes), 'body');
  // Only what the schema admits: whoever mistypes a meter's id is to read what is wrong with it, and not that they attack.
  const inspected = inspect(bytes);
  if (inspected !== undefined) await inspected;
  return { ...given, body, stream: undefined };
}

export function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}

/** Each name once: of two values for one name different programs believe different ones. @throws HTTP_MALFORMED */
function queryOf(url: string): Record<string, string> {
  const start = url.indexOf('?');
  const query: Record<string, string> = Object.create(null);
  if (start === -1) return query;
  for (const [name, value] of new URLSearchParams(url.slice(start + 1))) {
    if (name in query) throw httpFault('HTTP_MALFORMED', { reason: 'a query parameter is given twice' });
    query[name] = value;
  }
  return query;
}
