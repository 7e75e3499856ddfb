import { isIP } from 'node:net';
import { z } from 'zod';
import type { Run } from './command.ts';
import { throughDoor } from './door.ts';
import { durationS } from './duration.ts';
import { usageFault } from './errors.ts';
import { tableOf } from './terminal.ts';

const block = z.object({
  id: z.string(),
  kind: z.string(),
  value: z.string(),
  address: z.string().nullable(),
  profile: z.string().nullable(),
  violation: z.string(),
  reason: z.string(),
  evidence: z.record(z.string(), z.json()),
  live: z.boolean(),
  stored: z.boolean(),
  created_at: z.string(),
  created_by: z.string(),
  ends_at: z.string().nullable(),
  lifted_at: z.string().nullable(),
  lifted_by: z.string().nullable(),
});
const page = z.object({ items: z.array(block), next_cursor: z.string().nullable() });

type Shown = z.output<typeof block>;

const UNDO = 'Lift one: twinkeep blocks lift NAME, as in the first column';
const NAMED = /^(api-key|person|device):(.+)$/s;
const KINDS = ['address', 'person', 'api-key', 'device'];
const PAGE = 1_000;
const MOST = 100_000;
const MAX_RULES = 3;

/** `blocks list`. */
export const listBlocks: Run = async (args, terminal) => {
  const kind = args.text('kind');
  if (kind !== undefined && !KINDS.includes(kind)) throw usageFault(`--kind must be one of ${KINDS.join(', ')}`);
  return throughDoor(args, terminal, 'needs data', async (door) => {
    const all = args.flag('all');
    const ofKind = kind === undefined ? '' : `&kind=${encodeURIComponent(kind)}`;
    const items: Shown[] = [];
    let cursor: string | null = null;
    do {
      const behind: string = cursor === null ? '' : `&cursor=${cursor}`;
      const path = `/v1/blocks?which=${all ? 'all' : 'live'}&limit=${PAGE}${ofKind}${behind}`;
      const read = page.parse(await door.call('GET', path));
      items.push(...read.items);
      cursor = read.next_cursor;
    } while (cursor !== null && items.length < MOST);
    const rows = items.map((one) => [nameOf(one), endOf(one), whyOf(one), one.created_by, one.created_at, one.id]);
    const table = tableOf(['who', 'ends', 'why', 'by', 'since', 'id'], rows);
    terminal.answer(items, items.length === 0 ? 'Nobody is blocked.' : `${table}\n\n${UNDO}`);
    return 0;
  });
};

/** `blocks add <ADDRESS|person:ID|api-key:ID|device:ID>`. */
export const addBlock: Run = async (args, terminal) => {
  const [, kind, value] = NAMED.exec(args.operand(0)) ?? [];
  if (kind === undefined && isIP(args.operand(0).split('/')[0] ?? '') === 0)
    throw usageFault('blocks add takes an address, or person:ID, api-key:ID or device:ID');
  const length = lengthOf(args.text('for'), args.flag('permanent'));
  const about = kind === undefined ? { address: args.operand(0) } : { kind, value };
  const wish = { ...about, reason: args.text('reason'), ...length };
  return throughDoor(args, terminal, 'needs data', async (door) => {
    const made = block.parse(await door.call('POST', '/v1/blocks', wish));
    const sentence = `Blocked ${nameOf(made)}, ${untilOf(made)}: ${whyOf(made)}.`;
    terminal.answer(made, `${sentence}\nUndo: twinkeep blocks lift ${nameOf(made)}`);
    return 0;
  });
};

/** `blocks lift <ADDRESS|person:ID|api-key:ID|device:ID|ID>`. */
export const liftBlock: Run = (args, terminal) =>
  throughDoor(args, terminal, 'needs data', async (door) => {
    const name = args.operand(0);
    await door.call('DELETE', `/v1/blocks/${encodeURIComponent(name)}`);
    terminal.answer({ block: name, lifted: true }, `Lifted the block of ${name}.`);
    return 0;
  });

/** Whom it is about, as the other commands take it. */
const nameOf = ({ kind, value }: Pick<Shown, 'kind' | 'value'>): string =>
  kind === 'address' ? value : `${kind}:${value}`;

function endOf({ ends_at, lifted_at, live, stored }: Shown): string {
  if (lifted_at !== null) return `lifted ${lifted_at}`;
  if (ends_at === null) return stored ? 'never' : 'with this process';
  return live ? ends_at : `ended ${ends_at}`;
}

const untilOf = ({ ends_at }: Shown): string => (ends_at === null ? 'until it is lifted' : `until ${ends_at}`);

/** In words, as far as they are known here. */
function whyOf({ reason, evidence }: Shown): string {
  const { note, failures, attacks, rules, pattern } = evidence;
  if (typeof note === 'string') return note;
  if (reason === 'attack_pattern' && typeof pattern === 'string') return `an attack: ${pattern}`;
  if (reason === 'suspicion' && typeof attacks === 'number' && Array.isArray(rules))
    return `${attacks} attacks: ${rules.slice(0, MAX_RULES).join(', ')}`;
  return reason === 'too_many_failed_attempts' && typeof failures === 'number' ? `${failures} failed attempts` : reason;
}

/** @throws CLI_USAGE for anything but one of --for, a number with s, m, h or d, and --permanent */
function lengthOf(text: string | undefined, permanent: boolean): { readonly ends_in: number } | { permanent: true } {
  if ((text === undefined) !== permanent) throw usageFault('blocks add takes either --for 1h or --permanent');
  if (text === undefined) return { permanent: true };
  const length = durationS(text);
  if (length === 0) throw usageFault('--for takes a number with s, m, h or d, like 1h');
  return { ends_in: length };
}
