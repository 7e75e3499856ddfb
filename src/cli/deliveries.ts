import { z } from 'zod';
import type { Run } from './command.ts';
import { throughDoor } from './door.ts';
import { tableOf } from './terminal.ts';

const attempt = z.object({
  number: z.number(),
  at: z.string(),
  outcome: z.string(),
  status: z.number().nullable(),
  reason: z.string().nullable(),
  duration_ms: z.number().nullable(),
  answer: z.string().nullable(),
});

const delivery = z.object({
  id: z.string(),
  kind: z.string(),
  event: z.string().nullable(),
  state: z.string(),
  reason: z.string().nullable(),
  created_at: z.string(),
  next_attempt_at: z.string().nullable(),
  attempts: z.array(attempt),
});

/** A page of deliveries as the server gives it. */
export const deliveryPage = z.object({ items: z.array(delivery), next_cursor: z.string().nullable() });

export type DeliveryView = z.output<typeof delivery>;

/** A page as a table, and how to see the next one. */
export function deliveryTable({ items, next_cursor }: z.output<typeof deliveryPage>): string {
  const rows = items.map((one) => [
    one.created_at,
    one.event ?? one.kind,
    one.reason === null ? one.state : `${one.state} (${one.reason})`,
    String(one.attempts[0]?.number ?? 0),
    one.next_attempt_at ?? '',
    one.id,
  ]);
  const table = tableOf(['created', 'what', 'state', 'attempts', 'next attempt', 'id'], rows);
  return next_cursor === null ? table : `${table}\nMore: --cursor ${next_cursor}`;
}

/** `deliveries list`. */
export const listDeliveries: Run = (args, terminal) =>
  throughDoor(args, terminal, 'needs data', async (door) => {
    const query = new URLSearchParams({ limit: '50' });
    const cursor = args.text('cursor');
    if (cursor !== undefined) query.set('cursor', cursor);
    if (args.flag('failed')) query.set('state', 'failed');
    const page = deliveryPage.parse(await door.call('GET', `/v1/deliveries?${query}`));
    terminal.answer(page, deliveryTable(page));
    return 0;
  });

/** `deliveries retry <id>`. */
export const retryDelivery: Run = (args, terminal) =>
  throughDoor(args, terminal, 'needs data', async (door) => {
    const id = args.operand(0);
    await door.call('POST', `/v1/deliveries/${encodeURIComponent(id)}/retry`);
    terminal.answer({ id }, `Sending ${id} again.`);
    return 0;
  });
