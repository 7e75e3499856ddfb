import { ClientError } from './client-error.ts';
import { here } from './environment.ts';
import type { Jar } from './jar.ts';

export type Fetch = (input: string, init?: RequestInit) => Promise<Response>;

/** Requests to one server and to no other, without a word of who sends them. */
export interface Wire {
  /** @throws TypeError for a path that leads to another server */
  urlOf(path: string): URL;
  /**
   * Redirects lead no further than to this server, and only what changes nothing is redirected at all.
   *
   * @throws what `fetch` throws, ClientError for a redirect to elsewhere
   */
  send(url: URL, init: RequestInit, headers: Headers): Promise<Response>;
  cookie(name: string): string | undefined;
}

export interface WireDeps {
  readonly baseUrl: string;
  readonly fetch: Fetch;
  readonly jar: Jar;
  readonly credentials: NonNullable<RequestInit['credentials']>;
}

const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);
const MOST_HOPS = 5;

/** @throws TypeError for a base that is no http URL, or carries a name and password */
export function createWire({ baseUrl, fetch, jar, credentials }: WireDeps): Wire {
  const base = new URL(baseUrl.endsWith('/') ? baseUrl : `${baseUrl}/`);
  if (!/^https?:$/.test(base.protocol) || base.username !== '' || base.password !== '')
    throw new TypeError('baseUrl must be an http or https URL without a name and password');

  async function sendOnce(url: URL, init: RequestInit, headers: Headers): Promise<Response> {
    const cookies = jar.headerFor(url.pathname);
    if (cookies === undefined) headers.delete('cookie');
    else headers.set('cookie', cookies); // a browser leaves it out and sends its own
    const response = await fetch(url.href, { credentials, ...init, headers });
    if (isOurs(response.url)) jar.keep(response);
    return response;
  }

  const isOurs = (address: string): boolean => address === '' || new URL(address).origin === base.origin;

  /** Step by step, for `fetch` by itself would take our headers along to any server. */
  async function follow(url: URL, init: RequestInit, headers: Headers): Promise<Response> {
    let at = url;
    for (let hops = 0; hops <= MOST_HOPS; hops++) {
      const response = await sendOnce(at, { ...init, redirect: 'manual' }, headers);
      // A browser shows no redirect to scripts; it follows one itself, within the page's own origin when told so.
      if (response.type === 'opaqueredirect')
        return sendOnce(at, { ...init, redirect: 'follow', mode: 'same-origin' }, headers);
      const location = REDIRECTS.has(response.status) ? response.headers.get('location') : null;
      if (location === null) return response;
      await response.body?.cancel();
      at = new URL(location, at);
      if (at.origin !== base.origin) break;
    }
    throw new ClientError(0, 'CLIENT_REDIRECT', 'the server redirects to where the client does not go');
  }

  return {
    urlOf: (path) => {
      // Attack: a path out of data (`//evil.example`, `https://…`, `/\evil.example`) draws the token to another server.
      const url = new URL(path.startsWith('/') && !/^\/[/\\]/.test(path) ? `.${path}` : path, base);
      if (url.origin !== base.origin || !url.pathname.startsWith(base.pathname))
        throw new TypeError('the path leads to another server than the client is of');
      return url;
    },
    send: async (url, init, headers) => {
      const { redirect = 'follow', method = 'GET' } = init;
      if (redirect !== 'follow') return sendOnce(url, init, headers);
      if (!/^(GET|HEAD)$/i.test(method)) return sendOnce(url, { ...init, redirect: 'error' }, headers);
      return follow(url, init, headers);
    },
    cookie: (name) => jar.get(name) ?? cookieIn(here.document?.cookie ?? '', name),
  };
}

function cookieIn(text: string, name: string): string | undefined {
  const found = text
    .split(';')
    .map((pair) => pair.trim())
    .find((pair) => pair.startsWith(`${name}=`));
  return found?.slice(name.length + 1);
}

/** What a call came to that got no answer; an abort stays what it is. */
export const unreachable = (cause: unknown): ClientError =>
  cause instanceof ClientError
    ? cause
    : new ClientError(0, 'CLIENT_UNREACHABLE', 'the server could not be reached', {}, { cause });

export const isAbort = (error: unknown, signal: AbortSignal | null | undefined): boolean =>
  signal?.aborted === true && error === signal.reason;

/** Whether a body can be sent a second time. */
export function isReplayable(body: RequestInit['body']): boolean {
  return (
    body == null ||
    typeof body === 'string' ||
    !(body instanceof ReadableStream || Symbol.asyncIterator in Object(body))
  );
}
