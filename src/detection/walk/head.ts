import type { IncomingHttpHeaders } from 'node:http';
import { visitClaims, visitValue } from './json.ts';
import type { Oddity, Visit } from './leaf.ts';
import { visitDecoded, walkPairs } from './pairs.ts';
import { utf8Of } from './percent.ts';
import { endWalk, enterPart, startWalk, visitName, visitText, type Walk } from './walk.ts';

/** Of headers that come again. */
export interface HeaderMemory {
  /** Whether it need not be walked. */
  isKnown(name: string, value: string): boolean;
  /** Behind each that was, and where there was no oddity. */
  walked(name: string, value: string): void;
}

/** Of what a header name is made where nobody hides something in it. */
const PLAIN_HEADER = /^[\w-]+$/;
/**
 * Of what tokens and keys are made: in these characters, one word that is no path, address or option, no attack can be
 * written.
 */
const TOKEN = String.raw`(?![/.-])(?!.*(?:\.\.|//))[\w.~+/=:-]*$`;
const KEY = new RegExp(`^${TOKEN}`);
const CREDENTIALS = new RegExp(`^(?:[A-Za-z][\\w-]*[ \\t]+)?${TOKEN}`);
const PASSWORD = /^[!-~]{0,64}$/;
const BASIC = /^basic\s+(\S.*)$/is;
/** Others leave out what is none of it, or read it in the other alphabet. */
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;
const NO_BASE64 = /[^A-Za-z0-9+/]/g;

/**
 * Visits every text of a request's head: the whole path, its segments and their `;x=` parameters, the query, every
 * header, names and values of cookies. Secrets (tokens, API keys) are not visited as long as they look like secrets;
 * Basic credentials are visited decoded.
 *
 * @returns what could not be looked at
 */
export function walkHead(
  { url, headers }: { method: string; url: string; headers: IncomingHttpHeaders },
  visit: Visit,
  memory?: HeaderMemory,
): readonly Oddity[] {
  const walk = startWalk(visit, 'path');
  const mark = url.indexOf('?');
  walkPath(walk, mark === -1 ? url : url.slice(0, mark));
  if (mark !== -1 && mark + 1 < url.length) walkQuery(walk, url.slice(mark + 1));
  enterPart(walk, 'header', undefined);
  for (const name in headers) {
    const value = headers[name];
    if (typeof value === 'string') {
      if (memory?.isKnown(name, value)) continue;
      walkHeader(walk, name, value);
      if (walk.oddities.length === 0) memory?.walked(name, value);
    } else if (value !== undefined) for (const one of value) walkHeader(walk, name, one);
  }
  return endWalk(walk);
}

function walkPath(walk: Walk, path: string): void {
  visitRaw(walk, path);
  walk.depth = 1;
  let index = 0;
  for (let from = path.charCodeAt(0) === 0x2f ? 1 : 0; from < path.length; index++) {
    const found = path.indexOf('/', from);
    const end = found === -1 ? path.length : found;
    walk.steps[0] = index;
    if (end > from) walkSegment(walk, path.slice(from, end));
    from = end + 1;
  }
}

function walkSegment(walk: Walk, segment: string): void {
  visitDecoded(walk, segment, false);
  const semicolon = segment.indexOf(';');
  if (semicolon === -1) return;
  for (const parameter of segment.slice(semicolon + 1).split(';', 100)) {
    const equals = parameter.indexOf('=');
    if (equals > 0) {
      walk.steps[1] = parameter.slice(0, equals);
      walk.depth = 2;
      visitName(walk, parameter.slice(0, equals));
    }
    visitDecoded(walk, parameter.slice(equals + 1), false);
    walk.depth = 1;
  }
}

function walkQuery(walk: Walk, query: string): void {
  enterPart(walk, 'query', []);
  const utf8 = utf8Of(query);
  if (utf8 !== undefined) visitText(walk, query);
  walkPairs(walk, utf8 ?? query);
}

function walkHeader(walk: Walk, name: string, value: string): void {
  if (name === 'cookie') {
    walkCookies(walk, value);
    return;
  }
  walk.steps[0] = name;
  walk.depth = 1;
  if (!PLAIN_HEADER.test(name)) visitName(walk, name);
  if (name === 'authorization' || name === 'proxy-authorization' || name === 'x-api-key')
    walkSecret(walk, value, name === 'x-api-key');
  else visitRaw(walk, value);
}

/** A secret is no attack; what stands in its place and is none is visited, or it would be a place to hide. */
function walkSecret(walk: Walk, value: string, isKey: boolean): void {
  const credentials = isKey ? undefined : BASIC.exec(value)?.[1];
  if (credentials !== undefined) {
    walkBasic(walk, Buffer.from(credentials, 'base64').toString('latin1'));
    if (BASE64.test(credentials)) return;
    visitRaw(walk, value);
    walkBasic(walk, Buffer.from(credentials.replace(NO_BASE64, ''), 'base64').toString('latin1'));
    return;
  }
  if (!(isKey ? KEY : CREDENTIALS).test(value)) visitRaw(walk, value);
  visitClaims(walk, value.slice(value.search(/\S+$/)));
}

/**
 * A password has a place of its own, which a route can leave unseen. One that was made at random looks like anything, so
 * what could be one is visited as noise is.
 *
 * @see RFC 7617 §2
 */
function walkBasic(walk: Walk, credentials: string): void {
  const colon = credentials.indexOf(':');
  visitRaw(walk, colon === -1 ? credentials : credentials.slice(0, colon));
  const password = colon === -1 ? '' : credentials.slice(colon + 1);
  walk.steps[1] = 'password';
  walk.depth = 2;
  walk.isBinary = PASSWORD.test(password);
  visitRaw(walk, password);
  walk.isBinary = false;
  walk.depth = 1;
}

function walkCookies(walk: Walk, header: string): void {
  enterPart(walk, 'cookie', []);
  for (let from = 0; from < header.length; ) {
    walk.depth = 0;
    const found = header.indexOf(';', from);
    const end = found === -1 ? header.length : found;
    walkCookie(walk, header.slice(from, end).trim());
    from = end + 1;
  }
  enterPart(walk, 'header', undefined);
}

function walkCookie(walk: Walk, cookie: string): void {
  const equals = cookie.indexOf('=');
  if (equals > 0) {
    const name = cookie.slice(0, equals);
    walk.steps[0] = name;
    walk.depth = 1;
    walk.parameters?.push(name);
    visitName(walk, name);
  }
  const value = cookie.slice(equals + 1);
  visitDecoded(walk, utf8Of(value) ?? value, false);
}

/** Visits a text as its bytes read in Latin-1, as Node gives it, and in UTF-8 where that is another one. */
function visitRaw(walk: Walk, text: string): void {
  visitValue(walk, text);
  const utf8 = utf8Of(text);
  if (utf8 !== undefined) visitText(walk, utf8);
}
