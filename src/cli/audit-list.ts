import { z } from 'zod';
import { epochMs } from '../kernel/brand.ts';
import { rfc3339, systemClock } from '../kernel/clock.ts';
import type { Json } from '../kernel/tx.ts';
import type { Arguments, Run } from './command.ts';
import { throughDoor } from './door.ts';
import { durationS } from './duration.ts';
import { usageFault } from './errors.ts';
import { tableOf } from './terminal.ts';

const hit = z.looseObject({ rule: z.string(), weight: z.number() });
/** As `detection.attack` tells of one. */
const attack = z.looseObject({
  route: z.string(),
  mode: z.string(),
  class: z.string(),
  score: z.number(),
  at: z.string(),
  evidence: z.string(),
  hits: z.array(hit),
  places: z.array(z.looseObject({ at: z.string() })).default([]),
});
const entry = z.looseObject({
  seq: z.number(),
  at: z.string().default(''),
  action: z.string().default(''),
  outcome: z.string().default(''),
  principal: z.string().default(''),
  tenant: z.string().optional(),
  object: z.object({ type: z.string(), id: z.string() }).optional(),
  facts: z.record(z.string(), z.json()).default({}),
});
const page = z.object({ items: z.array(entry), next_before: z.number().nullable() });

type Entry = z.output<typeof entry>;

const PAGE = 1_000;
const MOST = 100_000;
const USUAL = 50;
const WIDTH = 240;

/** `audit list`. */
export const listAudit: Run = async (args, terminal) => {
  const query = queryOf(args);
  const limit = numberOf(args.text('limit') ?? String(USUAL), 'limit', 1, MOST);
  return throughDoor(args, terminal, 'needs data', async (door) => {
    const items: Entry[] = [];
    let before = args.text('before') === undefined ? null : query.get('before');
    do {
      if (before !== null) query.set('before', before);
      query.set('limit', String(Math.min(PAGE, limit - items.length)));
      const read = page.parse(await door.call('GET', `/v1/platform/audit?${query}`));
      items.push(...read.items);
      before = read.next_before === null ? null : String(read.next_before);
      if (items.length < limit && before !== null)
        terminal.progress(`${items.length.toLocaleString('en')} entries read`);
    } while (before !== null && items.length < limit);
    const value: Json = JSON.parse(JSON.stringify({ items, next_before: before === null ? null : Number(before) }));
    const more = before === null ? '' : `\nMore: --before ${before}`;
    terminal.answer(value, items.length === 0 ? 'There is no such entry.' : `${auditTable(items)}${more}`);
    return 0;
  });
};

/** @throws CLI_USAGE */
function queryOf(args: Arguments): URLSearchParams {
  const query = new URLSearchParams();
  const [action, tenant, since, before] = ['action', 'tenant', 'since', 'before'].map((name) => args.text(name));
  if (action !== undefined) query.set('action', action);
  if (tenant !== undefined) query.set('tenant', tenant);
  if (since !== undefined) query.set('since', timeOf(since));
  if (before !== undefined) query.set('before', String(numberOf(before, 'before', 0, Number.MAX_SAFE_INTEGER)));
  return query;
}

/** @throws CLI_USAGE */
function timeOf(text: string): string {
  const length = durationS(text);
  if (length > 0) return rfc3339(epochMs(systemClock.now() - length * 1_000));
  if (z.iso.datetime({ offset: true }).safeParse(text).success) return text;
  throw usageFault('--since takes an RFC 3339 time, or a number with s, m, h or d, like 24h');
}

/** @throws CLI_USAGE */
function numberOf(text: string, option: string, least: number, most: number): number {
  const number = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (number >= least && number <= most) return number;
  throw usageFault(`--${option} takes a whole number from ${least} to ${most}`);
}

/** Entries as a table. */
export function auditTable(items: readonly Entry[]): string {
  const rows = items.map((one) =>
    [String(one.seq), one.at, one.action, one.outcome, one.principal, one.tenant ?? '-', whatOf(one)].map(shown),
  );
  return tableOf(['seq', 'at', 'action', 'outcome', 'who', 'tenant', 'what'], rows);
}

/** What somebody sent stands in entries too: nothing of it may steer a terminal. */
const shown = (text: string): string => {
  const plain = text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '·');
  return plain.length > WIDTH ? `${plain.slice(0, WIDTH)}…` : plain;
};

function whatOf({ object, facts }: Entry): string {
  const found = attack.safeParse(facts);
  if (found.success) return attackOf(found.data);
  const about = object === undefined ? [] : [`${object.type}:${object.id}`];
  const told = Object.entries(facts).map(([name, value]) => `${name}=${wordOf(value)}`);
  return [...about, ...told].join(' ');
}

function attackOf({ route, mode, class: kind, score, at, evidence, hits, places }: z.output<typeof attack>): string {
  const rules = hits.map(({ rule, weight }) => `${rule} ${weight}`).join(', ');
  const others = places.length === 0 ? '' : `, also ${places.map((place) => place.at).join(', ')}`;
  return `${route} (${mode}): ${kind} ${score} at ${at}${others}: ${rules}: ${evidence}`;
}

const wordOf = (value: Json): string => (typeof value === 'string' ? value : JSON.stringify(value));
