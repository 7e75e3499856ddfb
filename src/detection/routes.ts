import { z } from 'zod';
import {
  actorOf,
  created,
  defineRoute,
  idText,
  nothing,
  ok,
  type Route,
  storableText,
  wholeNumber,
} from '../http/index.ts';
import type { Clock } from '../kernel/clock.ts';
import { days, rfc3339 } from '../kernel/clock.ts';
import { type Block, isOver, targetOf } from './block.ts';
import type { Blocks } from './blocks.ts';

const MAX_LENGTH_S = days(3_650) / 1_000;
const MAX_ADDRESS = 64;

const address = z
  .string()
  .max(MAX_ADDRESS)
  .refine((text) => targetOf(text) !== undefined, 'must be an IPv4 or IPv6 address, or the /64 of an IPv6 one');

const wish = z
  .strictObject({
    address: address.describe('An IPv6 address is blocked with its whole /64.'),
    reason: storableText(1, 200).describe('For whoever reads the list; the blocked client is not told.'),
    ends_in: z.int().min(1).max(MAX_LENGTH_S).optional().describe('Seconds.'),
    permanent: z.literal(true).optional().describe('Until it is lifted.'),
  })
  .refine((w) => (w.ends_in === undefined) !== (w.permanent === undefined), 'must have either ends_in or permanent');

const filter = z.strictObject({
  which: z.enum(['live', 'all']).default('live').describe('`all` lists those that are over too.'),
  address: address.optional(),
  cursor: idText.optional(),
  limit: wholeNumber(1, 1_000).default(100),
});

const block = z.strictObject({
  id: z.string(),
  kind: z.literal('address'),
  address: z.string().describe('An IPv4 address or the /64 of an IPv6 one.'),
  profile: z.string().nullable(),
  violation: z.string(),
  reason: z.string(),
  evidence: z.record(z.string(), z.unknown()),
  live: z.boolean(),
  stored: z.boolean().describe('False for one that holds in the answering process alone, until it ends or restarts.'),
  created_at: z.string(),
  created_by: z.string(),
  ends_at: z.string().nullable().describe('Null: until it is lifted.'),
  lifted_at: z.string().nullable(),
  lifted_by: z.string().nullable(),
});

/** Blocks are about the clients of everybody, so no person of a tenant sees or makes them. */
export function blockRoutes(blocks: Blocks, clock: Clock): readonly Route[] {
  const access = { kind: 'permission', permission: 'platform:blocks' } as const;
  const view = (shown: Block) => viewOf(shown, !isOver(shown, clock.now()));
  return [
    defineRoute({
      method: 'GET',
      path: '/v1/blocks',
      summary: 'Addresses that are blocked, with reason and end; the newest first.',
      access,
      records: 'read',
      query: filter,
      replies: { 200: z.strictObject({ items: z.array(block), next_cursor: z.string().nullable() }) },
      faults: [],
      handle: async ({ query: { which, ...wanted } }) => {
        const { items, nextCursor } = await blocks.list({ ...wanted, ended: which === 'all' });
        return ok({ items: items.map(view), next_cursor: nextCursor ?? null }, { records: items.length });
      },
    }),
    defineRoute({
      method: 'POST',
      path: '/v1/blocks',
      summary: 'Block an address from the next request on, in place of a block that it has.',
      access,
      records: 'change',
      body: wish,
      replies: { 201: block },
      faults: ['DETECTION_NEVER_BLOCKED', 'STORAGE_CONFLICT'],
      handle: async ({ body, caller, context }) => {
        const made = await blocks.block(actorOf(context, caller), {
          address: body.address,
          violation: 'ip_blocked',
          reason: 'operator',
          evidence: { note: body.reason },
          length: body.ends_in === undefined ? { kind: 'permanent' } : { kind: 'fixed', ms: body.ends_in * 1_000 },
        });
        return created(view(made));
      },
    }),
    defineRoute({
      method: 'DELETE',
      path: '/v1/blocks/:id',
      summary: 'Lift the block of this id or address, from the next request on.',
      access,
      records: 'change',
      params: z.strictObject({ id: z.union([idText, address]) }),
      replies: { 204: 'nothing' },
      faults: ['DETECTION_BLOCK_UNKNOWN'],
      handle: async ({ params, caller, context }) => {
        await blocks.lift(actorOf(context, caller), params.id);
        return nothing;
      },
    }),
  ];
}

function viewOf(shown: Block, live: boolean) {
  const { id, kind, value, profile = null, violation, reason, evidence, stored, createdAt, createdBy } = shown;
  const { endsAt, liftedAt, liftedBy = null } = shown;
  return {
    id,
    kind,
    address: value,
    profile,
    violation,
    reason,
    evidence,
    live,
    stored,
    created_at: rfc3339(createdAt),
    created_by: createdBy,
    ends_at: endsAt === undefined ? null : rfc3339(endsAt),
    lifted_at: liftedAt === undefined ? null : rfc3339(liftedAt),
    lifted_by: liftedBy,
  };
}
