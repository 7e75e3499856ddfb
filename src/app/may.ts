import { type Access, accessFault } from '../access/index.ts';
import type { Route, StepUp } from '../http/index.ts';
import type { EpochMs, TenantId } from '../kernel/brand.ts';
import type { Clock } from '../kernel/clock.ts';
import type { PersonPrincipal, Principal } from '../kernel/principal.ts';
import type { ServeDeps } from '../profiles/index.ts';
import type { Sessions } from '../sessions/index.ts';
import type { AskedProofs } from './asked-proofs.ts';
import type { AssertFactor } from './factor-due.ts';

/** As the line asks it: a permission counts for those alone who have the second factor that policy asks for. */
export function createMayHere({ access, assertFactor }: Pick<MayDeps, 'access' | 'assertFactor'>): ServeDeps['may'] {
  return async (caller, tenant, permission) => {
    if (!(await access.may(caller, tenant, permission))) return false;
    await assertFactor(caller, tenant);
    return true;
  };
}

type Permission = Extract<Route['access'], { kind: 'permission' }>;

export interface MayDeps {
  readonly access: Access;
  readonly sessions: Pick<Sessions, 'proof'>;
  readonly assertFactor: AssertFactor;
  /** Proofs from before count no more. */
  readonly askedProofs?: Pick<AskedProofs, 'since'> | undefined;
  readonly clock: Clock;
}

/** Throws what refuses a caller; awaited only where there is something to wait for. */
export type May = (route: Route, principal: Principal, tenant: TenantId) => Promise<void> | undefined;

/** The step of the line that asks for the route's permission, and for how lately its caller proved who they are. */
export function createMay({ access, sessions, assertFactor, askedProofs, clock }: MayDeps): May {
  /** 401 before 403: who is not known is asked to sign in before anything is said about rights. */
  function may(route: Route, principal: Principal, tenant: TenantId): Promise<void> | undefined {
    const asked = route.access;
    if (asked.kind === 'public' || asked.kind === 'unlimited') return undefined;
    if (principal.kind === 'anonymous') {
      if (route.admits === 'later') return undefined; // asked again of whoever it turns out to be
      throw accessFault('ACCESS_UNAUTHENTICATED');
    }
    if (asked.kind === 'signed-in') {
      if (asked.as !== undefined && asked.as !== principal.kind)
        throw accessFault('ACCESS_FORBIDDEN', { needs: asked.as });
      // What is the caller's own stays open: there a factor is set up. What is handed on to a back end is not that.
      return route.relay === undefined ? assertProved(asked, principal) : assertStanding(asked, principal, tenant);
    }
    const allowed = access.may(principal, tenant, asked.permission);
    if (allowed instanceof Promise) return allowed.then((one) => assertAllowed(asked, principal, tenant, one));
    return assertAllowed(asked, principal, tenant, allowed);
  }

  function assertAllowed(
    asked: Permission,
    principal: Principal,
    tenant: TenantId,
    allowed: boolean,
  ): Promise<void> | undefined {
    if (!allowed) throw accessFault('ACCESS_FORBIDDEN', { permission: asked.permission });
    return assertStanding(asked, principal, tenant);
  }

  /** The second factor that the tenant asks for, then what the route does. */
  function assertStanding(asked: StepUp, principal: Principal, tenant: TenantId): Promise<void> | undefined {
    const due = principal.kind === 'person' ? assertFactor(principal, tenant) : undefined;
    return due === undefined ? assertProved(asked, principal) : due.then(() => assertProved(asked, principal));
  }

  /** Keys and the operator prove who they are with each request. */
  function assertProved(asked: StepUp, principal: Principal): Promise<void> | undefined {
    const isAsked = asked.provedWithinMs !== undefined || asked.secondFactorWithinMs !== undefined;
    return isAsked && principal.kind === 'person' ? assertLately(asked, principal) : undefined;
  }

  /** Of the session as it is now, not of the token: whoever stepped up since goes on with the one they have. */
  async function assertLately(
    { provedWithinMs, secondFactorWithinMs }: StepUp,
    { sessionId }: PersonPrincipal,
  ): Promise<void> {
    const [proof, since = 0] = await Promise.all([sessions.proof(sessionId), askedProofs?.since(sessionId)]);
    const isOlder = (at: EpochMs | undefined, ms: number): boolean =>
      at === undefined || clock.now() - at > ms || at < since;
    if (provedWithinMs !== undefined && isOlder(proof?.provedAt, provedWithinMs))
      throw accessFault('ACCESS_PROOF_TOO_OLD', { max_age_s: provedWithinMs / 1_000 });
    if (secondFactorWithinMs !== undefined && isOlder(proof?.secondFactorAt, secondFactorWithinMs)) {
      const facts = { acr_values: 'urn:twinkeep:acr:mfa', max_age_s: secondFactorWithinMs / 1_000 };
      throw accessFault('ACCESS_SECOND_FACTOR', facts);
    }
  }

  return may;
}
