import { z } from 'zod';
import type { Run } from './command.ts';
import { throughDoor } from './door.ts';
import { durationS } from './duration.ts';
import { usageFault } from './errors.ts';
import { tableOf } from './terminal.ts';

const block = z.object({
  id: z.string(),
  address: z.string(),
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

const UNDO = 'Lift one: twinkeep blocks remove ADDRESS';
const PAGE = 1_000;
const MOST = 100_000;

/** `blocks list`. */
export const listBlocks: Run = (args, terminal) =>
  throughDoor(args, terminal, 'needs data', async (door) => {
    const all = args.flag('all');
    const items: Shown[] = [];
    let cursor: string | null = null;
    do {
      const behind: string = cursor === null ? '' : `&cursor=${cursor}`;
      const path = `/v1/blocks?which=${all ? 'all' : 'live'}&limit=${PAGE}${behind}`;
      const read = page.parse(await door.call('GET', path));
      items.push(...read.items);
      cursor = read.next_cursor;
    } while (cursor !== null && items.length < MOST);
    const rows = items.map((one) => [one.address, endOf(one), whyOf(one), one.created_by, one.created_at, one.id]);
    const table = tableOf(['address', 'ends', 'why', 'by', 'since', 'id'], rows);
    terminal.answer(items, items.length === 0 ? 'No address is blocked.' : `${table}\n\n${UNDO}`);
    return 0;
  });

/** `blocks add <ADDRESS>`. */
export const addBlock: Run = async (args, terminal) => {
  const address = args.operand(0);
  const length = lengthOf(args.text('for'), args.flag('permanent'));
  const wish = { address, reason: args.text('reason'), ...length };
  return throughDoor(args, terminal, 'needs data', async (door) => {
    const made = block.parse(await door.call('POST', '/v1/blocks', wish));
    const sentence = `Blocked ${made.address}, ${untilOf(made)}: ${whyOf(made)}.`;
    terminal.answer(made, `${sentence}\nUndo: twinkeep blocks remove ${made.address}`);
    return 0;
  });
};

/** `blocks remove <ADDRESS|ID>`. */
export const removeBlock: Run = (args, terminal) =>
  throughDoor(args, terminal, 'needs data', async (door) => {
    const name = args.operand(0);
    await door.call('DELETE', `/v1/blocks/${encodeURIComponent(name)}`);
    terminal.answer({ block: name, lifted: true }, `Lifted the block of ${name}.`);
    return 0;
  });

function endOf({ ends_at, lifted_at, live, stored }: Shown): string {
  if (lifted_at !== null) return `lifted ${lifted_at}`;
  if (ends_at === null) return stored ? 'never' : 'with this process';
  return live ? ends_at : `ended ${ends_at}`;
}

const untilOf = ({ ends_at }: Shown): string => (ends_at === null ? 'until it is lifted' : `until ${ends_at}`);

/** In words, as far as they are known here. */
function whyOf({ reason, evidence }: Shown): string {
  const { note, failures } = evidence;
  if (typeof note === 'string') return note;
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
