import { actorOf } from '../http/index.ts';
import type { AuditSink } from '../kernel/audit.ts';
import { epochMs, type SessionId } from '../kernel/brand.ts';
import { type Clock, days, rfc3339 } from '../kernel/clock.ts';
import { anonymous } from '../kernel/principal.ts';
import { newUuid, type Random } from '../kernel/random.ts';
import { platform, type Tx } from '../kernel/tx.ts';
import type { Storage } from '../storage/index.ts';
import {
  type Anomaly,
  type AnomalyEvent,
  type AnomalyEvidence,
  type AnomalyKind,
  explain,
  type Use,
} from './anomaly.ts';
import type { AnomalyConfig } from './anomaly-config.ts';
import { anomalyStore } from './anomaly-store.ts';

/** What the room says to others, each a port that the app fills. */
export interface AnomalyPorts {
  readonly storage: Storage;
  readonly audit: AuditSink;
  readonly clock: Clock;
  readonly random: Random;
  readonly config: AnomalyConfig;
  /** Sends word to whoever wants to know, inside the write that keeps it. */
  readonly announce: (tx: Tx, event: AnomalyEvent) => Promise<void>;
  /** What anomalies add up to, beside attacks and failures. */
  readonly suspect?: ((use: Use, what: Told) => void | Promise<void>) | undefined;
  /** The next step of this session that asks for a proof asks for one given from now on. */
  readonly askProof?: ((sessionId: SessionId) => void | Promise<void>) | undefined;
  readonly onError: (error: unknown) => void;
}

export interface Told {
  readonly kind: AnomalyKind;
  readonly score: number;
  readonly evidence: AnomalyEvidence;
}

/** What is unusual about a use, and what of its person stands in the audit entry alone, sealed. */
export interface Finding extends Told {
  readonly personal?: Readonly<Record<string, string>> | undefined;
}

interface Going {
  anomaly: Anomaly;
  readonly use: Use;
  readonly personal: Finding['personal'];
  /** The most of it that was seen. */
  most: number;
  /** Told again once it is twice as much. */
  nextAt: number;
  isStored: boolean;
  isChanged: boolean;
}

export interface Episodes {
  /** One use that is unusual: the first of a stretch begins it. `observed` grows with it. Never fails. */
  touch(name: string, use: Use, observed: number, find: () => Finding, kind: AnomalyKind): void;
  /** Lengthens what goes on; begins nothing. */
  goOn(name: string, kind: AnomalyKind): void;
  /** Stores how far each has got and ends those that are quiet. */
  sweep(): Promise<void>;
  /** Those of this process that go on. */
  count(): number;
  begun(): number;
}

const MOST_GOING = 1_000; // a flood of addresses is counted, and tells its suspicion, but is not written one by one
const MOST_PER_DAY = 20_000;
const BATCH = 100;

