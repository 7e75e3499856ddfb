import { hash } from 'node:crypto';
import { isIP } from 'node:net';
import type { Context } from '../http/index.ts';
import { epochMs, type PersonId } from '../kernel/brand.ts';
import { type Clock, rfc3339 } from '../kernel/clock.ts';
import { type Actor, anonymous, type PersonPrincipal, type Principal } from '../kernel/principal.ts';
import type { HotValues } from '../storage/index.ts';
import type { BlockWish, Evidence, SuspectKind } from './block.ts';
import type { Blocks, DeviceOf } from './blocks.ts';
import type { DetectionConfig } from './config.ts';
import { BLOCK_POINTS } from './suspicion-config.ts';
import { createLedger, type Suspect } from './suspicion-ledger.ts';
import { mayBePlanted, mayBeScripted } from './suspicion-planted.ts';
import { type Note, pointsOf, type Standing } from './suspicion-standing.ts';

/** Who may have sent a request: only what was verified of it, and never what it says of itself. */
export interface Suspects {
  readonly context: Pick<Context, 'address' | 'addressBlock' | 'requestId' | 'headers' | 'method'>;
  readonly caller: Principal;
  /** That of the caller's session, where it is known already. */
  readonly deviceId?: string | undefined;
  readonly profile: string;
}

/** An attack as it was judged. */
export interface Attack {
  readonly class: string;
  readonly rule: string;
  readonly score: number;
  readonly at: string;
  readonly evidence: string;
  /** Tells the same attack sent again from another one. */
  readonly fingerprint: string;
  /** Seen on a route that refuses nothing yet: what is on trial is held against nobody, and no answer waits for it. */
  readonly shadow?: boolean | undefined;
}

/** What attacks and anomalies add up to: at 100 points their suspect is blocked. */
export interface Suspicion {
  /** An attack was refused. To be awaited before the answer: the block is in force by then. Never fails. */
  attacked(who: Suspects, what: Attack): void | Promise<void>;
  /** An anomaly of this principal, 0 to 1. Never fails, and never blocks by itself. */
  unusual(
    who: Suspects,
    what: { readonly kind: string; readonly score: number; readonly evidence: Evidence },
  ): void | Promise<void>;
}

/** What a profile does about an attack. */
export interface SuspicionPolicy {
  readonly blockMs: number;
  readonly permanent: boolean;
  /** Whether one attack blocks at once who sent it: whoever was verified, and else the address (E15). */
  readonly blockOnPattern: boolean;
}

export interface SuspicionDeps {
  /** What all processes share. */
  readonly hot: HotValues;
  readonly blocks: Pick<Blocks, 'blocked' | 'exempt' | 'impose'>;
  readonly clock: Clock;
  readonly config: Pick<DetectionConfig, 'enabled' | 'suspicion'>;
  readonly policyOf: (profile: string) => SuspicionPolicy;
  readonly deviceOf?: DeviceOf | undefined;
  /** Suspects of each kind that are kept; 10,000 unless told. */
  readonly max?: number | undefined;
  readonly onError: (error: unknown) => void;
}

/** Somebody that an offence counts for, and how much of it. */
interface Share extends Suspect {
  readonly factor: number;
  readonly indirect: boolean;
  /** Whose sessions end with the block. */
  readonly owner?: PersonId | undefined;
}

