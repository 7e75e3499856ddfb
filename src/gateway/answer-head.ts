import { gatewayFault } from './errors.ts';
import { createOwnCookies, type OwnCookies } from './own-cookies.ts';

/** Of one hop, or ours alone to say: a back end can't vouch for anybody, nor rename a request. */
const DROPPED = new Set([
  ...['connection', 'keep-alive', 'te', 'trailer', 'transfer-encoding', 'upgrade', 'proxy-connection'],
  ...['proxy-authenticate', 'proxy-authentication-info', 'x-request-id', 'http2-settings'],
]);
/** Which software answers is a hint for attackers alone. */
const TELLING = new Set(['server', 'x-powered-by', 'x-aspnet-version', 'x-aspnetmvc-version']);
/** Switches on a filter that browsers have taken out, for it could be turned against pages; in our words where a profile has it. */
const FILTER = 'x-xss-protection';
const OURS = 'twinkeep-';
const MAX_HEADERS = 200;
const MAX_NAMES = 2_048;

/** What a back end said: names in lower case, and the bytes of the values as latin1. */
export type SaidHeaders = Readonly<Record<string, string | readonly string[] | undefined>>;

export interface AnswerOptions {
  /** Added where the back end says nothing of its own. */
  readonly answerHeaders: readonly string[];
  /** `http://host:port` of the back end, taken out of redirects. */
  readonly origin: string;
  readonly status: number;
  /** With `pass` the back end looks after the cookies of profiles itself; those of our own are never its to set. */
  readonly credential: 'strip' | 'pass';
}

/** The head of an answer as the client gets it. */
export interface AnswerHead {
  /** Names and values in turn. */
  readonly fields: string[];
  /** The length of the body that the head tells; -1 where it tells none. */
  readonly length: number;
}

/** Makes the heads of answers. */
export interface AnswerHeads {
  /** @throws GATEWAY_ANSWER for more headers than anybody needs */
  of(said: SaidHeaders, options: AnswerOptions): AnswerHead;
  /** The same for what undici left as it was read. @param raw names and values in turn: buffers */
  ofRaw(raw: unknown, options: AnswerOptions): AnswerHead;
}

/** What becomes of a header: of the back end's, and of ours of the same name. */
interface Fate {
  readonly name: string;
  readonly said: 'pass' | 'drop' | 'length' | 'cookie' | 'redirect' | 'cors';
  readonly added: 'unless-said' | 'never' | 'always';
}

/** @param assertionHeader in lower case */
export function createAnswerHeads(assertionHeader: string, cookies: OwnCookies): AnswerHeads {
  const native = createOwnCookies([]);
  const fates = new Map<string, Fate>();

  /** Judged once for each spelling: most answers have the same names. */
  function fateOf(spelling: string): Fate {
    const known = fates.get(spelling);
    if (known !== undefined) return known;
    const fate = judge(spelling.toLowerCase(), assertionHeader);
    if (fates.size < MAX_NAMES) fates.set(spelling, fate); // a back end could make up names without end
    return fate;
  }

  const of: AnswerHeads['of'] = (said, { answerHeaders, origin, status, credential }) => {
    const refused = credential === 'pass' ? native : cookies;
    const gone = nominated(said['connection']);
    const unframed = status === 204 || said['transfer-encoding'] !== undefined;
    const fields: string[] = [];
    let length = -1;
    let count = 0;
    for (const name in said) {
      const value = said[name] ?? '';
      count += typeof value === 'string' ? 1 : value.length;
      if (count > MAX_HEADERS) throw gatewayFault('GATEWAY_ANSWER', { reason: 'too many headers' });
      const fate = fateOf(name).said;
      if (fate === 'drop' || gone?.includes(name)) continue;
      if (fate === 'cors' && (saysCors(answerHeaders) || value === 'null')) continue;
      if (fate === 'length') {
        if (unframed) continue; // one framing, and none where no body is
        length = Number(value);
      }
      if (typeof value === 'string') pushSaid(fields, fate, name, value, origin, refused);
      else for (const one of value) pushSaid(fields, fate, name, one, origin, refused);
    }
    for (let at = 0; at < answerHeaders.length; at += 2) {
      const { name, added } = fateOf(answerHeaders[at] ?? '');
      if (added === 'never') continue;
      if (added === 'always' || said[name] === undefined || gone?.includes(name) === true)
        fields.push(name, answerHeaders[at + 1] ?? '');
    }
    return { fields, length };
  };

  return { of, ofRaw: (raw, options) => of(saidIn(raw), options) };
}