export function createEpisodes(ports: AnomalyPorts): Episodes {
  const { storage, audit, clock, random, config, announce, suspect, askProof, onError } = ports;
  const going = new Map<string, Going>();
  const writing = new Set<Promise<void>>();
  let day = { start: clock.now(), begun: 0 };
  let begunEver = 0;

  function mayBegin(): boolean {
    const now = clock.now();
    if (Math.abs(now - day.start) >= days(1)) day = { start: now, begun: 0 };
    return going.size < MOST_GOING && ++day.begun <= MOST_PER_DAY;
  }

  const run = (work: void | Promise<void>): void => {
    if (!(work instanceof Promise)) return;
    const done: Promise<void> = work.catch(onError).finally(() => writing.delete(done));
    writing.add(done);
  };

  function begin(key: string, name: string, use: Use, observed: number, found: Finding): void {
    begunEver += 1;
    const { kind, score, evidence, personal } = found;
    run(suspect?.(use, { kind, score, evidence }));
    if (config.stepUp && use.caller.kind === 'person') run(askProof?.(use.caller.sessionId));
    if (!mayBegin()) return;
    const now = clock.now();
    const times = { begunAt: now, lastAt: now, endedAt: undefined };
    const id = newUuid(clock, random);
    const anomaly: Anomaly = { id, principal: name, kind, profile: use.profile, score, evidence, ...times };
    const one: Going = {
      anomaly,
      use,
      personal,
      most: observed,
      nextAt: observed * 2,
      isStored: false,
      isChanged: false,
    };
    going.set(key, one);
    run(store(one));
  }

  async function store(one: Going): Promise<void> {
    const { anomaly, use, personal } = one;
    const { context, caller } = use;
    await storage.write(platform, async (tx) => {
      const there = await anomalyStore.begin(tx, anomaly);
      tx.afterCommit(() => {
        one.anomaly = { ...one.anomaly, id: there.id };
        one.isStored = true;
      });
      if (there.id !== anomaly.id) return; // another process told of it
      const { id, kind, score, evidence } = anomaly;
      await audit.record(tx, {
        ...actorOf(context, caller, caller.kind === 'anonymous' ? undefined : caller.tenantId),
        action: 'detection.anomaly_began',
        outcome: 'done',
        object: { type: 'anomaly', id },
        facts: { kind, score, ...evidence },
        ...(personal && caller.kind === 'person' ? { personal: { subject: caller.personId, values: personal } } : {}),
      });
      await announce(tx, eventOf(anomaly));
    });
  }

  const touch: Episodes['touch'] = (name, use, observed, find, kind) => {
    const key = keyOf(name, kind);
    const there = going.get(key);
    if (there === undefined) return begin(key, name, use, observed, find());
    there.anomaly = { ...there.anomaly, lastAt: epochMs(Math.max(there.anomaly.lastAt, clock.now())) };
    there.isChanged = true;
    there.most = Math.max(there.most, observed);
    if (observed < there.nextAt) return;
    const { score, evidence } = find();
    there.nextAt = observed * 2;
    there.anomaly = { ...there.anomaly, score: Math.max(score, there.anomaly.score), evidence };
    run(suspect?.(use, { kind, score, evidence }));
  };

  async function settle(): Promise<void> {
    await Promise.all(writing);
    const open = [...going.values()];
    for (const one of open) if (!one.isStored) await store(one).catch(onError); // the database was away
    const changed = open.filter(({ isStored, isChanged }) => isStored && isChanged);
    for (let at = 0; at < changed.length; at += BATCH) {
      const some = changed.slice(at, at + BATCH);
      await storage.write(platform, async (tx) => {
        for (const one of some) await anomalyStore.goOn(tx, withMost(one));
      });
      for (const one of some) one.isChanged = false;
    }
  }

  async function end(before: number): Promise<void> {
    const quiet = await storage.read(platform, (tx) => anomalyStore.quiet(tx, before, BATCH));
    for (const one of quiet) {
      await storage.write(platform, async (tx) => {
        if (!(await anomalyStore.end(tx, one.id, clock.now(), before))) return;
        await audit.record(tx, entryOfEnd(one));
      });
    }
  }

  return {
    touch,
    goOn: (name, kind) => {
      const there = going.get(keyOf(name, kind));
      if (there === undefined) return;
      there.anomaly = { ...there.anomaly, lastAt: epochMs(Math.max(there.anomaly.lastAt, clock.now())) };
      there.isChanged = true;
    },
    sweep: async () => {
      await settle();
      const before = clock.now() - config.quietMs;
      for (const [key, { anomaly, isStored }] of going) if (isStored && anomaly.lastAt <= before) going.delete(key);
      await end(before);
    },
    count: () => going.size,
    begun: () => begunEver,
  };
}

/** Of shares and journeys the evidence stays what it was when it was told. */
const withMost = ({ anomaly, most }: Going): Anomaly =>
  COUNTED.has(anomaly.kind) ? { ...anomaly, evidence: { ...anomaly.evidence, observed: most } } : anomaly;

const COUNTED: ReadonlySet<AnomalyKind> = new Set(['rate', 'volume', 'records']);

const keyOf = (name: string, kind: AnomalyKind): string => `${kind} ${name}`;

/** An address stands in no fact: the entry of the beginning has it, sealed. */
function entryOfEnd({ id, principal, kind, begunAt, lastAt, evidence }: Anomaly) {
  const who = principal.startsWith('address:') ? {} : { principal };
  return {
    principal: anonymous,
    action: 'detection.anomaly_ended',
    outcome: 'done',
    object: { type: 'anomaly', id },
    facts: { kind, ...who, lasted_s: Math.round((lastAt - begunAt) / 1_000), ...evidence },
  } as const;
}

function eventOf({ id, principal, kind, score, evidence, begunAt }: Anomaly): AnomalyEvent {
  const explanation = explain(kind, evidence);
  const at = rfc3339(begunAt);
  return { type: 'anomaly.detected', data: { anomaly_id: id, principal, kind, score, explanation, evidence, at } };
}
