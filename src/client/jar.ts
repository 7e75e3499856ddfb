/**
 * The cookies of one server, where nobody else keeps them. A browser hides `Set-Cookie` and keeps its own, so there this
 * stays empty; in Node it holds the secret that binds refresh tokens to this client.
 */
export interface Jar {
  keep(response: Response): void;
  /** The `Cookie` header for a path, or undefined. */
  headerFor(path: string): string | undefined;
  get(name: string): string | undefined;
  clear(): void;
}

interface Cookie {
  readonly value: string;
  readonly path: string;
  readonly until: number;
}

const MOST = 50;

export function createJar(now: () => number): Jar {
  const cookies = new Map<string, Cookie>();
  const live = (): readonly (readonly [string, Cookie])[] => [...cookies].filter(([, { until }]) => until > now());
  /** Only what is new may find none: a change or an end that was not kept would leave a token that is good no more. */
  const hasRoom = (): boolean => {
    if (cookies.size < MOST) return true;
    for (const [key, { until }] of cookies) if (until <= now()) cookies.delete(key);
    return cookies.size < MOST;
  };
  const nameOf = (key: string): string => key.slice(0, key.indexOf(' '));

  return {
    keep: ({ headers }) => {
      for (const line of headers.getSetCookie?.() ?? []) {
        const [pair = '', ...attributes] = line.split(';').map((part) => part.trim());
        const name = pair.slice(0, pair.indexOf('='));
        const path = attributeOf(attributes, 'path') ?? '/';
        const maxAge = Number(attributeOf(attributes, 'max-age') ?? Number.POSITIVE_INFINITY);
        const key = `${name} ${path}`;
        if (maxAge <= 0) cookies.delete(key);
        else if (name !== '' && (cookies.has(key) || hasRoom()))
          cookies.set(key, { value: pair.slice(name.length + 1), path, until: now() + maxAge * 1_000 });
      }
    },
    headerFor: (path) => {
      const fitting = live().filter(([, cookie]) => isBelow(path, cookie.path));
      return fitting.length === 0 ? undefined : fitting.map(([key, { value }]) => `${nameOf(key)}=${value}`).join('; ');
    },
    get: (name) => live().find(([key]) => nameOf(key) === name)?.[1].value,
    clear: () => cookies.clear(),
  };
}

function attributeOf(attributes: readonly string[], name: string): string | undefined {
  const found = attributes.find((attribute) => attribute.toLowerCase().startsWith(`${name}=`));
  return found?.slice(name.length + 1);
}

/** @see RFC 6265 §5.1.4 */
const isBelow = (path: string, folder: string): boolean =>
  path === folder || path.startsWith(folder.endsWith('/') ? folder : `${folder}/`);
