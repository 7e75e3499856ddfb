import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type IncomingHttpHeaders, request } from 'node:http';
import { text } from 'node:stream/consumers';
import { isDeepStrictEqual } from 'node:util';
import { decodeJwt } from 'jose';
import { Secret, TOTP } from 'otpauth';
import { KIT_PASSWORD, type Kit } from '../../src/testing/index.ts';
import { createJar, type Jar, type SetCookie } from './cookie-jar.ts';
import type { Step } from './recorded.ts';

/** Where a profile is served. */
export interface Mount {
  readonly host: string | undefined;
  readonly at: string;
}

/** One client of an older system, with its cookies and with what it remembers. */
export interface Player {
  /** @throws AssertionError that names the step and what it answered */
  play(step: Step): Promise<void>;
}

interface Answered {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: unknown;
  readonly raw: string;
  readonly set: ReadonlyMap<string, SetCookie>;
}

export function createPlayer(kit: Pick<Kit, 'address' | 'clock'>, { host, at }: Mount): Player {
  const kept = new Map<string, string>([
    ['password', KIT_PASSWORD],
    ['at', at],
  ]);
  const jar = createJar(() => kit.clock.now());

  /** @throws AssertionError for a name that nothing was kept under */
  function filled<T>(value: T): T;
  function filled(value: unknown): unknown {
    if (typeof value === 'string') return value.replaceAll(/\{\{([a-z]+) ?([^}]*)\}\}/gi, (_, ...said) => named(said));
    if (Array.isArray(value)) return value.map((one: unknown) => filled(one));
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, filled(one)]));
  }

  function named([word, of]: readonly string[]): string {
    if (word === 'cookie') return jar.readable(of ?? '') ?? assert.fail(`no script can read a cookie ${of}`);
    const held = kept.get((word === 'totp' ? of : word) ?? '');
    assert.ok(held !== undefined, `nothing was kept for ${word} ${of}`);
    if (word !== 'totp') return held;
    return new TOTP({ secret: Secret.fromBase32(held) }).generate({ timestamp: kit.clock.now() });
  }

  async function play({ does, later_s: later, request: asked, answer: expected, keep }: Step): Promise<void> {
    if (later !== undefined) kit.clock.advance(later * 1_000);
    const answered = await send(kit.address, filled(asked), { host, at, jar });
    const place = `${does}: ${asked.method} ${asked.path} answered ${answered.status} ${answered.raw.slice(0, 500)}`;
    assertAnswer(answered, filled(expected), place);
    for (const [name, from] of Object.entries(keep)) {
      const found = from.startsWith('totp ') ? named(from.split(' ')) : takenFrom(answered, from);
      assert.ok(typeof found === 'string' && found !== '', `no ${from} to keep; ${place}`);
      kept.set(name, found);
    }
  }

  return { play };
}

type Sending = Mount & { readonly jar: Jar };

async function send(address: string, asked: Step['request'], { host, at, jar }: Sending): Promise<Answered> {
  const { method, native, token, no_cookies: bare } = asked;
  const path = native ? asked.path : at + asked.path;
  const [type, payload] = bodyOf(asked);
  const cookies = bare ? '' : jar.header(path);
  const headers: Record<string, string> = {
    ...(host === undefined || native ? {} : { host }),
    ...(type === undefined ? {} : { 'content-type': type, 'content-length': String(Buffer.byteLength(payload)) }),
    ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    ...(cookies === '' ? {} : { cookie: cookies }),
    ...asked.headers,
  };
  const sent = request(new URL(path, address), { method, headers, agent: false });
  sent.end(payload);
  const [response] = await once(sent, 'response');
  const raw = await text(response);
  const set = jar.take(response.headers['set-cookie'] ?? [], path);
  return { status: response.statusCode, headers: response.headers, raw, body: jsonOf(raw), set };
}

function bodyOf({ json, form, text: plain }: Step['request']): readonly [type: string | undefined, payload: string] {
  if (json !== undefined) return ['application/json', JSON.stringify(json)];
  if (form !== undefined) return ['application/x-www-form-urlencoded', new URLSearchParams(form).toString()];
  return plain === undefined ? [undefined, ''] : ['application/json', plain];
}

function assertAnswer(answered: Answered, expected: Step['answer'], place: string): void {
  assert.equal(answered.status, expected.status, place);
  if ('body' in expected && expected.body !== undefined) assert.deepEqual(answered.body, expected.body, place);
  for (const [path, kind] of Object.entries(expected.members)) assertIs(at(answered.body, path), kind, path, place);
  for (const [path, claims] of Object.entries(expected.claims)) {
    const said = decodeJwt(String(at(answered.body, path)));
    for (const [name, kind] of Object.entries(claims)) assertIs(said[name], kind, `claim ${name}`, place);
  }
  for (const [name, kind] of Object.entries(expected.headers))
    assertIs(answered.headers[name.toLowerCase()], kind, `header ${name}`, place);
  for (const [name, wanted] of Object.entries(expected.cookies)) {
    const found = answered.set.get(name);
    if (wanted === '<absent>') {
      assert.equal(found, undefined, `cookie ${name} was set; ${place}`);
      continue;
    }
    assert.ok(found !== undefined, `no cookie ${name}; ${place}`);
    for (const [key, kind] of Object.entries(wanted)) assertIs(Reflect.get(found, key), kind, `${name}.${key}`, place);
  }
}

const KINDS: ReadonlyMap<unknown, (value: unknown) => boolean> = new Map([
  ['<absent>', (value: unknown) => value === undefined],
  ['<text>', (value: unknown) => typeof value === 'string' && value !== ''],
  ['<int>', Number.isSafeInteger],
  ['<list>', Array.isArray],
  ['<jwt>', (value: unknown) => /^[\w-]+\.[\w-]+\.[\w-]+$/.test(String(value))],
  ['<uuid>', (value: unknown) => /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(String(value))],
]);

function assertIs(value: unknown, kind: unknown, what: string, place: string): void {
  const test = KINDS.get(kind) ?? patternOf(kind) ?? ((one: unknown) => isDeepStrictEqual(one, kind));
  assert.ok(test(value), `${what} is ${JSON.stringify(value)}, not ${JSON.stringify(kind)}; ${place}`);
}

function patternOf(kind: unknown): ((value: unknown) => boolean) | undefined {
  if (typeof kind !== 'string' || !/^\/.+\/$/s.test(kind)) return undefined;
  const pattern = new RegExp(kind.slice(1, -1), 'u');
  return (value) => typeof value === 'string' && pattern.test(value);
}

/** A member by path: `user.name`, `methods.0`. */
const at = (body: unknown, path: string): unknown =>
  path
    .split('.')
    .reduce<unknown>((value, name) => (Object.hasOwn(Object(value), name) ? Object(value)[name] : undefined), body);

function takenFrom(answered: Answered, from: string): unknown {
  const [where = '', name = ''] = from.split(' ');
  if (name === '') return at(answered.body, from);
  return where === 'cookie' ? answered.set.get(name)?.value : answered.headers[name.toLowerCase()];
}

function jsonOf(raw: string): unknown {
  try {
    return JSON.parse(raw);
  } catch {
    return undefined;
  }
}