export function createSuspicion(deps: SuspicionDeps): Suspicion {
  const { blocks, config, policyOf, onError } = deps;
  const { halfLifeMs } = config.suspicion;
  const ledger = createLedger({ ...deps, halfLifeMs });

  /** Whom something counts for. Nobody where its principal is blocked already: it must not become one of the address. */
  async function sharesOf(who: Suspects): Promise<readonly Share[]> {
    const { caller, context } = who;
    const address = { kind: 'address', value: context.addressBlock } as const;
    switch (caller.kind) {
      case 'operator':
        return [];
      case 'anonymous':
        return [{ ...address, factor: 1, indirect: false }];
      case 'api-key': {
        const key = { kind: 'api-key', value: caller.apiKeyId, factor: 1, indirect: false } as const;
        return isBlocked(key) ? [] : [key, { ...address, factor: config.suspicion.addressShare, indirect: true }];
      }
      case 'person': {
        const own = await sharesOfPerson(caller, who.deviceId);
        return own.some(isBlocked)
          ? []
          : [...own, { ...address, factor: config.suspicion.addressShare, indirect: true }];
      }
    }
  }

  /** A device that is unknown to the session, or that can't be found out now, is left out: the person counts anyway. */
  async function sharesOfPerson(caller: PersonPrincipal, known: string | undefined): Promise<readonly Share[]> {
    const { personId: owner } = caller;
    const person = { kind: 'person', value: owner, factor: 1, indirect: false, owner } as const;
    if (blocks.exempt(owner, 'person')) return []; // nor is what they use
    const device = known ?? (await deviceOf(caller));
    return device === undefined ? [person] : [person, { ...person, kind: 'device', value: device }];
  }

  function deviceOf(caller: PersonPrincipal): string | undefined | Promise<string | undefined> {
    const found = deps.deviceOf?.(caller);
    return found instanceof Promise ? found.catch(onError).then((id) => id ?? undefined) : found;
  }

  const isBlocked = ({ kind, value }: Suspect): boolean => blocks.blocked(value, kind) !== undefined;
  const isSpared = ({ kind, value }: Suspect, { address }: Suspects['context']): boolean =>
    kind === 'address' ? isIP(withoutZone(address)) === 0 || blocks.exempt(address) : blocks.exempt(value, kind);

  /** One after the other, so that a device knows whether its person's sessions have ended already. */
  async function count(who: Suspects, done: { points: number; indirect: boolean; fingerprint: string; note: Note }) {
    for (const share of await sharesOf(who)) {
      const points = done.points * share.factor;
      if (points === 0 || isSpared(share, who.context) || isBlocked(share)) continue;
      const indirect = done.indirect || share.indirect;
      const standing = await ledger.add(share, { ...done, points, indirect });
      if (standing !== undefined && pointsOf(standing) >= BLOCK_POINTS) await block(who, share, standing);
    }
  }

  async function block(who: Suspects, share: Share, standing: Standing): Promise<void> {
    await impose(who, share, { reason: 'suspicion', evidence: evidenceOf(standing, halfLifeMs) });
    await ledger.forget(share); // after the block it begins anew
  }

  async function impose(who: Suspects, share: Share, why: Pick<BlockWish, 'reason' | 'evidence'>): Promise<void> {
    if (isBlocked(share)) return; // many at once: one of them was first
    const { kind, value, owner } = share;
    const policy = policyOf(who.profile);
    const ends = config.suspicion.endSessions && (kind === 'person' || !isOwnerBlocked(owner)) ? owner : undefined;
    await blocks.impose(actorOf(who, kind), {
      reason: why.reason,
      evidence: { ...why.evidence, ...blockedWith(share) },
      kind,
      value: kind === 'address' ? withoutZone(who.context.address) : value,
      profile: who.profile,
      violation: 'suspicious_pattern',
      // Nobody but an operator keeps a person or a machine out for good: they may be the last who govern.
      length: lengthOf(policy, kind === 'address' && policy.permanent),
      ends,
    });
  }

  /** One command lets both in again. */
  const blockedWith = ({ kind, owner }: Share): Evidence =>
    kind === 'device' && owner !== undefined && isOwnerBlocked(owner) ? { person_id: owner } : {};

  const isOwnerBlocked = (owner: PersonId | undefined): boolean =>
    owner !== undefined && blocks.blocked(owner, 'person') !== undefined;

  /** The old system blocked at the first pattern, and knew addresses alone: one bad client shut out its whole plant (E15). */
  async function blockAtOnce(who: Suspects, note: Note): Promise<void> {
    const { rule, requestId, ...more } = note;
    const evidence = { pattern: rule, class: more.class, place: more.at, request_ids: [requestId] };
    for (const share of await sharesOf(who)) {
      if (share.factor < 1 || isSpared(share, who.context)) continue;
      await impose(who, share, { reason: 'attack_pattern', evidence });
    }
  }

  async function attacked(who: Suspects, what: Attack): Promise<void> {
    const planted = mayBePlanted(who.context);
    const scripted = !planted && mayBeScripted(who.context, who.caller.kind === 'person');
    const note = noteOf(who, what.class, what.rule, what.at);
    if (policyOf(who.profile).blockOnPattern && !planted && !scripted) await blockAtOnce(who, note);
    const { enabled, attackPoints, plantedShare, scriptedShare } = config.suspicion;
    if (!enabled) return;
    const points = attackPoints * (planted ? plantedShare : scripted ? scriptedShare : 1);
    // Apart from the same one sent in full, as what was planted is.
    const fingerprint = digest(scripted ? `scripted ${what.fingerprint}` : what.fingerprint);
    await count(who, { points, indirect: planted, fingerprint, note });
  }

  async function unusual(who: Suspects, kind: string, score: number): Promise<void> {
    const points = config.suspicion.unusualPoints * Math.min(1, Math.max(0, Number.isNaN(score) ? 0 : score));
    const note = noteOf(who, 'anomaly', kind, '');
    await count(who, { points, indirect: true, fingerprint: digest(`unusual ${kind}`), note });
  }

  const isIdle = ({ caller }: Suspects): boolean => !config.enabled || caller.kind === 'operator';

  return {
    attacked: (who, what) => (isIdle(who) || what.shadow === true ? undefined : attacked(who, what).catch(onError)),
    unusual: (who, { kind, score }) =>
      isIdle(who) || !config.suspicion.enabled ? undefined : unusual(who, kind, score).catch(onError),
  };
}

