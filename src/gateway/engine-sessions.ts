import type { RelayInput } from '../http/index.ts';
import type { TenantId } from '../kernel/brand.ts';
import type { TwinkeepError } from '../kernel/errors.ts';
import { type KnownPrincipal, nameOf } from '../kernel/principal.ts';
import type { Target } from './back-end.ts';
import { gatewayFault } from './errors.ts';
import type { Plan } from './plan.ts';
import type { Waiting } from './waiting.ts';
import type { Watch, Watched } from './watch.ts';

/** Who a session belongs to. */
export interface Owner {
  readonly caller: KnownPrincipal;
  readonly tenantId: TenantId;
  readonly confirm?: () => Promise<void>;
}

/** Where the back end keeps it. */
export interface Home {
  readonly target: Target;
  readonly sid: string;
  readonly version: 3 | 4;
  /** An answer to a poll may take this long. */
  readonly patienceMs: number;
}

/** What a poll that waits for a session to open learns of it. */
export type Opened =
  | { readonly kind: 'open'; readonly owner: Owner; readonly home: Home }
  /** Told by a payload, so that the client's own library understands it. */
  | { readonly kind: 'refused'; readonly payload: string }
  | { readonly kind: 'over'; readonly fault: TwinkeepError };

/** A session of Engine.IO. Ours lives longer than each of its polls, and ends with its caller's right. */
export interface EngineSession extends Watched {
  readonly sid: string;
  readonly plan: Plan;
  readonly addressBlock: string;
  /** Opened by a credential, which then each of its requests has to bring; otherwise by CONNECT, and bound to an address. */
  readonly byCredential: boolean;
  /** Resolves when the session is open, or will never be. */
  readonly opened: Promise<Opened>;
  /** `refused` until its client has heard why. */
  state: 'waiting' | 'opening' | 'open' | 'refused' | 'over';
  /** Once it is open. */
  owner: Owner | undefined;
  home: Home | undefined;
  /** Requests and sockets that run in it. */
  busy: number;
  /** A poll waits for it to open. */
  polled: boolean;
}

export interface EngineSessions {
  /** One that nobody has signed in to. @throws GATEWAY_SOCKETS */
  wait(sid: string, plan: Plan, addressBlock: string): EngineSession;
  /** One that is open at once. @throws GATEWAY_SOCKETS, GATEWAY_ANSWER for a name that is taken */
  add(sid: string, plan: Plan, addressBlock: string, owner: Owner, home: Home): EngineSession;
  /** Lets the requests that wait for it go on. @throws GATEWAY_SOCKETS */
  open(session: EngineSession, owner: Owner, home: Home): void;
  /** @throws GATEWAY_SESSION, GATEWAY_SESSION_FOREIGN */
  of(sid: string, plan: Plan, input: RelayInput): EngineSession;
  /** Keeps it for the poll that is told why; its time has an end like that of one which waits. */
  refuse(session: EngineSession, payload: string): void;
  end(session: EngineSession, fault: TwinkeepError): void;
  count(): number;
}

export interface EngineSessionDeps {
  readonly watch: Watch;
  readonly waiting: Waiting;
  readonly maxOpen: number;
  readonly maxPerPrincipal: number;
  readonly authTimeoutMs: number;
  /** One that was open is over: the back end may be told. */
  readonly onEnd: (session: EngineSession, home: Home) => void;
}

/** A client that polls has a poll waiting all the time, so one without is gone. */
const IDLE_MS = 30_000;

