import { gatewayFault } from './errors.ts';

/** What a request of Engine.IO asks for. */
export interface EngineQuery {
  readonly version: 3 | 4;
  readonly transport: 'polling' | 'websocket';
  readonly sid: string | undefined;
}

const OURS: ReadonlySet<string> = new Set(['EIO', 'transport', 'sid', 'j']);
const SID = /^[A-Za-z0-9_-]{1,128}$/;

/**
 * Reads the query strictly: what the back end would read in another way than we do could be another session.
 *
 * @throws GATEWAY_SOCKET_IO
 */
export function readEngineQuery(url: string): EngineQuery {
  const found = new Map<string, string>();
  for (const pair of pairsOf(url)) {
    const name = nameIn(pair);
    if (!OURS.has(name)) continue;
    if (found.has(name)) throw refusal(`${name} stands in it twice`);
    if (!pair.startsWith(`${name}=`)) throw refusal(`${name} is written in another way`);
    found.set(name, pair.slice(name.length + 1));
  }
  // A script of another origin runs it, whatever our answer says about who may read.
  if (found.has('j')) throw refusal('JSONP is not spoken');
  const version = found.get('EIO');
  const transport = found.get('transport');
  const sid = found.get('sid');
  if (version !== '4' && version !== '3') throw refusal('EIO must be 4');
  if (transport !== 'polling' && transport !== 'websocket') throw refusal('the transport is unknown');
  if (sid !== undefined && !SID.test(sid)) throw refusal('the session is unknown');
  return { version: version === '4' ? 4 : 3, transport, sid };
}

export const refusal = (reason: string) => gatewayFault('GATEWAY_SOCKET_IO', { reason });

function pairsOf(url: string): readonly string[] {
  const at = url.indexOf('?');
  return at === -1 ? [] : url.slice(at + 1).split('&');
}

function nameIn(pair: string): string {
  const end = pair.indexOf('=');
  const raw = end === -1 ? pair : pair.slice(0, end);
  try {
    return decodeURIComponent(raw.replaceAll('+', ' '));
  } catch {
    throw refusal('the query is not valid');
  }
}

/** The same target with another session, or without one; everything else stays as it was sent. */
export function withSid(url: string, sid: string | undefined, transport?: 'polling'): string {
  const path = url.split('?', 1)[0] ?? '';
  const pairs = pairsOf(url).flatMap((pair) => {
    if (pair.startsWith('sid=')) return sid === undefined ? [] : [`sid=${sid}`];
    return pair.startsWith('transport=') && transport !== undefined ? [`transport=${transport}`] : [pair];
  });
  return `${path}?${pairs.join('&')}`;
}
