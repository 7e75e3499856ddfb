import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { parseWith, type RelayInput, type Route, statusOf } from '../http/index.ts';
import { isFault } from '../kernel/errors.ts';
import { anonymous } from '../kernel/principal.ts';
import { createRevocationFeed } from './feed.ts';
import { revocationRoutes } from './feed-routes.ts';
import type { Revocations } from './revocations.ts';
import { createSessionsKit, EMS_MS, ISSUER, type SessionsKit } from './sessions-kit.contract.ts';
import { createTokenVerifier, type TokenVerifier, type TokenVerifierOptions } from './verifier.ts';

export const FEED_KEY = 'a-key-that-may-read-revocations';

/** The feed's routes on a port of their own, with the rest of the room behind them. */
export interface FeedServer {
  readonly kit: SessionsKit;
  readonly address: string;
  /** What was answered, newest last. */
  readonly answers: string[];
  /** Changed by a test: what stands between server and client. */
  tamper: (path: string, answer: string) => string | undefined;
  /** Whether the key is still good. */
  keyIsGood: boolean;
  verifier(options?: Partial<TokenVerifierOptions>): TokenVerifier;
  close(): Promise<void>;
}

/** @param change what a test puts in front of the real revocations */
export async function startFeedServer(change: (kit: SessionsKit) => Revocations): Promise<FeedServer> {
  const kit = await createSessionsKit();
  const { clock, random, native } = kit;
  await kit.revocations.start();
  const accessMs = () => EMS_MS;
  const feed = createRevocationFeed({ revocations: change(kit), keys: native.keys, clock, random, accessMs });
  const routes = revocationRoutes(feed);
  const verifiers: TokenVerifier[] = [];
  const server = createServer((request, response) => void answer(request, response));

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '', 'http://localhost');
    try {
      const body = await bodyFor(url, request, response);
      if (body === undefined) return;
      const sent = state.tamper(url.pathname, body);
      if (sent === undefined) return void response.destroy(); // cut on the way
      state.answers.push(sent);
      response.setHeader('content-type', 'application/json').end(sent);
    } catch (error) {
      if (response.headersSent) return void response.destroy();
      response.statusCode = isFault(error) ? statusOf(error.kind) : 500;
      response.end(JSON.stringify({ code: isFault(error) ? error.code : String(error) }));
    }
  }

  async function bodyFor(url: URL, request: IncomingMessage, response: ServerResponse): Promise<string | undefined> {
    if (url.pathname === '/.well-known/jwks.json') return JSON.stringify(native.jwks);
    const route = routes.find(({ path }) => path === url.pathname);
    if (route === undefined || request.headers['x-api-key'] !== FEED_KEY || !state.keyIsGood) {
      response.statusCode = 403;
      response.end('{}');
      return undefined;
    }
    return handled(route, url, request, response);
  }

  async function handled(
    route: Route,
    url: URL,
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<string | undefined> {
    const confirm = async () => {
      if (!state.keyIsGood) throw new Error('the key has ended');
    };
    const query = route.query && parseWith(route.query, Object.fromEntries(url.searchParams), 'query');
    const input = { caller: anonymous, params: undefined, query, body: undefined, stream: undefined, confirm };
    if (route.relay === undefined) return JSON.stringify((await route.handle({ ...input } as RelayInput)).body);
    await route.relay({ ...input, request, response, answerHeaders: [] } as unknown as RelayInput);
    return undefined;
  }

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`; // TCP
  const state: FeedServer = {
    ...{ kit, address, answers: [], keyIsGood: true },
    tamper: (_, text) => text,
    verifier: (options) => {
      const made = createTokenVerifier({ issuer: ISSUER, address, apiKey: FEED_KEY, clock, ...options });
      verifiers.push(made);
      return made;
    },
    close: async () => {
      for (const one of verifiers) one.stop();
      feed.stop();
      kit.revocations.stop();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await kit.storage.close();
    },
  };
  return state;
}
