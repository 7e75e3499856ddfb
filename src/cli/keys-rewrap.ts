import { setTimeout as pause } from 'node:timers/promises';
import { z } from 'zod';
import { seconds } from '../kernel/clock.ts';
import type { Run } from './command.ts';
import { type Door, throughDoor } from './door.ts';
import { failure } from './errors.ts';
import { group } from './import-progress.ts';
import { type Terminal, tableOf } from './terminal.ts';

const field = z.object({
  tenant: z.string(),
  field: z.string(),
  target: z.string(),
  seen: z.number(),
  done: z.number(),
  unreadable: z.number(),
  started_at: z.string(),
  finished_at: z.string().nullable(),
});

const rewrapProgress = z.object({
  done: z.boolean(),
  behind: z.array(z.object({ tenant: z.string(), version: z.string(), values: z.number().default(0) })),
  fields: z.array(field),
  unreadable: z.array(z.object({ tenant: z.string(), field: z.string(), row: z.string(), at: z.string() })),
});

export type RewrapView = z.output<typeof rewrapProgress>;

/** Whose values are waited for, and whether other work steps back for it. */
export interface Waiting {
  readonly all: boolean;
  readonly urgent: boolean;
}

const BAR = 30;
const TURN_MS = 500;
const PAUSE_MS = 200;
const LINE_EVERY_MS = seconds(5);
/** A key is left alone for most of a minute after it was retired; nothing that works stands still for longer than this. */
const PATIENCE_MS = seconds(120);

/** `keys rewrap`: says how far it is; with `--wait` it is pushed on until it is done. */
export const showRewrap: Run = (args, terminal) =>
  throughDoor(args, terminal, 'needs data', async (door) => {
    if (args.flag('wait')) return tell(terminal, await finishRewrap(door, terminal, { all: true, urgent: false }));
    return tell(terminal, rewrapProgress.parse(await door.call('GET', '/v1/vault/rewrap/all?count=true')));
  });

/**
 * Pushes the rewrap on until no value is under a retired key any more, or all that is left does not open.
 *
 * @throws CLI_FAILED where it has stood still for two minutes
 */
export async function finishRewrap(door: Door, terminal: Terminal, waiting: Waiting): Promise<RewrapView> {
  const path = waiting.all ? '/v1/vault/rewrap/all' : '/v1/vault/rewrap';
  const first = rewrapProgress.parse(await door.call('GET', `${path}?count=true`));
  const show = createBar(terminal, first);
  let moved = { at: performance.now(), mark: '' };
  for (;;) {
    const pushed = rewrapProgress.parse(
      await door.call('POST', '/v1/vault/rewrap', { for_ms: TURN_MS, urgent: waiting.urgent }),
    );
    const now = waiting.all ? pushed : rewrapProgress.parse(await door.call('GET', path));
    show(now);
    if (now.done || isAllLeft(now)) {
      terminal.progress();
      return now;
    }
    const mark = JSON.stringify([now.behind, now.fields]);
    if (mark !== moved.mark) moved = { at: performance.now(), mark };
    if (performance.now() - moved.at > PATIENCE_MS) {
      throw failure(
        'Sealing values anew has stood still for two minutes; see: twinkeep keys rewrap, and the server log.',
      );
    }
    await pause(PAUSE_MS);
  }
}

/** Every column was walked to its end, and what is left under retired keys does not open. */
const isAllLeft = ({ fields, unreadable }: RewrapView): boolean =>
  unreadable.length > 0 && fields.every(({ finished_at }) => finished_at !== null);

const doneIn = ({ fields }: RewrapView): number => fields.reduce((sum, { done }) => sum + done, 0);

/** A bar for whoever watches, else a line now and then. What is counted at the beginning is the whole. */
function createBar(terminal: Terminal, first: RewrapView): (now: RewrapView) => void {
  const total = first.behind.reduce((sum, { values }) => sum + values, 0);
  const since = performance.now();
  const before = new Map(first.fields.map((one) => [nameOf(one), one.done]));
  let told = since;
  return (now) => {
    const at = performance.now();
    // A column that is walked for another version begins to count anew.
    const done = now.fields.reduce((sum, one) => {
      const start = before.get(nameOf(one)) ?? 0;
      return sum + one.done - (start <= one.done ? start : 0);
    }, 0);
    const share = now.done ? 1 : total === 0 ? 0 : Math.min(1, done / total);
    const speed = Math.round(done / Math.max(0.001, (at - since) / 1_000));
    const text = `${Math.floor(share * 100)} %  ${group(done)} values  ${group(speed)} values/s`;
    if (terminal.watched) {
      const full = Math.round(share * BAR);
      terminal.progress(`[${'#'.repeat(full)}${'-'.repeat(BAR - full)}] ${text}`);
    } else if (at - told >= LINE_EVERY_MS) {
      told = at;
      terminal.say(text);
    }
  };
}

const nameOf = ({ tenant, field: name, target }: RewrapView['fields'][number]): string => `${tenant} ${name} ${target}`;

/** @returns the exit code: 1 where values are left that do not open */
export function tell(terminal: Terminal, view: RewrapView): number {
  terminal.answer(view, `${sentenceOf(view)}${tableText(view)}`);
  return view.unreadable.length === 0 ? 0 : 1;
}

export function sentenceOf(view: RewrapView): string {
  const { done, behind, unreadable } = view;
  if (unreadable.length > 0) {
    const rows = unreadable.slice(0, 20).map(({ tenant, field: name, row }) => `  ${tenant} ${name} ${row}`);
    const more = unreadable.length > rows.length ? ['  …'] : [];
    return [`${unreadable.length} values do not open and were left as they are:`, ...rows, ...more].join('\n');
  }
  if (done) return `Every value is under its current key (${group(doneIn(view))} were sealed anew).`;
  const values = behind.reduce((sum, one) => sum + one.values, 0);
  return `${group(values)} values are under ${behind.length} retired keys; they are sealed anew in the background.`;
}

function tableText({ fields }: RewrapView): string {
  if (fields.length === 0) return '';
  const rows = fields.map((one) => [
    one.tenant,
    one.field,
    one.target,
    group(one.done),
    group(one.seen),
    one.finished_at ?? 'on its way',
  ]);
  return `\n\n${tableOf(['tenant', 'field', 'key', 'sealed anew', 'seen', 'finished'], rows)}`;
}
