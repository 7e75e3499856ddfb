import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex, Readable } from 'node:stream';
import type { z } from 'zod';
import type { TenantId } from '../kernel/brand.ts';
import type { KnownPrincipal, Principal } from '../kernel/principal.ts';
import type { Context } from './context.ts';
import type { Reply } from './reply.ts';

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/**
 * Who may call a route. `public` states why that is right, for it is what a reviewer asks; `unlimited` is public and
 * outside of all limits, for probes that must not lock themselves out (D13).
 */
export type Access =
  | { readonly kind: 'public'; readonly because: string }
  | { readonly kind: 'unlimited'; readonly because: string }
  | ({ readonly kind: 'signed-in'; readonly as?: KnownPrincipal['kind'] } & StepUp)
  | ({ readonly kind: 'permission'; readonly permission: string } & StepUp);

/** How lately a person must have proved who they are; keys and the operator prove it with each request. @see RFC 9470 */
export interface StepUp {
  /** With everything that the account asks for: its password, and its second factor where it has one. */
  readonly provedWithinMs?: number;
  /** With a second factor: an account that has none is refused. */
  readonly secondFactorWithinMs?: number;
}

/** At most `count` requests in any `windowMs`, on top of the limits that hold for all routes. */
export interface RouteLimit {
  readonly per: 'address' | 'principal';
  readonly count: number;
  readonly windowMs: number;
}

/** How far detection looks: the head alone, the body too, or not at all. */
export type Inspection = 'head' | 'head+body';

/** What detection makes of the texts of a route; places are as verdicts name them, without indexes: `body.note`, `body.items.*`. */
export interface RouteDetection {
  /** `off`, `shadow`: sees and tells, `block`: refuses. As the configuration says for our own routes unless told. */
  readonly mode?: 'off' | 'shadow' | 'block';
  /** Fields of free text, in which people talk. */
  readonly text?: readonly string[];
  /** Fields that are interpreted nowhere, and may look like anything. */
  readonly unseen?: readonly string[];
}

/**
 * What the line itself notes in the audit log. Changes are recorded by their rules, reads by the line, and refusals by
 * the line too, except where the route records them `self`.
 */
export type Recording = 'change' | 'read' | 'self' | 'none';

type Schema = z.ZodType;
type Value<S> = S extends Schema ? z.output<S> : undefined;

/** What a handler gets: everything is parsed, the caller known and allowed. */
export interface Input<P = unknown, Q = unknown, B = unknown> {
  readonly context: Context;
  readonly caller: Principal;
  /** The tenant that the request acts in; one of the caller's. */
  readonly tenantId: TenantId;
  readonly params: P;
  readonly query: Q;
  /** `undefined` where the body came as one of the route's streams. */
  readonly body: B;
  /** The unread body, where its content type is one of the route's `streams`. */
  readonly stream: Readable | undefined;
  /** A body as it came, as far as it is held; for a route that has no schema for one. */
  readonly form?: () => Promise<HeldForm | undefined>;
  /**
   * Asks again whether the caller is still who they were, and still allowed: a stream can outlive a key.
   *
   * @throws what the line would answer a new request with
   */
  readonly confirm?: () => Promise<void>;
  /** Aborted when the client leaves before its answer: for a handler that waits. */
  readonly left?: () => AbortSignal;
}

/** A body as it came, or its beginning. */
export interface HeldForm {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly isWhole: boolean;
  /** What of a body is held at most; where less is and it is not whole, there was no room for more. */
  readonly maxBytes: number;
}

/** A connection that asks to become a socket: a WebSocket handshake that has not been answered yet. */
export interface Upgrade {
  readonly socket: Duplex;
  /** What the client sent behind its head already. */
  readonly head: Buffer;
}

/** A caller who said who they are only after their connection was taken. */
export interface Admitted {
  readonly caller: KnownPrincipal;
  readonly tenantId: TenantId;
  /** As `confirm` of an input, for this caller. */
  readonly confirm: () => Promise<void>;
}

/** What a relaying route gets beside its input: the raw exchange, which it answers by itself. */
export interface RelayInput extends Input {
  /**
   * Given where the route admits later and the request brought no credential: the way from the token that came since to
   * a caller, through every step of the line that a token in the head would have passed.
   *
   * @throws what the line would answer such a request with
   */
  readonly admit?: ((token: string) => Promise<Admitted>) | undefined;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** Names and values in turn, for every answer that does not set them itself. */
  readonly answerHeaders: readonly string[];
  readonly upgrade?: Upgrade | undefined;
}

interface RouteBase {
  readonly method: Method;
  /** Fastify's pattern: `/v1/sessions/:id`. */
  readonly path: string;
  /** The only host that the route answers at; every host unless told. Lower case, without port. */
  readonly host?: string;
  /** Whose tokens open it, and how its refusals look; `twinkeep` unless told. */
  readonly profile?: string;
  /** Whether a WebSocket handshake is taken here. */
  readonly sockets?: boolean;
  /** Lets a request in that has no credential; its relay hands nothing on before `admit` has found out who it is. */
  readonly admits?: 'later';
  readonly summary: string;
  readonly access: Access;
  readonly limits?: readonly RouteLimit[];
  readonly inspect?: Inspection;
  readonly detection?: RouteDetection;
  readonly records?: Recording;
  /** A request without a body counts as one of `{}`. */
  readonly bodyOptional?: boolean;
  /** Bytes of a body that is read whole; 1 MiB unless told. */
  readonly maxBodyBytes?: number;
  /** Content types handed over unread, bounded by the handler. */
  readonly streams?: readonly string[];
  /** What each good status answers: a schema, nothing, or a content type that is sent as it is. */
  readonly replies: Readonly<Record<number, Schema | 'nothing' | `${string}/${string}`>>;
  /** Codes that a caller must be ready for beside the line's own. */
  readonly faults: readonly string[];
}

/** A route is data: the ledger, the OpenAPI page and the request line read the same value. */
export interface Route extends RouteBase {
  readonly params?: Schema;
  readonly query?: Schema;
  readonly body?: Schema;
  handle(input: Input): Promise<Reply>;
  /**
   * Answers by itself, as a back end did; `handle` is not asked then.
   *
   * @returns the status, when the exchange is over
   */
  relay?(input: RelayInput): Promise<number>;
}

type Typed<P, Q, B> = RouteBase & {
  readonly params?: P;
  readonly query?: Q;
  readonly body?: B;
  handle(input: Input<Value<P>, Value<Q>, Value<B>>): Promise<Reply>;
};

/** Ties a handler's input to the route's own schemas. */
export function defineRoute<
  P extends Schema | undefined = undefined,
  Q extends Schema | undefined = undefined,
  B extends Schema | undefined = undefined,
>(route: Typed<P, Q, B>): Route {
  return route as unknown as Route; // the line hands in exactly what these schemas gave
}
