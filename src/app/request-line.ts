import type { IncomingMessage, ServerResponse } from 'node:http';
import { type Access, accessFault } from '../access/index.ts';
import type { ApiKeys } from '../apikeys/index.ts';
import type { Audit } from '../audit/index.ts';
import type { Detection } from '../detection/index.ts';
import { actorOf, type Context, httpFault, type Input, type Reply, type Route } from '../http/index.ts';
import { type TenantId, tenantId } from '../kernel/brand.ts';
import type { Clock } from '../kernel/clock.ts';
import { isFault } from '../kernel/errors.ts';
import { anonymous, nameOf, type Principal } from '../kernel/principal.ts';
import type { Limits } from '../limits/index.ts';
import type { Metrics } from '../metrics/index.ts';
import type { Tokens } from '../sessions/index.ts';
import { MAIN_TENANT, type Tenants, tenantFault } from '../tenants/index.ts';
import { sendFault, sendReply } from './answer.ts';
import { appFault } from './errors.ts';
import { assertSameSite } from './genuine.ts';
import { readInput } from './input.ts';

export interface LineDeps {
  readonly contextOf: (request: IncomingMessage) => Context;
  readonly detection: Detection;
  readonly limits: Limits;
  readonly tokens: Tokens;
  readonly apiKeys: ApiKeys;
  readonly tenants: Tenants;
  readonly access: Access;
  readonly audit: Audit;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly onError: (error: unknown, context: Context) => void;
}

export type RequestLine = (
  route: Route,
  request: IncomingMessage,
  response: ServerResponse,
  params: unknown,
) => Promise<void>;

/** Routes that are open to everybody act in no tenant: nothing is ever stored under this one. */
const NO_TENANT = tenantId('platform');
const TENANT_HEADER = 'twinkeep-tenant';

/**
 * The way of every request, from top to bottom. Each step is one function, and none calls back: what a step refuses,
 * the ones below never see.
 */