export function createEngineSessions(deps: EngineSessionDeps): EngineSessions {
  const { watch, waiting, maxOpen, maxPerPrincipal, authTimeoutMs, onEnd } = deps;
  const sessions = new Map<string, EngineSession>();
  const held = new Map<string, number>();
  const settling = new WeakMap<EngineSession, { settle: (opened: Opened) => void; leave: () => void }>();
  let open = 0;

  function create(sid: string, plan: Plan, addressBlock: string, byCredential: boolean): EngineSession {
    const { promise, resolve } = Promise.withResolvers<Opened>();
    let silentMs = 0;
    const session: EngineSession = {
      ...{
        sid,
        plan,
        addressBlock,
        byCredential,
        opened: promise,
        state: 'waiting',
        owner: undefined,
        home: undefined,
      },
      ...{ busy: 0, polled: false, place: -1 },
      get confirm() {
        return session.owner?.confirm;
      },
      tick: (ms) => {
        const moved = session.state === 'open' && session.busy > 0;
        silentMs = moved ? 0 : silentMs + ms;
        const signedIn = session.state === 'open';
        if (silentMs < (signedIn ? IDLE_MS : authTimeoutMs)) return;
        end(session, gatewayFault(signedIn ? 'GATEWAY_SESSION' : 'GATEWAY_CREDENTIAL'));
      },
      cut: (fault) => end(session, fault),
    };
    settling.set(session, { settle: resolve, leave: byCredential ? () => undefined : waiting.take(addressBlock) });
    sessions.set(sid, session);
    watch.add(session);
    return session;
  }

  function admit(session: EngineSession, owner: Owner, home: Home): void {
    const holder = nameOf(owner.caller);
    const already = held.get(holder) ?? 0;
    if (open >= maxOpen || already >= maxPerPrincipal) throw gatewayFault('GATEWAY_SOCKETS', { retry_after_s: 5 });
    open++;
    held.set(holder, already + 1);
    session.state = 'open';
    session.owner = owner;
    session.home = home;
    settling.get(session)?.leave();
    settling.get(session)?.settle({ kind: 'open', owner, home });
  }

  function end(session: EngineSession, fault: TwinkeepError): void {
    if (session.state === 'over') return;
    const { owner, home } = session;
    session.state = 'over';
    sessions.delete(session.sid);
    watch.delete(session);
    settling.get(session)?.leave();
    settling.get(session)?.settle({ kind: 'over', fault });
    if (owner === undefined || home === undefined) return;
    open--;
    const left = (held.get(nameOf(owner.caller)) ?? 1) - 1;
    if (left > 0) held.set(nameOf(owner.caller), left);
    else held.delete(nameOf(owner.caller));
    onEnd(session, home);
  }

  return {
    count: () => sessions.size,
    end,
    refuse: (session, payload) => {
      if (session.state === 'over') return;
      session.state = 'refused';
      settling.get(session)?.settle({ kind: 'refused', payload });
    },
    open: admit,
    wait: (sid, plan, addressBlock) => create(sid, plan, addressBlock, false),
    add: (sid, plan, addressBlock, owner, home) => {
      if (sessions.has(sid)) throw gatewayFault('GATEWAY_ANSWER', { reason: 'it gave the same session to two' });
      const session = create(sid, plan, addressBlock, true);
      try {
        admit(session, owner, home);
      } catch (error) {
        end(session, gatewayFault('GATEWAY_SOCKETS'));
        throw error;
      }
      return session;
    },
    of: (sid, plan, input) => {
      const session = sessions.get(sid);
      if (session === undefined || session.plan !== plan) throw gatewayFault('GATEWAY_SESSION');
      assertHolder(session, input);
      return session;
    },
  };
}

/**
 * Whose session it is: somebody else's credential never opens it, whoever may have told them its name. Without one its
 * name is the credential, as Engine.IO has it, at the address alone that it was given to.
 *
 * @throws GATEWAY_CREDENTIAL, GATEWAY_SESSION_FOREIGN
 */
function assertHolder({ byCredential, owner, addressBlock, state }: EngineSession, input: RelayInput): void {
  const { caller, tenantId, context } = input;
  if (caller.kind === 'anonymous') {
    if (byCredential) throw gatewayFault('GATEWAY_CREDENTIAL');
    if (context.addressBlock !== addressBlock) throw gatewayFault('GATEWAY_SESSION_FOREIGN');
    return;
  }
  if (state !== 'open' && context.addressBlock !== addressBlock) throw gatewayFault('GATEWAY_SESSION_FOREIGN');
  if (owner === undefined) return;
  if (nameOf(owner.caller) !== nameOf(caller) || owner.tenantId !== tenantId)
    throw gatewayFault('GATEWAY_SESSION_FOREIGN');
}
