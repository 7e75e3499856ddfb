import { actorOf } from '../http/index.ts';
import type { AuditSink } from '../kernel/audit.ts';
import { epochMs, type SessionId } from '../kernel/brand.ts';
import { type Clock, rfc3339 } from '../kernel/clock.ts';
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
import { createPots, keepUnwritten, type Unwritten } from './anomaly-pots.ts';
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

const BATCH = 100;

export function createEpisodes(ports: AnomalyPorts): Episodes {
  const { storage, audit, clock, random, config, announce, suspect, askProof, onError } = ports;
  const pots = createPots<Going>(clock);
  const writing = new Set<Promise<void>>();
  let begunEver = 0;

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
    const pot = pots.of(name);
    const now = clock.now();
    if (!pot.mayWrite()) {
      keepUnwritten(pot, key, { nextAt: observed * 2, lastAt: now });
      return;
    }
    const times = { begunAt: now, lastAt: now, endedAt: undefined };
    const id = newUuid(clock, random);
    const whose = { principal: name, profile: use.profile, tenantId: tenantOf(use) };
    const anomaly: Anomaly = { id, kind, ...whose, score, evidence, ...times };
    const one: Going = {
      anomaly,
      use,
      personal,
      most: observed,
      nextAt: observed * 2,
      isStored: false,
      isChanged: false,
    };
    pot.going.set(key, one);
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
        ...actorOf(context, caller, anomaly.tenantId),
        action: 'detection.anomaly_began',
        outcome: 'done',
        object: { type: 'anomaly', id },
        facts: { kind, score, ...evidence },
        ...(personal && caller.kind === 'person' ? { personal: { subject: caller.personId, values: personal } } : {}),
      });
      await announce(tx, eventOf(anomaly));
    });
  }

  function lengthen(one: Unwritten, use: Use, observed: number, find: () => Finding): void {
    one.lastAt = clock.now();
    if (observed < one.nextAt) return;
    one.nextAt = observed * 2;
    const { kind, score, evidence } = find();
    run(suspect?.(use, { kind, score, evidence }));
  }

  const touch: Episodes['touch'] = (name, use, observed, find, kind) => {
    const key = keyOf(name, kind);
    const { going, unwritten } = pots.of(name);
    const there = going.get(key);
    if (there === undefined) {
      const known = unwritten.get(key);
      return known === undefined ? begin(key, name, use, observed, find()) : lengthen(known, use, observed, find);
    }
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
    const open = [...pots.all()].flatMap(({ going }) => [...going.values()]);
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
      const key = keyOf(name, kind);
      const { going, unwritten } = pots.of(name);
      const known = unwritten.get(key);
      if (known !== undefined) known.lastAt = clock.now();
      const there = going.get(key);
      if (there === undefined) return;
      there.anomaly = { ...there.anomaly, lastAt: epochMs(Math.max(there.anomaly.lastAt, clock.now())) };
      there.isChanged = true;
    },
    sweep: async () => {
      await settle();
      const before = clock.now() - config.quietMs;
      for (const { going, unwritten } of pots.all()) {
        for (const [key, { anomaly, isStored }] of going) if (isStored && anomaly.lastAt <= before) going.delete(key);
        for (const [key, { lastAt }] of unwritten) if (lastAt <= before) unwritten.delete(key);
      }
      await end(before);
    },
    count: () => [...pots.all()].reduce((sum, { going, unwritten }) => sum + going.size + unwritten.size, 0),
    begun: () => begunEver,
  };
}

const tenantOf = ({ caller }: Use) => (caller.kind === 'anonymous' ? undefined : caller.tenantId);

/** Of shares and journeys the evidence stays what it was when it was told. */
const withMost = ({ anomaly, most }: Going): Anomaly =>
  COUNTED.has(anomaly.kind) ? { ...anomaly, evidence: { ...anomaly.evidence, observed: most } } : anomaly;

const COUNTED: ReadonlySet<AnomalyKind> = new Set(['rate', 'volume', 'records']);

const keyOf = (name: string, kind: AnomalyKind): string => `${kind} ${name}`;

/** An address stands in no fact: the entry of the beginning has it, sealed. */
function entryOfEnd({ id, principal, tenantId, kind, begunAt, lastAt, evidence }: Anomaly) {
  const who = principal.startsWith('address:') ? {} : { principal };
  return {
    principal: anonymous,
    tenantId,
    action: 'detection.anomaly_ended',
    outcome: 'done',
    object: { type: 'anomaly', id },
    facts: { kind, ...who, lasted_s: Math.round((lastAt - begunAt) / 1_000), ...evidence },
  } as const;
}

function eventOf({ id, principal, tenantId, kind, score, evidence, begunAt }: Anomaly): AnomalyEvent {
  const explanation = explain(kind, evidence);
  const at = rfc3339(begunAt);
  const data = { anomaly_id: id, principal, kind, score, explanation, evidence, at };
  return { type: 'anomaly.detected', tenantId, data };
}
