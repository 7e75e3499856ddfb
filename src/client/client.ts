import { type AccountCalls, createAccount } from './account.ts';
import { ClientError, isProblem } from './client-error.ts';
import { type Core, createCore } from './core.ts';
import { createCsrf } from './csrf.ts';
import { here, type KeyValue, storageHere, wallClock } from './environment.ts';
import { createJar } from './jar.ts';
import { createLine, type StepUpChallenge } from './line.ts';
import { type Preset, type ProfileName, presets } from './paths.ts';
import { createRenewal } from './renewal.ts';
import { createSignIn, type SignInCalls } from './sign-in.ts';
import { createTokens } from './tokens.ts';
import { createTurns } from './turns.ts';
import { createWire, type Fetch } from './wire.ts';

export interface ClientOptions {
  /** Where Twinkeep is, as `https://twin.example`; the tokens go there and nowhere else. */
  readonly baseUrl: string;
  /** Whose paths and names: ours unless told, or a preset of one's own. */
  readonly profile?: ProfileName | Preset;
  /**
   * Where the tokens are. `cookie`: in cookies that no script reads, the safest in a browser. `memory` (unless told):
   * gone with the page. `localStorage`, or anything alike: kept, shared by tabs, and open to any script that gets in.
   */
  readonly storage?: 'cookie' | 'memory' | 'localStorage' | KeyValue;
  /** Told once when nobody is signed in any more and nothing can mend it; otherwise the page goes to `loginPath`. */
  readonly onSignedOut?: () => void;
  readonly loginPath?: string;
  /** Asked when the server wants a proof anew. @returns true when the request is to be sent again */
  readonly onStepUp?: (challenge: StepUpChallenge) => Promise<boolean>;
  /** How long a safe request may be held back at most where a busy server asks to wait; 10 s unless told. */
  readonly maxWaitMs?: number;
  readonly fetch?: Fetch;
}

export interface Client extends SignInCalls, AccountCalls, TypedCalls {
  /** Ends the session, here and at the server. */
  logout(): Promise<void>;
  /** Ends all sessions of this person. @returns how many, where the server says so */
  logoutAll(): Promise<number | undefined>;
  /** As far as this client knows; in cookie mode the server alone knows. */
  isSignedIn(): boolean;
  /** As `fetch`, sent as whoever is signed in. The answer is handed on whatever its status. */
  fetch(path: string, init?: RequestInit): Promise<Response>;
  /** Lets go of what tabs hear each other by. */
  close(): void;
}

/** JSON both ways. `T` is the caller's word for what the route answers. @throws ClientError for any refusal */
export interface TypedCalls {
  get<T = unknown>(path: string, init?: RequestInit): Promise<T>;
  post<T = unknown>(path: string, body?: unknown, init?: RequestInit): Promise<T>;
  put<T = unknown>(path: string, body?: unknown, init?: RequestInit): Promise<T>;
  patch<T = unknown>(path: string, body?: unknown, init?: RequestInit): Promise<T>;
  delete<T = unknown>(path: string, init?: RequestInit): Promise<T>;
}

/**
 * A client of one server. It refreshes tokens once for all calls and tabs, and at most once a call.
 *
 * @throws TypeError for a base that is no http URL, or a storage that is not there
 */
export function createClient(options: ClientOptions): Client {
  const { core, signedOut, close } = assemble(options);
  const { line, tokens } = core;
  return {
    ...createSignIn(core),
    ...createAccount(core),
    ...typed(core),
    fetch: line,
    isSignedIn: tokens.isSignedIn,
    logout: async () => {
      const path = core.preset.logout;
      try {
        if (path !== undefined) await core.call('POST', path);
      } catch (error) {
        if (!(error instanceof ClientError) || error.status !== 401) throw error; // it has ended already
      } finally {
        signedOut('on purpose');
      }
    },
    logoutAll: async () => {
      const answer = await core.call('POST', core.path('logoutAll'));
      signedOut('on purpose');
      const ended = isProblem(answer) ? answer['ended'] : undefined;
      return typeof ended === 'number' ? ended : undefined;
    },
    close,
  };
}

function assemble(options: ClientOptions) {
  const { baseUrl, profile = 'twinkeep', storage = 'memory', loginPath = '/login', onStepUp } = options;
  const preset: Preset = typeof profile === 'string' ? presets[profile] : profile;
  const byCookie = storage === 'cookie';
  const mode = storage === 'localStorage' ? localOr() : storage;
  const shared = byCookie ? storageHere() : typeof mode === 'object' ? mode : undefined;
  const { origin, pathname } = new URL(baseUrl);
  const name = `twinkeep:${origin}${pathname}:${preset.login}`;
  const credentials = byCookie || preset.refreshBy === 'cookie' ? 'include' : 'same-origin';
  const fetch: Fetch = options.fetch ?? ((input, init) => globalThis.fetch(input, init));
  const wire = createWire({ baseUrl, fetch, jar: createJar(wallClock), credentials });
  const tokens = createTokens({ mode, name, shared });
  const csrf = createCsrf(wire, preset);
  const csrfHeaders = (anew: boolean) => csrf(preset.csrfRefreshCookie ?? preset.csrfCookie, anew);
  const turns = mode === 'memory' ? <T>(work: () => Promise<T>) => work() : createTurns(name, shared);
  const renewal = createRenewal({ preset, mode: byCookie ? 'cookie' : 'body', tokens, turns, wire, csrfHeaders });

  let told = false;
  const tell = (): void => {
    if (told) return;
    told = true;
    if (options.onSignedOut !== undefined) options.onSignedOut();
    else if (here.location !== undefined && here.location.pathname !== loginPath) here.location.assign(loginPath);
  };
  const signedOut = (how: 'on purpose' | 'by the server'): void => {
    tokens.clear();
    if (how === 'by the server') tell();
  };
  tokens.onSignedOutElsewhere(tell);
  const line = createLine({
    ...{ wire, tokens, renewal, byCookie, onStepUp, maxWaitMs: options.maxWaitMs ?? 10_000 },
    csrfHeaders: (anew) => csrf(preset.csrfCookie, anew),
    onSignedOut: () => signedOut('by the server'),
  });
  const core = createCore({ preset, byCookie, line, tokens, wire });
  const keep: Core['keep'] = (body) => {
    core.keep(body);
    told = false;
  };
  return { core: { ...core, keep }, signedOut, close: tokens.close };
}

/** @throws TypeError where there is none: in Node, or where the browser forbids it */
function localOr(): KeyValue {
  const found = storageHere();
  if (found === undefined) throw new TypeError('there is no localStorage here; use memory, or hand in a storage');
  return found;
}

const typed = ({ call }: Core): TypedCalls => ({
  get: (path, init) => call('GET', path, undefined, init),
  post: (path, body, init) => call('POST', path, body, init),
  put: (path, body, init) => call('PUT', path, body, init),
  patch: (path, body, init) => call('PATCH', path, body, init),
  delete: (path, init) => call('DELETE', path, undefined, init),
});