const MAX_WORD = 64;

/** Places and rules go into the log and the database: short, and in characters that both take. */
const word = (text: string): string => text.slice(0, MAX_WORD).replace(/[^\x20-\x7e]/g, '?');

const noteOf = ({ context }: Suspects, kind: string, rule: string, at: string): Note => ({
  class: word(kind),
  rule: word(rule),
  at: word(at),
  requestId: context.requestId,
});

const digest = (text: string): string => hash('sha256', text, 'base64url').slice(0, 16);

/** The log of a tenant tells of its own people and keys; addresses are nobody's. */
const actorOf = ({ context, caller }: Suspects, kind: SuspectKind): Actor => ({
  principal: anonymous,
  requestId: context.requestId,
  ...(kind === 'address' || caller.kind === 'anonymous' ? {} : { tenantId: caller.tenantId }),
});

/** `fe80::1%eth0` is that address here. */
const withoutZone = (address: string): string => address.split('%', 1)[0] ?? address;

const lengthOf = ({ blockMs }: SuspicionPolicy, permanent: boolean): BlockWish['length'] =>
  permanent ? { kind: 'permanent' } : { kind: 'escalating', firstMs: blockMs };

function evidenceOf(standing: Standing, halfLifeMs: number): Evidence {
  const classes = new Map<string, number>();
  for (const { class: kind } of standing.notes) classes.set(kind, (classes.get(kind) ?? 0) + 1);
  const distinct = (pick: (note: Note) => string): string[] => [...new Set(standing.notes.map(pick))];
  const times = standing.seen.map(([, at]) => rfc3339(epochMs(at)));
  return {
    points: Math.round(pointsOf(standing)),
    attacks: times.length,
    half_life_s: halfLifeMs / 1_000,
    classes: Object.fromEntries(classes),
    rules: distinct(({ rule }) => rule),
    places: distinct(({ at }) => at),
    request_ids: distinct(({ requestId }) => requestId),
    first_at: times.at(0) ?? null,
    last_at: times.at(-1) ?? null,
  };
}