export function createRequestLine(deps: LineDeps): RequestLine {
  const { contextOf, detection, limits, tokens, apiKeys, tenants, access, audit, metrics, clock, onError } = deps;

  return async (route, request, response, params) => {
    const context = contextOf(request);
    let caller: Principal = anonymous;
    let status = 500;
    try {
      screen(context);
      await slowByAddress(route, context);
      caller = await who(route, context);
      genuine(route, context);
      await slowByPrincipal(route, caller);
      const tenant = await where(context, caller);
      await may(route, caller, tenant);
      const input = await inspectAndParse(route, request, context, params);
      const confirm = async (): Promise<void> => may(route, await who(route, context), tenant);
      const reply = await route.handle({ ...input, context, caller, tenantId: tenant, confirm });
      status = checkAndSend(route, response, context, reply);
      noteRead(route, caller, tenant, reply);
    } catch (error) {
      await noteRefusal(route, context, caller, error);
      status = sendFault(request, response, context, error);
      if (status >= 500) onError(error, context);
    } finally {
      count(route, request, status, context);
    }
  };

  /** Is the address blocked, the head hostile? */
  function screen(context: Context): void {
    detection.screen(context);
  }

  /** A ceiling for everybody, and the route's own limit for those who are not known yet. */
  async function slowByAddress(route: Route, context: Context): Promise<void> {
    if (context.operator || route.access.kind === 'unlimited') return;
    const taken = limits.take('address', context.addressBlock);
    if (taken !== undefined) await taken;
    for (const limit of route.limits ?? []) {
      if (limit.per === 'address') await limits.takeOf(`${route.method} ${route.path} ${context.addressBlock}`, limit);
    }
  }

  /** Token, API key, or the operator's socket. A credential that is bad counts against its address. */
  async function who(route: Route, context: Context): Promise<Principal> {
    if (context.operator) return { kind: 'operator', tenantId: MAIN_TENANT };
    if (route.access.kind === 'public' || route.access.kind === 'unlimited') return anonymous;
    const bearer = bearerOf(context);
    const key = context.headers['x-api-key'];
    if (bearer !== undefined && key !== undefined) throw httpFault('HTTP_TWO_CREDENTIALS');
    if (bearer === undefined && key === undefined) throw accessFault('ACCESS_UNAUTHENTICATED');
    try {
      return await (key === undefined ? tokens.verify(bearer ?? '') : apiKeys.verify(String(key)));
    } catch (error) {
      if (isFault(error) && error.kind === 'unauthenticated')
        await limits.take('bad-credentials', context.addressBlock);
      throw error;
    }
  }

  /** Cookies go along by themselves, so an unsafe request that has one of ours must come from our own pages. */
  function genuine(route: Route, context: Context): void {
    if (route.method !== 'GET') assertSameSite(context);
  }

  async function slowByPrincipal(route: Route, principal: Principal): Promise<void> {
    if (principal.kind === 'anonymous' || principal.kind === 'operator') return;
    const taken = limits.take('principal', nameOf(principal));
    if (taken !== undefined) await taken;
    for (const limit of route.limits ?? []) {
      if (limit.per === 'principal') await limits.takeOf(`${route.method} ${route.path} ${nameOf(principal)}`, limit);
    }
  }

  /** The tenant that the request is about: the principal's own, or another of them by header. */
  async function where(context: Context, principal: Principal): Promise<TenantId> {
    if (principal.kind === 'anonymous') return NO_TENANT;
    const wanted = context.headers[TENANT_HEADER];
    if (wanted === undefined || wanted === principal.tenantId) return principal.tenantId;
    const id = await mayEnter(principal, String(wanted));
    if (id === undefined) throw tenantFault('TENANT_FOREIGN');
    return id;
  }

  async function mayEnter(principal: Principal, wanted: string): Promise<TenantId | undefined> {
    switch (principal.kind) {
      case 'operator':
        return (await tenants.list()).find(({ id }) => id === wanted)?.id;
      case 'person':
        return (await tenants.tenantsOf(principal.personId)).find((id) => id === wanted);
      case 'api-key': // a key is made in a tenant and stays there
      case 'anonymous':
        return undefined;
    }
  }

  /** 401 before 403: who is not known is asked to sign in before anything is said about rights. */
  async function may(route: Route, principal: Principal, tenant: TenantId): Promise<void> {
    const asked = route.access;
    if (asked.kind === 'public' || asked.kind === 'unlimited') return;
    if (principal.kind === 'anonymous') throw accessFault('ACCESS_UNAUTHENTICATED');
    if (asked.kind === 'signed-in') {
      if (asked.as !== undefined && asked.as !== principal.kind)
        throw accessFault('ACCESS_FORBIDDEN', { needs: asked.as });
      return;
    }
    const allowed = access.may(principal, tenant, asked.permission);
    if (!(allowed instanceof Promise ? await allowed : allowed)) {
      throw accessFault('ACCESS_FORBIDDEN', { permission: asked.permission });
    }
    if (asked.provedWithinMs !== undefined && principal.kind === 'person') {
      const age = clock.now() - principal.authenticatedAt;
      if (age > asked.provedWithinMs)
        throw accessFault('ACCESS_PROOF_TOO_OLD', { max_age_s: asked.provedWithinMs / 1_000 });
    }
  }

  /** The body is read only now, from somebody who may send it, looked at as bytes and parsed by the route's schemas. */
  async function inspectAndParse(
    route: Route,
    request: IncomingMessage,
    context: Context,
    params: unknown,
  ): Promise<Pick<Input, 'params' | 'query' | 'body' | 'stream'>> {
    return readInput(route, request, params, (body) => void detection.inspect(context, body));
  }

  /** A reply that is not what its route promises may hold what it must not: it does not go out. */
  function checkAndSend(route: Route, response: ServerResponse, context: Context, reply: Reply): number {
    const promised = route.replies[reply.status];
    if (promised === undefined) throw appFault('APP_REPLY_REFUSED');
    if (typeof promised === 'string') return sendReply(response, context, reply, promised);
    const checked = promised.safeParse(reply.body);
    if (!checked.success) throw appFault('APP_REPLY_REFUSED', {}, checked.error);
    return sendReply(response, context, { ...reply, body: checked.data });
  }

  function noteRead(route: Route, principal: Principal, tenant: TenantId, reply: Reply): void {
    if (route.records !== 'read' || principal.kind === 'anonymous') return;
    const { records = 1, object } = reply;
    audit.noteRead({ principal, tenantId: tenant, route: `${route.method} ${route.path}`, records, object });
  }

  async function noteRefusal(route: Route, context: Context, principal: Principal, error: unknown): Promise<void> {
    if (!isFault(error) || !REFUSALS.has(error.kind)) return;
    if (route.records === 'self' && error.kind === 'unauthenticated') return; // what such a route knows better than we
    const entry = {
      ...actorOf(context, principal, principal.kind === 'anonymous' ? undefined : principal.tenantId),
      action: 'access.refused',
      outcome: 'refused',
      facts: { route: `${route.method} ${route.path}`, code: error.code },
    } as const;
    // A flood of 429 must not become a flood of awaited writes, whoever sends it.
    if (principal.kind === 'anonymous') return audit.noteRefusal(context.addressBlock, entry);
    if (error.kind === 'limited') return audit.noteRefusal(nameOf(principal), entry);
    await audit.write(entry).catch((failure) => onError(failure, context)); // refused it is, recorded or not
  }

  function count(route: Route, request: IncomingMessage, status: number, context: Context): void {
    metrics.request(route.path, request.method ?? '', status, clock.now() - context.receivedAt);
  }
}

const REFUSALS = new Set(['unauthenticated', 'forbidden', 'limited']);

/** @see RFC 6750 §2.1 */
function bearerOf({ headers }: Context): string | undefined {
  const value = headers.authorization;
  if (value === undefined) return undefined;
  if (value.length > 7 && value.slice(0, 7).toLowerCase() === 'bearer ') return value.slice(7).trim();
  throw accessFault('ACCESS_UNAUTHENTICATED', { scheme: 'Bearer' });
}
