import type { IncomingMessage, ServerResponse } from 'node:http';
import { type Access, accessFault } from '../access/index.ts';
import type { Audit } from '../audit/index.ts';
import type { Anomalies, Blocks, Detection, Verdict } from '../detection/index.ts';
import type { Context, Input, RelayInput, Reply, Route, Upgrade } from '../http/index.ts';
import { type TenantId, tenantId } from '../kernel/brand.ts';
import type { Clock } from '../kernel/clock.ts';
import { isFault } from '../kernel/errors.ts';
import { anonymous, type Principal } from '../kernel/principal.ts';
import { rateLimitHeaders, type Tightest } from '../limits/index.ts';
import type { Metrics } from '../metrics/index.ts';
import type { ServedProfile } from '../profiles/index.ts';
import type { Sessions } from '../sessions/index.ts';
import type { Bus } from '../storage/index.ts';
import { type Tenants, tenantFault } from '../tenants/index.ts';
import { headersOf, sendFault, sendReply } from './answer.ts';
import type { AskedProofs } from './asked-proofs.ts';
import { isAsking } from './asking.ts';
import type { Attacks } from './attacks.ts';
import { assertNotBarred, barOf, isOpen } from './bar.ts';
import { appFault } from './errors.ts';
import type { AssertFactor } from './factor-due.ts';
import { assertCsrfToken, assertSameSite } from './genuine.ts';
import { createBodyReader } from './held-body.ts';
import { hasBody } from './input.ts';
import { createMay } from './may.ts';
import { createRefusals } from './refusals.ts';
import type { Slow } from './slow.ts';
import type { Who } from './who.ts';

export interface LineDeps {
  readonly contextOf: (request: IncomingMessage) => Context;
  readonly profileOf: (route: Route) => ServedProfile;
  /** Keeps the gateway of a route open while a request is on its way to it. */
  readonly hold: (route: Route) => () => void;
  /** Whether a route is still one that is served, for what runs on. @throws HTTP_NOT_FOUND */
  readonly assertServed: (route: Route) => void;
  readonly who: Who;
  readonly slow: Slow;
  readonly blocks: Blocks;
  readonly detection: Pick<Detection, 'screen' | 'inspect' | 'inspectInTurns' | 'modeOf'>;
  readonly attacks: Attacks;
  readonly tenants: Tenants;
  readonly access: Access;
  readonly sessions: Pick<Sessions, 'csrf' | 'proof' | 'used'>;
  readonly assertFactor: AssertFactor;
  readonly askedProofs?: Pick<AskedProofs, 'since'>;
  readonly anomalies?: Pick<Anomalies, 'note'>;
  readonly audit: Audit;
  readonly bus: Bus;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly onError: (error: unknown, context: Context) => void;
}

export type RequestLine = (
  route: Route,
  request: IncomingMessage,
  response: ServerResponse,
  params: unknown,
  upgrade?: Upgrade,
) => Promise<void>;

/** What is found out about a request on its way. */
interface Passage {
  readonly context: Context;
  readonly profile: ServedProfile;
  caller: Principal;
  /** What is answered unless the caller proves who they are: their address is blocked. */
  bar: unknown;
  /** An attack in the head, which is told of once it is known who sent it. */
  attack: Verdict | undefined;
  /** The limit that is nearest to its end, which the answer tells. */
  tightest: Tightest | undefined;
}

type Parsed = Pick<Input, 'params' | 'query' | 'body' | 'stream'>;

/** Routes that are open to everybody act in no tenant: nothing is ever stored under this one. */
const NO_TENANT = tenantId('platform');
const TENANT_HEADER = 'twinkeep-tenant';

/**
 * The way of every request, from top to bottom. Each step is one function, and none calls back: what a step refuses,
 * the ones below never see.
 */
