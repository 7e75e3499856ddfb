import type { Context, Route, RouteLimit } from '../http/index.ts';
import type { TenantId } from '../kernel/brand.ts';
import { type KnownPrincipal, nameOf, type Principal } from '../kernel/principal.ts';
import { type Claim, type LimitRule, type Limits, type Prepared, preparedOf, type Tightest } from '../limits/index.ts';
import type { PolicyRule, ServedProfile } from '../profiles/index.ts';

/** What a route and its profile count, sorted out once. */
interface Plan {
  readonly early: readonly PolicyRule[];
  readonly late: readonly PolicyRule[];
  readonly routeByAddress: readonly LimitRule[];
  readonly routeByPrincipal: readonly LimitRule[];
  readonly recent: Recent;
}

/** What was counted of an address and of a caller, for the names of their cells need not be made anew each time. */
interface Recent {
  readonly ofAddress: Map<string, Prepared>;
  readonly ofCaller: WeakMap<KnownPrincipal, Counted>;
}

/** Good for the same caller at the same place. */
interface Counted {
  readonly addressBlock: string;
  readonly tenant: TenantId;
  readonly prepared: Prepared;
}

/** The two steps of the line that count requests: all that concerns one is counted together, or nothing of it is. */
export interface Slow {
  byAddress(route: Route, context: Context): Outcome;
  byPrincipal(route: Route, context: Context, caller: Principal, tenant: TenantId): Outcome;
  /** A credential that is no good counts against the address that sent it. @throws LIMIT_EXCEEDED */
  badCredential(route: Route, context: Context): Outcome;
  /**
   * The count that a slow check of a key is taken from, and given back to unless the key is bad.
   *
   * @param stillGood asked when its turn comes, for it may have waited; throws where the caller was shut out meanwhile
   */
  keyAttempt(route: Route, context: Context, stillGood?: () => void): KeyAttempt;
}

interface KeyAttempt {
  /** Keys of one lane are checked one after another. */
  readonly lane: string;
  beforeSlow(): Outcome;
  giveBack(): void | Promise<void>;
}

type Outcome = Tightest | undefined | Promise<Tightest | undefined>;

/** At most so many bad keys of one address are worth a slow hash (D01). */
const KEY_ATTEMPTS: LimitRule = { name: 'key-attempt', count: 100, windowMs: 3_600_000 };

const MAX_ADDRESSES = 1_000;

export function createSlow(limits: Limits, profileOf: (route: Route) => ServedProfile): Slow {
  const plans = new WeakMap<Route, Plan>();
  const recents = new WeakMap<readonly PolicyRule[], Recent>();
  const planOf = (route: Route): Plan => {
    const known = plans.get(route);
    if (known !== undefined) return known;
    const plan = makePlan(route, profileOf(route).rules, recents);
    plans.set(route, plan);
    return plan;
  };

  const ofAddress = (rules: readonly PolicyRule[], who: string): Claim[] =>
    rules.flatMap((rule) => (rule.per === 'address' || rule.per === 'caller' ? [{ rule, who }] : []));

  function earlyClaims({ early, routeByAddress, recent }: Plan, addressBlock: string): Prepared {
    const claims = ofAddress(early, addressBlock);
    for (const rule of routeByAddress) claims.push({ rule, who: addressBlock });
    const prepared = preparedOf(claims);
    if (recent.ofAddress.size >= MAX_ADDRESSES) recent.ofAddress.clear(); // a flood from many places fills no memory
    recent.ofAddress.set(addressBlock, prepared);
    return prepared;
  }

  function lateClaims(plan: Plan, addressBlock: string, caller: Principal, tenant: TenantId): Prepared {
    const claims: Claim[] = [];
    for (const rule of plan.late) {
      const who = whoOf(rule, addressBlock, caller, tenant);
      if (who !== undefined) claims.push({ rule, who });
    }
    if (caller.kind === 'anonymous') return preparedOf(claims);
    for (const rule of plan.routeByPrincipal) claims.push({ rule, who: nameOf(caller) });
    const prepared = preparedOf(claims);
    plan.recent.ofCaller.set(caller, { addressBlock, tenant, prepared });
    return prepared;
  }

  return {
    byAddress: (route, { addressBlock }) => {
      const plan = planOf(route);
      return limits.takePrepared(plan.recent.ofAddress.get(addressBlock) ?? earlyClaims(plan, addressBlock));
    },
    byPrincipal: (route, { addressBlock }, caller, tenant) => {
      if (caller.kind === 'operator') return undefined;
      const plan = planOf(route);
      const known = caller.kind === 'anonymous' ? undefined : plan.recent.ofCaller.get(caller);
      const isSame = known !== undefined && known.addressBlock === addressBlock && known.tenant === tenant;
      return limits.takePrepared(isSame ? known.prepared : lateClaims(plan, addressBlock, caller, tenant));
    },
    badCredential: (route, { addressBlock }) => {
      const claims = ofAddress(planOf(route).late, addressBlock);
      return claims.length === 0 ? undefined : limits.takeAll(claims);
    },
    keyAttempt: (_route, { addressBlock: who }, stillGood) => ({
      lane: who,
      beforeSlow: () => {
        stillGood?.();
        return limits.takeAll([{ rule: KEY_ATTEMPTS, who }]);
      },
      giveBack: () => limits.giveBack({ rule: KEY_ATTEMPTS, who }),
    }),
  };
}

function makePlan(route: Route, rules: readonly PolicyRule[], recents: WeakMap<readonly PolicyRule[], Recent>): Plan {
  const own = (per: RouteLimit['per']): LimitRule[] =>
    (route.limits ?? []).flatMap((limit) =>
      limit.per === per
        ? [{ name: `${route.method} ${route.path}`, count: limit.count, windowMs: limit.windowMs }]
        : [],
    );
  const routeByAddress = own('address');
  const routeByPrincipal = own('principal');
  // Routes without limits of their own count the same, and so share what is known of a caller.
  const isPlain = routeByAddress.length === 0 && routeByPrincipal.length === 0;
  const recent = (isPlain ? recents.get(rules) : undefined) ?? { ofAddress: new Map(), ofCaller: new WeakMap() };
  if (isPlain) recents.set(rules, recent);
  return {
    early: rules.filter(({ early }) => early),
    late: rules.filter(({ early }) => !early),
    routeByAddress,
    routeByPrincipal,
    recent,
  };
}

/** Whose count a rule takes of this caller; `undefined` where it takes none. */
function whoOf(rule: PolicyRule, addressBlock: string, caller: Principal, tenant: TenantId): string | undefined {
  const isKey = caller.kind === 'api-key';
  switch (rule.per) {
    case 'address':
      return rule.replacedByKey && isKey ? undefined : addressBlock;
    case 'api-key':
      return isKey ? nameOf(caller) : undefined;
    case 'caller':
      return caller.kind === 'anonymous' ? addressBlock : nameOf(caller);
    case 'principal':
      return caller.kind === 'anonymous' ? undefined : nameOf(caller);
    case 'tenant':
      return caller.kind === 'anonymous' ? undefined : tenant;
  }
}
