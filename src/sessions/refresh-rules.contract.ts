import assert from 'node:assert/strict';
import { ABSOLUTE_MS, type Answer, BARE_GRACE_MS, GRACE_MS, IDLE_MS } from './refresh-machine.contract.ts';
import type { ShownDevice } from './session.ts';

type Party = 'owner' | 'thief';

/** A token that was traded for another. */
interface Traded {
  readonly by: Party;
  readonly successor: string;
  at: number;
}

/** The rules of docs/refresh.md for one family, of which the model knows only what was asked and answered. */
export interface Family {
  readonly secret: string;
  /** That by which the browser is known to its person. */
  readonly known: string;
  readonly startedAt: number;
  readonly traded: Map<string, Traded>;
  usedAt: number;
  proved: boolean;
  ended: boolean;
}

export interface Presentation {
  readonly by: Party;
  readonly token: string;
  readonly device: ShownDevice;
}

/** What the rules say to one presentation; changes the family as the answer would. */
function ruled(family: Family, { by, token, device }: Presentation, got: Answer, now: number): Answer['kind'] {
  if (family.ended) return 'revoked';
  const { startedAt, usedAt } = family;
  if (now - usedAt >= IDLE_MS || now >= startedAt + ABSOLUTE_MS) return 'expired';
  const same = device.secret === family.secret || device.known?.split('.').includes(family.known) === true;
  const earlier = family.traded.get(token);
  if (earlier === undefined) {
    if (family.proved && !same) return 'foreign-device';
    family.traded.set(token, { by, successor: got.token ?? '', at: now });
    family.usedAt = now;
    family.proved ||= same;
    return 'rotated';
  }
  const grace = same ? GRACE_MS : BARE_GRACE_MS;
  const harmless = family.proved === same && !family.traded.has(earlier.successor) && now - earlier.at <= grace;
  if (!harmless) {
    family.ended = true;
    return 'replayed';
  }
  earlier.at = Math.min(earlier.at, now);
  return 'repeated';
}

export const copyOf = (family: Family): Family => ({
  ...family,
  traded: new Map([...family.traded].map(([token, traded]) => [token, { ...traded }])),
});

function* ordersOf<T>(items: readonly T[]): Generator<readonly T[]> {
  if (items.length <= 1) yield items;
  for (const [at, item] of items.entries())
    for (const rest of items.length > 1 ? ordersOf(items.toSpliced(at, 1)) : []) yield [item, ...rest];
}

export type Asked = Presentation & { readonly answer: Answer };

/** Answers that came of asking at once: one order has to explain them. */
export function explain(family: Family, asked: readonly Asked[], now: number): void {
  const said = asked.map(({ answer }) => answer.kind).join(', ');
  for (const order of ordersOf(asked)) {
    const tried = copyOf(family);
    if (!order.every((one) => ruled(tried, one, one.answer, now) === one.answer.kind)) continue;
    assert.ok(sameSuccessors(tried, asked), 'one token has one successor, whoever asks and how often');
    family.traded.clear();
    for (const [token, traded] of tried.traded) family.traded.set(token, traded);
    const { usedAt, proved, ended } = tried;
    Object.assign(family, { usedAt, proved, ended });
    return;
  }
  const rules = asked.map((one) => ruled(copyOf(family), one, one.answer, now)).join(', ');
  assert.fail(`the rules say ${rules}, the answer was ${said}`);
}

const sameSuccessors = ({ traded }: Family, asked: readonly Asked[]): boolean =>
  asked.every(({ token, answer }) => answer.token === undefined || traded.get(token)?.successor === answer.token);