export function createRequestLine(deps: LineDeps): RequestLine {
  const { contextOf, profileOf, who, slow, detection, blocks, tenants, access, audit, bus, metrics, clock } = deps;
  const { sessions } = deps;
  const bodies = createBodyReader({ detection });
  const noteRefusal = createRefusals(deps);
  const may = createMay({ access, sessions, assertFactor: deps.assertFactor, askedProofs: deps.askedProofs, clock });

  return async (asked, request, response, given, upgrade) => {
    // A proxy asks about a request that it holds: from here on there is that one alone, in the row of its own.
    const { route, params } = isAsking(asked) ? asked.originalOf(request, response) : { route: asked, params: given };
    const context = contextOf(request);
    const before = { caller: anonymous, bar: undefined, attack: undefined, tightest: undefined };
    const passage: Passage = { context, profile: profileOf(route), ...before };
    const sentBefore = sentOver(request);
    let records = 0;
    const release = route.relay === undefined ? undefined : deps.hold(route);
    let status = 500;
    try {
      bus.settle?.(); // what other threads have revoked is known from here on
      screen(route, passage);
      // Waited for only where there is something to wait for: seven waits for nothing cost more than the checks.
      const early = slowByAddress(route, passage);
      if (early !== undefined) await early;
      if (passage.bar !== undefined) passage.caller = await provedAt(route, passage);
      if (passage.attack?.mode === 'block') await refuseAttack(route, passage, passage.attack);
      const known = passage.bar === undefined ? who.ask(route, context) : passage.caller;
      passage.caller = known instanceof Promise ? await known : known;
      const barred = blocks.assertCallerNotBlocked(passage.caller);
      if (barred !== undefined) await barred;
      if (passage.caller.kind === 'person') sessions.used(passage.caller.sessionId);
      const proof = genuine(route, request, passage);
      if (proof !== undefined) await proof;
      const place = where(context, passage.caller);
      const tenant = place instanceof Promise ? await place : place;
      const late = slowByPrincipal(route, passage, tenant);
      if (late !== undefined) await late;
      const admitted = may(route, passage.caller, tenant);
      if (admitted !== undefined) await admitted;
      if (passage.attack !== undefined) await tellAttack(route, passage, passage.attack);
      const parsed = inspectAndParse(route, request, passage, params);
      const input: Parsed = parsed instanceof Promise ? await parsed : parsed;
      if (hasBody(request)) assertNotBarred(blocks, { route, ...passage }, passage.caller); // a body takes its time
      const { caller } = passage;
      const confirm = () => confirmed(route, context, tenant);
      const admit = caller.kind === 'anonymous' && route.admits === 'later' ? admitting(route, passage) : undefined;
      const left = () => leftBy(response);
      const form = () => bodies.formOf(route, request);
      status = await answer(route, { ...input, context, caller, tenantId: tenant, form, confirm, left }, admit);
    } catch (error) {
      await noteRefusal(route, passage, error);
      status = sendFault(request, response, answering(passage, error), error);
      // What back ends do is told once, by their health, and counted: a log of each would be the caller's to fill.
      if (status >= 500 && !(isFault(error) && error.code.startsWith('GATEWAY_'))) deps.onError(error, context);
    } finally {
      release?.();
      count(route, request, status, passage);
      const use = { context, caller: passage.caller, profile: passage.profile.name, status, records };
      deps.anomalies?.note({ ...use, bytes: Math.max(0, sentOver(request) - sentBefore) });
    }

    /** A room or a flow handles it, or the gateway passes it on. */
    function answer(matched: Route, input: Input, admit: RelayInput['admit']): Promise<number> {
      if (matched.relay === undefined) return handle(matched, input);
      const answerHeaders = headersOf(answering(passage));
      return matched.relay({ ...input, request, response, answerHeaders, upgrade, admit } satisfies RelayInput);
    }

    async function handle(matched: Route, input: Input): Promise<number> {
      const reply = await matched.handle(input);
      const sent = checkAndSend(matched, response, passage, reply);
      noteRead(matched, input.caller, input.tenantId, reply);
      if (matched.records === 'read') records = reply.records ?? 1;
      return sent;
    }
  };

  /** Whether what was admitted a while ago still would be. @throws what the line would answer now */
  async function confirmed(route: Route, context: Context, tenant: TenantId, late?: string): Promise<void> {
    bus.settle?.();
    deps.assertServed(route);
    const caller = await who.askAgain(route, context, late);
    assertNotBarred(blocks, { route, context, profile: profileOf(route) }, caller);
    await blocks.assertCallerNotBlocked(caller);
    if ((await where(context, caller)) !== tenant) throw tenantFault('TENANT_FOREIGN');
    await may(route, caller, tenant);
  }

  /** The same steps for a token that comes after the head, in their order; what is refused is noted like all else. */
  function admitting(route: Route, passage: Passage): NonNullable<RelayInput['admit']> {
    const { context } = passage;
    return async (token) => {
      try {
        bus.settle?.();
        const caller = await who.askLate(route, context, token);
        if (caller.kind === 'anonymous') throw accessFault('ACCESS_UNAUTHENTICATED');
        passage.caller = caller;
        await blocks.assertCallerNotBlocked(caller);
        if (caller.kind === 'person') sessions.used(caller.sessionId);
        const tenant = await where(context, caller);
        await slowByPrincipal(route, passage, tenant);
        await may(route, caller, tenant);
        return { caller, tenantId: tenant, confirm: () => confirmed(route, context, tenant, token) };
      } catch (error) {
        await noteRefusal(route, passage, error);
        throw error;
      }
    };
  }

  /** Is the address blocked, the head hostile? Probes are outside: a block must not look like a dead process (D13). */
  function screen(route: Route, passage: Passage): void {
    if (route.access.kind === 'unlimited') return;
    passage.bar = barOf(blocks, { route, ...passage });
    if (passage.bar !== undefined && !who.presents(route, passage.context)) throw passage.bar;
    if (passage.context.operator) return; // whoever holds the socket holds the machine
    const verdict = detection.screen(route, passage.context);
    if (verdict?.attack === true) passage.attack = verdict;
  }

  /** Refused it is; but a key or a person is held to account for it, and not the house that they send from (D06). */
  async function refuseAttack(route: Route, passage: Passage, verdict: Verdict): Promise<void> {
    if (passage.bar === undefined) passage.caller = await who.sender(route, passage.context);
    await tellOf(passage.caller, route, passage, verdict);
  }

  /** Who calls from an address that is blocked. A guess is answered as all from there, and pays as any other. */
  async function provedAt(route: Route, { context, bar }: Passage): Promise<Principal> {
    try {
      const caller = await who.ask(route, context, true);
      if (caller.kind !== 'anonymous') return caller;
    } catch (error) {
      if (!isFault(error) || error.kind !== 'unauthenticated') throw error;
    }
    throw bar;
  }

  /** @throws DETECTION_REFUSED where the route blocks */
  async function tellAttack(route: Route, passage: Passage, verdict: Verdict): Promise<void> {
    const { context, caller } = passage;
    const isUnasked = caller.kind === 'anonymous' && isOpen(route);
    await tellOf(isUnasked ? await who.sender(route, context) : caller, route, passage, verdict);
  }

  /** @throws DETECTION_REFUSED where the route blocks */
  function tellOf(caller: Principal, route: Route, { context, profile }: Passage, verdict: Verdict): Promise<void> {
    return deps.attacks.tell({ route, context, caller, profile: profile.name, observer: profile.observer }, verdict);
  }

  /** A ceiling for everybody, and the route's own limit for those who are not known yet. */
  function slowByAddress(route: Route, passage: Passage): Promise<void> | undefined {
    if (passage.context.operator || route.access.kind === 'unlimited') return undefined;
    const taken = slow.byAddress(route, passage.context);
    if (taken instanceof Promise) return taken.then((one) => tell(passage, one));
    return tell(passage, taken);
  }

  /** Of two limits that were counted the one that is nearer to its end is told. */
  function tell(passage: Passage, taken: Tightest | undefined): undefined {
    const { tightest } = passage;
    if (taken !== undefined && (tightest === undefined || shareOf(taken) <= shareOf(tightest)))
      passage.tightest = taken;
  }

  /** Cookies go along by themselves, so an unsafe request that has one of ours must come from our own pages. */
  function genuine(route: Route, request: IncomingMessage, passage: Passage): Promise<void> | undefined {
    const { context, profile, caller } = passage;
    if (route.method === 'GET' || context.headers.cookie === undefined) return undefined;
    assertSameSite(context, profile);
    // Old socket clients know no such header: their relay checks the origin of every request, and each names a session.
    if (route.admits === 'later') return undefined;
    const form = () => bodies.formOf(route, request);
    return who.byCookie(route, context) ? assertCsrfToken(sessions.csrf, context, caller, profile, form) : undefined;
  }

  /** Principal, key, tenant, route and what is left of the address, all in one count. */
  function slowByPrincipal(route: Route, passage: Passage, tenant: TenantId): Promise<void> | undefined {
    if (route.access.kind === 'unlimited') return undefined;
    const taken = slow.byPrincipal(route, passage.context, passage.caller, tenant);
    if (taken instanceof Promise) return taken.then((one) => tell(passage, one));
    return tell(passage, taken);
  }

  /** The tenant that the request is about: the principal's own, or another of them by header. */
  function where(context: Context, principal: Principal): TenantId | Promise<TenantId> {
    if (principal.kind === 'anonymous') return NO_TENANT;
    const wanted = context.headers[TENANT_HEADER];
    if (wanted === undefined || wanted === principal.tenantId) return principal.tenantId;
    return elsewhere(principal, String(wanted));
  }

  async function elsewhere(principal: Principal, wanted: string): Promise<TenantId> {
    const id = await mayEnter(principal, wanted);
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

  /** The body is read only now, from somebody who may send it, looked at as bytes and parsed by the route's schemas. */
  function inspectAndParse(route: Route, request: IncomingMessage, passage: Passage, params: unknown) {
    const tell = (verdict: Verdict): Promise<void> => tellAttack(route, passage, verdict);
    return bodies.read(route, request, passage.context, params, tell);
  }

  /** A reply that is not what its route promises may hold what it must not: it does not go out. */
  function checkAndSend(route: Route, response: ServerResponse, passage: Passage, reply: Reply): number {
    const promised = route.replies[reply.status];
    if (promised === undefined) throw appFault('APP_REPLY_REFUSED');
    if (typeof promised === 'string') return sendReply(response, answering(passage), reply, promised);
    const checked = promised.safeParse(reply.body);
    if (!checked.success) throw appFault('APP_REPLY_REFUSED', {}, checked.error);
    return sendReply(response, answering(passage), { ...reply, body: checked.data });
  }

  function noteRead(route: Route, principal: Principal, tenant: TenantId, reply: Reply): void {
    if (route.records !== 'read' || principal.kind === 'anonymous') return;
    const { records = 1, object } = reply;
    audit.noteRead({ principal, tenantId: tenant, route: `${route.method} ${route.path}`, records, object });
  }

  function count(route: Route, request: IncomingMessage, status: number, { context, profile, caller }: Passage): void {
    metrics.request(route.path, request.method ?? '', status, clock.now() - context.receivedAt);
    profile.observer?.access({ context, caller, status });
  }
}

const sentOver = ({ socket }: IncomingMessage): number => socket?.bytesWritten ?? 0; // a pair of streams has none

/** Aborted when nobody waits for the answer any more. */
function leftBy(response: ServerResponse): AbortSignal {
  const leaving = new AbortController();
  if (response.destroyed) leaving.abort();
  else response.once('close', () => leaving.abort());
  return leaving.signal;
}

const shareOf = ({ rule, remaining }: Tightest): number => remaining / rule.count;

/** Everything that stands in an answer beside what the route says. */
function answering({ context, profile, tightest }: Passage, error?: unknown) {
  const cors = profile.cors.headersFor(context.headers.origin);
  const limited = isFault(error) && error.kind === 'limited' ? error.facts : tightest;
  const told = limited === undefined ? [] : rateLimitHeaders(limited);
  return { context, face: profile.face, extra: cors.length === 0 ? told : [...told, ...cors] };
}