function judge(name: string, assertionHeader: string): Fate {
  const ours = name.startsWith(OURS) || name === assertionHeader;
  if (name === 'x-request-id') return { name, said: 'drop', added: 'always' };
  if (DROPPED.has(name)) return { name, said: 'drop', added: 'never' };
  if (TELLING.has(name) || name === FILTER) return { name, said: 'drop', added: 'always' };
  if (isCors(name)) return { name, said: ours ? 'drop' : 'cors', added: 'always' };
  if (name === 'vary') return { name, said: 'pass', added: 'always' }; // a list: ours stands beside theirs
  const said =
    name === 'content-length' ? 'length' : name === 'set-cookie' ? 'cookie' : name === 'location' ? 'redirect' : 'pass';
  return { name, said: ours ? 'drop' : said, added: 'unless-said' };
}

const isCors = (name: string): boolean => name.startsWith('access-control-');

/**
 * Then ours is the one policy that decides which pages may read: of two, browsers accept none, and of an origin that is
 * not on our list it says no more than that the answer varies by it. Where it says nothing at all, the back end's stands,
 * but for `null`: that is every page in a sandbox.
 */
const saysCors = (answerHeaders: readonly string[]): boolean =>
  answerHeaders.some((name, at) => {
    if (at % 2 !== 0) return false;
    const lower = name.toLowerCase();
    return isCors(lower) || (lower === 'vary' && answerHeaders[at + 1] === 'Origin');
  });

function pushSaid(
  fields: string[],
  fate: Fate['said'],
  name: string,
  value: string,
  origin: string,
  refused: OwnCookies,
): void {
  if (fate === 'cookie' && refused.has(value)) return;
  fields.push(name, fate === 'redirect' ? pathOf(value, origin) : value);
}

function saidIn(raw: unknown): SaidHeaders {
  const pairs: readonly unknown[] = Array.isArray(raw) ? raw : [];
  const said = new Map<string, string[]>();
  for (let at = 0; at < pairs.length; at += 2) {
    const name = textOf(pairs[at]).toLowerCase();
    const value = textOf(pairs[at + 1]);
    const values = said.get(name);
    if (values === undefined) said.set(name, [value]);
    else values.push(value);
  }
  return Object.fromEntries(said);
}

/** Header values are bytes; latin1 gives them back as they were. */
const textOf = (part: unknown): string =>
  typeof part === 'string' ? part : Buffer.isBuffer(part) ? part.toString('latin1') : '';

/** Framing and cookies can't be named away by a back end that lists them in `Connection`. */
function nominated(said: string | readonly string[] | undefined): readonly string[] | undefined {
  if (said === undefined || said === 'keep-alive' || said === 'close') return undefined;
  const names = String(said).split(','); // of several, an array prints as the one list that they are
  const plain = names.map((name) => name.trim().toLowerCase());
  return plain.filter((name) => name !== 'set-cookie' && !name.startsWith('content-'));
}

/** A redirect to the back end's own address would show it to the world, and lead nowhere. */
function pathOf(location: string, origin: string): string {
  if (!location.startsWith(origin)) return location;
  const rest = location.slice(origin.length);
  return rest === '' ? '/' : rest.startsWith('/') && !rest.startsWith('//') ? rest : location;
}
