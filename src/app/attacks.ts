import type { Audit } from '../audit/index.ts';
import { detectionFault, type Suspicion, type Verdict } from '../detection/index.ts';
import { actorOf, type Context, type Route } from '../http/index.ts';
import { minutes } from '../kernel/clock.ts';
import { nameOf, type Principal } from '../kernel/principal.ts';
import type { ServedProfile } from '../profiles/index.ts';
import type { AttackNews } from './attack-news.ts';
import type { AttackTally } from './attack-tally.ts';

export interface AttackDeps {
  readonly audit: Pick<Audit, 'noteRefusal'>;
  readonly suspicion: Suspicion;
  readonly tally: Pick<AttackTally, 'note'>;
  readonly news: AttackNews;
}

/** Who sent what came. */
export interface Sender {
  readonly route: Route;
  readonly context: Context;
  readonly caller: Principal;
  readonly profile: string;
  /** Hears of each attack that was refused, in the members that the legacy log has for it (E15). */
  readonly observer?: ServedProfile['observer'];
}

/** What becomes of an attack: it is counted, written down, and held against whoever sent it. */
export interface Attacks {
  /**
   * To be awaited before the answer: where this one leads to a block, the block is in force by then.
   *
   * @throws DETECTION_REFUSED where the route blocks
   */
  tell(sender: Sender, verdict: Verdict): Promise<void>;
}

export function createAttacks({ audit, suspicion, tally, news }: AttackDeps): Attacks {
  const mayTell = createMinuteQuota();

  return {
    tell: async ({ route, context, caller, profile, observer }, verdict) => {
      const [strongest] = verdict.findings;
      if (strongest === undefined) return;
      const { at, class: kind } = strongest;
      const blocks = verdict.mode === 'block';
      tally.note(verdict.mode, kind, `${route.method} ${route.path}`);
      const { score, fingerprint } = verdict;
      // Each address and each caller has so many entries a minute, and a count for the rest: an attack is often a flood.
      const sender = caller.kind === 'anonymous' ? context.addressBlock : nameOf(caller);
      const tenantId = caller.kind === 'anonymous' ? undefined : caller.tenantId;
      const facts = factsOf(route, verdict, strongest);
      const { rule, evidence } = facts;
      audit.noteRefusal(sender, {
        ...actorOf(context, caller, tenantId),
        action: 'detection.attack',
        outcome: blocks ? 'refused' : 'done',
        facts,
      });
      if (blocks && observer !== undefined && mayTell(context.addressBlock, context.receivedAt))
        observer.violation('suspicious_pattern', { ip_address: context.address, details: rule });
      const by = { kind: caller.kind, value: sender };
      news.tell(`${fingerprint} ${sender}`, { tenantId, data: { ...facts, by, request_id: context.requestId } });
      await suspicion.attacked(
        { context, caller, profile },
        { class: kind, rule, score, at, evidence, fingerprint, shadow: !blocks },
      );
      if (blocks) throw detectionFault('DETECTION_REFUSED', { at, class: kind });
    },
  };
}

type Finding = Verdict['findings'][number];

const MOST_HITS = 8;
const MOST_PLACES = 5;
const MAX_PLACE = 120;

/** All that made it one, for whoever asks what would have to be excepted: short, for a flood of them is kept. */
function factsOf({ method, path, host }: Route, { mode, score, findings }: Verdict, strongest: Finding) {
  const { at, class: kind, hits } = strongest;
  const { rule = '', evidence = '' } = hits[0] ?? {};
  const places = findings
    .filter((one) => one !== strongest)
    .slice(0, MOST_PLACES)
    .map((one) => ({
      at: one.at.slice(0, MAX_PLACE),
      class: one.class,
      score: one.score,
      rules: one.hits.slice(0, MOST_HITS / 2).map((hit) => hit.rule),
    }));
  return {
    route: `${method} ${path}`,
    ...(host === undefined ? {} : { host }),
    ...{ mode, class: kind, rule, at, score, evidence },
    hits: hits.slice(0, MOST_HITS).map((hit) => ({ rule: hit.rule, weight: hit.weight })),
    places,
  };
}

const PER_MINUTE = 60;
const MAX_ADDRESSES = 10_000;

/** An attack is often a flood: of each address so many are told in a minute. */
function createMinuteQuota(): (addressBlock: string, now: number) => boolean {
  let minute = -1;
  let told = new Map<string, number>();
  return (addressBlock, now) => {
    const current = Math.floor(now / minutes(1));
    if (current !== minute || told.size >= MAX_ADDRESSES) told = new Map();
    minute = current;
    const count = (told.get(addressBlock) ?? 0) + 1;
    told.set(addressBlock, count);
    return count <= PER_MINUTE;
  };
}
