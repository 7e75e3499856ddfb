import { type Access, accessFault } from '../access/index.ts';
import type { SessionId, TenantId } from '../kernel/brand.ts';
import type { Clock } from '../kernel/clock.ts';
import type { PersonPrincipal } from '../kernel/principal.ts';
import { isRequired, type Mfa, type MfaPolicy } from '../mfa/index.ts';
import type { Sessions } from '../sessions/index.ts';

export interface FactorDueDeps {
  readonly clock: Clock;
  readonly access: Pick<Access, 'roleNames'>;
  readonly sessions: Pick<Sessions, 'proof'>;
  readonly mfa: Pick<Mfa, 'policy' | 'isEnrolled'>;
}

/** Throws where a second factor is due; awaited only where there is something to wait for. */
export type AssertFactor = (caller: PersonPrincipal, tenant: TenantId) => Promise<void> | undefined;

/** How a session met what policy asks: by a factor, or by a device that was remembered after one. */
type Met = 'factor' | 'device';

const MOST_KNOWN = 50_000;

/**
 * A session is older than what is asked of its person: a role that was given since, a membership, a stricter policy. So
 * sign-in alone can't answer for it, and each use of a permission asks again, out of caches that a change drops.
 */
export function createFactorDue({ access, sessions, mfa, clock }: FactorDueDeps): AssertFactor {
  const met = new Map<SessionId, Met>();

  /** A device was remembered before its session began, so that policy made shorter since holds here as at a sign-in. */
  function meets({ sessionId, authenticatedAt }: PersonPrincipal, { rememberMs }: MfaPolicy): boolean {
    const how = met.get(sessionId);
    return how === 'factor' || (how === 'device' && authenticatedAt + rememberMs > clock.now());
  }

  /** What a session once had it keeps until it ends; a device stood in where its owner has a factor and none was asked. */
  async function look({ sessionId, personId }: PersonPrincipal): Promise<Met | undefined> {
    const proof = await sessions.proof(sessionId);
    if (proof === undefined) return undefined;
    if (proof.secondFactorAt !== undefined) return 'factor';
    return proof.provedAt === undefined && (await mfa.isEnrolled(personId)) ? 'device' : undefined;
  }

  async function assertMet(caller: PersonPrincipal, policy: MfaPolicy): Promise<void> {
    const how = await look(caller);
    if (how !== undefined) {
      if (met.size >= MOST_KNOWN) met.clear(); // each is looked up once more
      met.set(caller.sessionId, how);
    }
    if (!meets(caller, policy)) throw accessFault('ACCESS_FACTOR_REQUIRED', WHAT_TO_DO);
  }

  function withRoles(caller: PersonPrincipal, policy: MfaPolicy, roles: readonly string[]): Promise<void> | undefined {
    return !isRequired(policy, roles) || meets(caller, policy) ? undefined : assertMet(caller, policy);
  }

  function withPolicy(caller: PersonPrincipal, tenant: TenantId, policy: MfaPolicy): Promise<void> | undefined {
    if (policy.requiredFor.length === 0) return undefined;
    const roles = access.roleNames(caller.personId, tenant);
    return roles instanceof Promise
      ? roles.then((names) => withRoles(caller, policy, names))
      : withRoles(caller, policy, roles);
  }

  return (caller, tenant) => {
    const policy = mfa.policy.current(tenant);
    return policy instanceof Promise
      ? policy.then((one) => withPolicy(caller, tenant, one))
      : withPolicy(caller, tenant, policy);
  };
}

const WHAT_TO_DO = { acr_values: 'urn:twinkeep:acr:mfa', set_up: '/v1/mfa', give: '/v1/step-up' };
