import { isIP } from 'node:net';
import type { RequestId } from '../kernel/brand.ts';
import { type Clock, rfc3339 } from '../kernel/clock.ts';
import { type Actor, anonymous } from '../kernel/principal.ts';
import type { Bus, HotState, Taken } from '../storage/index.ts';
import type { BlockWish } from './block.ts';
import type { Blocks } from './blocks.ts';
import type { DetectionConfig } from './config.ts';
import { createTraces, type FailureKind, type FailureNote, type Trace } from './traces.ts';

/** Somebody could not prove who they are. */
export interface Failure {
  readonly what: FailureKind;
  readonly profile: string;
  readonly address: string;
  readonly addressBlock: string;
  readonly requestId: RequestId;
  /** Whom it was about, as an opaque id or a pseudonym: never a name, which may be a password typed into its place. */
  readonly subject?: string | undefined;
  /** False for one that is told of and blocks nobody: a token that ran out was good once. */
  readonly counts?: boolean | undefined;
}

/** From when, and for how long, failures of a profile block an address. */
export interface FailurePolicy {
  readonly failures: number;
  readonly windowMs: number;
  readonly blockMs: number;
  readonly permanent: boolean;
}

export interface FailureDeps {
  /** Counts that all processes share. */
  readonly hot: Pick<HotState, 'take' | 'giveBack' | 'claim' | 'reset'>;
  readonly bus: Bus;
  readonly blocks: Pick<Blocks, 'blocked' | 'exempt' | 'impose'>;
  readonly clock: Clock;
  readonly config: Pick<DetectionConfig, 'enabled'>;
  readonly policyOf: (profile: string) => FailurePolicy;
  readonly onError: (error: unknown) => void;
}

/** Counts failed proofs of identity by address block, and blocks where they are too many. */
export interface Failures {
  /** To be awaited before the refusal is answered: the block of the last failure allowed is in force by then. Never fails. */
  failed(failure: Failure): void | Promise<void>;
  /**
   * A password or code was right: people err, and then get it right. Not for each use of a token, which proves nothing new.
   *
   * @param what forgives failures of this kind alone: a key is used at any time, and proves nothing of who guesses passwords
   */
  succeeded(addressBlock: string, what?: FailureKind): void;
}

/** Every failure, of every process: no secret and no user name. */
const TOPIC = 'auth.failed';

export function createFailures(deps: FailureDeps): Failures {
  const { hot, bus, blocks, clock, config, policyOf, onError } = deps;
  const traces = createTraces();
  // Also what failed elsewhere, so that a success here knows that there is a count to reset.
  bus.subscribe(TOPIC, (message) => traces.note(message));

  function publish({ what, profile, address, addressBlock, requestId, subject, counts = true }: Failure): void {
    const about = subject === undefined ? {} : { subject };
    const message = {
      what,
      profile,
      address,
      address_block: addressBlock,
      request_id: requestId,
      at: clock.now(),
      ...about,
      ...(counts ? {} : { counts }),
    };
    bus.publish(TOPIC, message).catch(() => undefined); // nobody depends on it, and a flood must not fill the log
  }

  async function block(failure: Failure, policy: FailurePolicy): Promise<void> {
    const { address, addressBlock, requestId, profile } = failure;
    const actor: Actor = { principal: anonymous, requestId };
    const wish: BlockWish = {
      kind: 'address',
      value: address.split('%')[0] ?? address,
      profile,
      violation: 'ip_blocked',
      reason: 'too_many_failed_attempts',
      evidence: evidenceOf(policy, traces.get(addressBlock), requestId),
      length: policy.permanent ? { kind: 'permanent' } : { kind: 'escalating', firstMs: policy.blockMs },
    };
    await blocks.impose(actor, wish);
    await hot.reset(cellOf(policy, addressBlock)); // after the block the count begins anew
  }

  function forgive(addressBlock: string, what: FailureKind): void {
    for (const note of traces.take(addressBlock, what)) giveBack(addressBlock, note).catch(onError);
  }

  /** All processes know of a failure: one of them gives it back, or those of other kinds would go with it. */
  async function giveBack(addressBlock: string, { requestId, profile }: FailureNote): Promise<void> {
    const { failures: count, windowMs } = policyOf(profile);
    const name = `detection.forgiven ${addressBlock} ${requestId}`;
    if (await hot.claim(name, windowMs))
      await hot.giveBack(cellOf({ failures: count, windowMs }, addressBlock), { count, windowMs });
  }

  const weigh = (taken: Taken, failure: Failure, policy: FailurePolicy): void | Promise<void> =>
    taken.allowed && taken.remaining > 0 ? undefined : block(failure, policy).catch(onError);

  return {
    failed: (failure) => {
      publish(failure);
      const { profile, address, addressBlock, counts = true } = failure;
      if (!counts || !config.enabled || isIP(address) === 0 || blocks.exempt(address)) return undefined;
      if (blocks.blocked(addressBlock) !== undefined) return undefined; // on its way when the block came
      const policy = policyOf(profile);
      const taken = hot.take(cellOf(policy, addressBlock), { count: policy.failures, windowMs: policy.windowMs });
      if (!(taken instanceof Promise)) return weigh(taken, failure, policy);
      // It is refused whether or not it could be counted; while nothing can be, the limits refuse whoever tries.
      return taken.then((counted) => weigh(counted, failure, policy)).catch(onError);
    },
    succeeded: (addressBlock, what) => {
      if (what !== undefined) return forgive(addressBlock, what);
      const trace = traces.get(addressBlock);
      if (trace === undefined) return;
      traces.forget(addressBlock);
      for (const profile of trace.profiles) {
        const done = hot.reset(cellOf(policyOf(profile), addressBlock));
        if (done instanceof Promise) done.catch(onError);
      }
    },
  };
}

/** Profiles of one policy share a count; two policies can't, for each counts in its own window. */
const cellOf = ({ failures, windowMs }: Pick<FailurePolicy, 'failures' | 'windowMs'>, addressBlock: string): string =>
  `detection.failed ${failures} ${windowMs} ${addressBlock}`;

function evidenceOf(policy: FailurePolicy, trace: Trace | undefined, requestId: string): BlockWish['evidence'] {
  const notes = (trace?.notes ?? []).slice(-policy.failures);
  const kinds: Record<string, number> = {};
  for (const { what } of notes) kinds[what] = (kinds[what] ?? 0) + 1;
  const [first] = notes;
  const last = notes.at(-1);
  return {
    failures: policy.failures,
    window_s: policy.windowMs / 1_000,
    kinds,
    request_ids: notes.length === 0 ? [requestId] : notes.map((note) => note.requestId),
    ...(first && last ? { first_at: rfc3339(first.at), last_at: rfc3339(last.at) } : {}),
  };
}
