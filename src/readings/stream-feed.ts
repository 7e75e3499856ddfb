import type { ReadingItem } from './page.ts';

/** What a consumer is told. */
export type StreamEvent =
  | { readonly kind: 'readings'; readonly id: string; readonly items: readonly ReadingItem[] }
  /** From here on nothing is missed without being told. */
  | { readonly kind: 'ready'; readonly id: string }
  /** Readings may have been missed: whoever needs all of them lists them. */
  | { readonly kind: 'gap'; readonly id: string };

/** What happened lately in one tenant, for consumers that come back after a short while. */
export interface Feed {
  add(items: readonly ReadingItem[]): StreamEvent;
  gap(): StreamEvent;
  /** What came after an event; a gap first where that is not known any more. */
  since(id: string): readonly StreamEvent[];
  ready(): StreamEvent;
}

interface Kept {
  readonly seq: number;
  readonly event: StreamEvent;
}

/** @param epoch unlike that of any other feed: an id of another process or of before a restart is none of ours */
export function createFeed(epoch: string, mostItems: number): Feed {
  let kept: Kept[] = [];
  let items = 0;
  let seq = 0;
  const idOf = (number: number): string => `${epoch}.${number}`;

  function keep(event: StreamEvent): StreamEvent {
    kept.push({ seq, event });
    items += weightOf(event);
    let dropped = 0;
    while (items > mostItems && dropped < kept.length) items -= weightOf(kept[dropped++]?.event);
    if (dropped > 0) kept = kept.slice(dropped);
    return event;
  }

  return {
    add: (added) => keep({ kind: 'readings', id: idOf(++seq), items: added }),
    gap: () => keep({ kind: 'gap', id: idOf(++seq) }),
    ready: () => ({ kind: 'ready', id: idOf(seq) }),
    since: (id) => {
      const last = numberIn(id, epoch);
      const first = seq - kept.length + 1;
      if (last === undefined || last > seq || last + 1 < first) return [{ kind: 'gap', id: idOf(seq) }];
      return kept.filter((one) => one.seq > last).map(({ event }) => event);
    },
  };
}

/** An event without readings takes room too. */
const weightOf = (event: StreamEvent | undefined): number => (event?.kind === 'readings' ? event.items.length + 1 : 1);

function numberIn(id: string, epoch: string): number | undefined {
  const [of, digits = '', ...more] = id.split('.');
  if (of !== epoch || more.length > 0 || !/^(?:0|[1-9]\d{0,14})$/.test(digits)) return undefined;
  return Number(digits);
}

/** The same for somebody who asked for some meters alone; undefined where nothing of it is for them. */
export function forMeters(event: StreamEvent, meters: ReadonlySet<string> | undefined): StreamEvent | undefined {
  if (meters === undefined || event.kind !== 'readings') return event;
  const items = event.items.filter(({ meter_id: meter }) => meters.has(meter));
  return items.length === 0 ? undefined : { ...event, items };
}
