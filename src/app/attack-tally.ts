import type { Detection, Verdict } from '../detection/index.ts';
import type { Metrics } from '../metrics/index.ts';

type InspectionConfig = Parameters<Detection['prepare']>[0];

/** How many attacks there were: as metrics, and once a minute for whoever reads the log at night. */
export interface AttackTally {
  /** @param route the row's name, of which there are only so many */
  note(mode: Verdict['mode'], kind: string, route: string): void;
  /** One line, where there was something since the last. Neither a secret nor evidence stands in it. */
  tellOfMinute(): void;
}

export function createAttackTally(
  metrics: Pick<Metrics, 'counter'>,
  onWarn: (message: string, facts: Readonly<Record<string, number | string>>) => void,
): AttackTally {
  const labels = ['class', 'route'];
  const refused = metrics.counter(
    'twinkeep_attacks_refused_total',
    'Requests that were refused as attacks, by class and route.',
    labels,
  );
  const seen = metrics.counter(
    'twinkeep_attacks_seen_total',
    'Attacks that were let by on routes in shadow mode, by class and route: what `block` would refuse.',
    labels,
  );
  let minute = { refused: 0, seen: 0 };
  return {
    note: (mode, kind, route) => {
      const blocks = mode === 'block';
      (blocks ? refused : seen).add(1, { class: kind, route });
      minute[blocks ? 'refused' : 'seen']++;
    },
    tellOfMinute: () => {
      if (minute.refused + minute.seen === 0) return;
      const look = 'twinkeep audit list --action detection.attack --since 5m';
      onWarn(`${minute.refused} attacks refused, ${minute.seen} seen in shadow in the last minute`, {
        ...minute,
        look,
      });
      minute = { refused: 0, seen: 0 };
    },
  };
}

/** Counts what exceptions let by: each is a hole, and one that is never used can go. */
export function countingExcepted(
  detection: Detection,
  config: InspectionConfig,
  metrics: Pick<Metrics, 'counter'>,
): Detection {
  const counter = metrics.counter(
    'twinkeep_attacks_excepted_total',
    'Requests that an exception changed the verdict of and that were let by, by its place in the configuration.',
    ['exception'],
  );
  let labelOf = labelsOf(config);
  const counted = <V extends Verdict | undefined>(verdict: V): V => {
    if (verdict !== undefined && !verdict.attack)
      for (const because of verdict.excepted) counter.add(1, { exception: labelOf(because) });
    return verdict;
  };
  return {
    ...detection,
    screen: (...asked) => counted(detection.screen(...asked)),
    inspect: (...asked) => counted(detection.inspect(...asked)),
    inspectInTurns: async (...asked) => counted(await detection.inspectInTurns(...asked)),
    prepare: (next) => {
      const prepared = detection.prepare(next);
      return {
        ...prepared,
        take: () => {
          prepared.take();
          labelOf = labelsOf(next);
        },
      };
    },
  };
}

/** Verdicts name exceptions by their reasons. */
function labelsOf({ exceptions }: Pick<InspectionConfig, 'exceptions'>): (because: string) => string {
  const places = new Map(exceptions.map(({ because }, at) => [because, String(at)]));
  return (because) => places.get(because) ?? 'preset';
}
