import assert from 'node:assert/strict';

/** A cookie as one answer sets it. */
export interface SetCookie {
  readonly name: string;
  readonly value: string;
  readonly path: string;
  readonly http_only: boolean;
  readonly secure: boolean;
  readonly same_site: string | undefined;
  readonly max_age_s: number | undefined;
  /** Whether it is taken away. */
  readonly gone: boolean;
}

/** What a browser keeps of one site. @see RFC 6265 §5.3, §5.4 */
export interface Jar {
  /** @returns what the answer set, by name */
  take(lines: readonly string[], path: string): ReadonlyMap<string, SetCookie>;
  /** The `Cookie` header for a request to the path; empty without any. */
  header(path: string): string;
  /** What a script of the page can read: nothing that is HttpOnly. */
  readable(name: string): string | undefined;
}

interface Held extends SetCookie {
  readonly until: number;
}

export function createJar(now: () => number): Jar {
  const held = new Map<string, Held>();
  const alive = (): readonly Held[] => [...held.values()].filter(({ until }) => until > now());

  function keep(cookie: SetCookie): void {
    const key = `${cookie.name};${cookie.path}`; // of one name there may be several, at different paths
    if (cookie.gone) held.delete(key);
    else held.set(key, { ...cookie, until: now() + (cookie.max_age_s ?? Number.POSITIVE_INFINITY) * 1_000 });
  }

  return {
    take: (lines, path) => {
      const cookies = lines.map((line) => cookieOf(line, path));
      for (const cookie of cookies) keep(cookie);
      return new Map(cookies.map((cookie) => [cookie.name, cookie]));
    },
    header: (path) => {
      const sent = alive().filter((cookie) => covers(cookie.path, path.split('?')[0] ?? '/'));
      const longest = sent.toSorted((one, other) => other.path.length - one.path.length);
      return longest.map(({ name, value }) => `${name}=${value}`).join('; ');
    },
    readable: (name) => alive().find((cookie) => cookie.name === name && !cookie.http_only)?.value,
  };
}

const covers = (path: string, asked: string): boolean =>
  asked === path || (asked.startsWith(path) && (path.endsWith('/') || asked[path.length] === '/'));

function cookieOf(line: string, path: string): SetCookie {
  const [pair = '', ...rest] = line.split(';').map((part) => part.trim());
  const [, name, value] = /^([^=]+)=(.*)$/.exec(pair) ?? assert.fail(`not a cookie: ${line}`);
  const attributes = new Map(
    rest.map((part) => [part.split('=')[0]?.toLowerCase(), part.slice(part.indexOf('=') + 1)] as const),
  );
  const age = attributes.get('max-age');
  const maxAge = age === undefined ? undefined : Number(age);
  const expires = attributes.get('expires');
  return {
    name: name ?? '',
    value: value ?? '',
    path: attributes.get('path') ?? path.slice(0, Math.max(1, path.lastIndexOf('/'))),
    http_only: attributes.has('httponly'),
    secure: attributes.has('secure'),
    same_site: attributes.get('samesite'),
    max_age_s: maxAge,
    gone: maxAge === undefined ? expires !== undefined && Date.parse(expires) <= 0 : maxAge <= 0,
  };
}
