import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Route } from '../http/index.ts';

/** A route at which a proxy asks about a request that it holds: the line goes on with that one, and its row. */
export interface AskingRoute extends Route {
  /** Makes the question the request that it asks about. @returns what that one has to pass, or a row that refuses it */
  originalOf(request: IncomingMessage, response: ServerResponse): Matched;
}

export interface Matched {
  readonly route: Route;
  readonly params: unknown;
}

export const isAsking = (route: Route): route is AskingRoute => 'originalOf' in route;
