import { ClientError, errorOf, isProblem } from './client-error.ts';
import type { Line } from './line.ts';
import type { Preset } from './paths.ts';
import { grantIn } from './renewal.ts';
import type { Tokens } from './tokens.ts';
import { isAbort, unreachable, type Wire } from './wire.ts';

/** What the calls of a client are made of. */
export interface Core {
  readonly preset: Preset;
  readonly byCookie: boolean;
  readonly line: Line;
  readonly tokens: Tokens;
  /** A call of somebody not signed in yet. @throws ClientError for any refusal */
  open<T = unknown>(path: string, body?: object, signal?: AbortSignal): Promise<Answered<T>>;
  /** A call of whoever is signed in, JSON both ways. @throws ClientError for any refusal */
  call<T = unknown>(method: string, path: string, body?: unknown, init?: RequestInit): Promise<T>;
  /** Keeps the tokens of an answer, or in cookie mode that there are some. */
  keep(body: unknown): void;
  /** Which path the preset has for it. @throws ClientError where its system has no such route */
  path(of: keyof Preset): string;
}

interface Answered<T> {
  readonly status: number;
  readonly body: T;
}

export type CoreParts = Pick<Core, 'preset' | 'byCookie' | 'line' | 'tokens'> & { readonly wire: Wire };

export function createCore({ wire, ...parts }: CoreParts): Core {
  const { preset, byCookie, line, tokens } = parts;
  return {
    ...parts,
    open: async (path, body, signal) => {
      const init: RequestInit = { method: 'POST', redirect: 'error', ...(signal === undefined ? {} : { signal }) };
      const headers = new Headers({ accept: 'application/json' });
      if (body !== undefined) headers.set('content-type', 'application/json');
      const sent = body === undefined ? init : { ...init, body: JSON.stringify(body) };
      const response = await wire.send(wire.urlOf(path), sent, headers).catch((error: unknown) => {
        throw isAbort(error, signal) ? error : unreachable(error);
      });
      if (!response.ok) throw await errorOf(response);
      return { status: response.status, body: await bodyOf(response) };
    },
    call: async (method, path, body, init = {}) => {
      const headers = new Headers(init.headers);
      if (!headers.has('accept')) headers.set('accept', 'application/json');
      if (body !== undefined) headers.set('content-type', 'application/json');
      const sent = body === undefined ? {} : { body: JSON.stringify(body) };
      const response = await line(path, { ...init, method, headers, ...sent });
      if (!response.ok) throw await errorOf(response);
      return bodyOf(response);
    },
    keep: (body) => {
      const { access_token, refresh_token } = grantIn(body);
      if (!byCookie && access_token === undefined) throw unread('no access token');
      tokens.keep(access_token, refresh_token);
    },
    path: (of) => {
      const path = preset[of];
      if (typeof path !== 'string') throw new ClientError(0, 'CLIENT_NO_ROUTE', `this profile has no ${of} route`);
      return path;
    },
  };
}

/** `T` is what the API promises of the route; what is read for signing in is looked at nevertheless. */
async function bodyOf<T>(response: Response): Promise<T> {
  const text = await response.text();
  try {
    return (text === '' ? undefined : JSON.parse(text)) as T;
  } catch (error) {
    throw unread('no JSON', error);
  }
}

/** An answer that is none of this API, as from a proxy in between. */
export const unread = (what: string, cause?: unknown): ClientError =>
  new ClientError(0, 'CLIENT_ANSWER', `the answer has ${what}`, {}, { cause });

/** @throws ClientError for what is no object */
export function objectIn(body: unknown): Readonly<Record<string, unknown>> {
  if (!isProblem(body)) throw unread('no object');
  return body;
}
