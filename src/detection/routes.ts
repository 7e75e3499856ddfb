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
import { type Block, isOver, SUSPECT_KINDS, targetOf } from './block.ts';
import type { Blocks } from './blocks.ts';

const MAX_LENGTH_S = days(3_650) / 1_000;
const MAX_NAME = 80;

const kind = z.enum(SUSPECT_KINDS);

const address = z
  .string()
  .max(MAX_NAME)
  .refine(
    (text) => targetOf(text, 'address') !== undefined,
    'must be an IPv4 or IPv6 address, or the /64 of an IPv6 one',
  );

/** `person:ID` and the like, or an address. */
const named = z
  .string()
  .max(MAX_NAME)
  .refine((text) => targetOf(text) !== undefined, 'must be an address, person:ID, api-key:ID or device:ID');

const wish = z
  .strictObject({
    address: address.optional().describe('An IPv6 address is blocked with its whole /64.'),
    kind: kind.optional().describe('What `value` is.'),
    value: z.string().max(MAX_NAME).optional().describe('An address; the id of a key, person or device.'),
    reason: storableText(1, 200).describe('For whoever reads the list; the blocked client is not told.'),
    ends_in: z.int().min(1).max(MAX_LENGTH_S).optional().describe('Seconds.'),
    permanent: z.literal(true).optional().describe('Until it is lifted.'),
  })
  .refine((w) => (w.ends_in === undefined) !== (w.permanent === undefined), 'must have either ends_in or permanent')
  .refine(
    ({ address: at, kind: of, value }) =>
      (of === undefined) === (value === undefined) && (at === undefined) !== (of === undefined),
    'must have either address, or kind and value',
  )
  .refine((w) => w.value === undefined || targetOf(w.value, w.kind) !== undefined, {
    path: ['value'],
    error: 'must be an address or an id, as kind says',
  });

const filter = z
  .strictObject({
    which: z.enum(['live', 'all']).default('live').describe('`all` lists those that are over too.'),
    kind: kind.optional(),
    value: idText.optional().describe('The id of a key, person or device.'),
    address: address.optional(),
    cursor: idText.optional(),
    limit: wholeNumber(1, 1_000).default(100),
  })
  .refine((f) => f.address === undefined || (f.kind === undefined && f.value === undefined), {
    path: ['address'],
    error: 'must not stand beside kind or value',
  });

const block = z.strictObject({
  id: z.string(),
  kind,
  value: z.string().describe('An IPv4 address or the /64 of an IPv6 one; the id of a key, person or device.'),
  address: z.string().nullable().describe('The same as `value`, of an address alone.'),
  profile: z.string().nullable(),
  violation: z.string(),
  reason: z.string(),
  evidence: z.record(z.string(), z.unknown()),
  live: z.boolean(),
  stored: z.boolean().describe('False for one that holds in memory alone, until the database takes it or it ends.'),
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
      summary: 'Addresses, keys, people and devices that are blocked, with reason and end; the newest first.',
      access,
      records: 'read',
      query: filter,
      replies: { 200: z.strictObject({ items: z.array(block), next_cursor: z.string().nullable() }) },
      faults: [],
      handle: async ({ query: { which, address: at, value, ...wanted } }) => {
        const { items, nextCursor } = await blocks.list({ ...wanted, about: at ?? value, ended: which === 'all' });
        return ok({ items: items.map(view), next_cursor: nextCursor ?? null }, { records: items.length });
      },
    }),
    defineRoute({
      method: 'POST',
      path: '/v1/blocks',
      detection: { text: ['body.reason'] },
      summary: 'Block an address, key, person or device from the next request on, in place of a block that it has.',
      access,
      records: 'change',
      body: wish,
      replies: { 201: block },
      faults: ['DETECTION_NEVER_BLOCKED', 'DETECTION_SUSPECT_UNKNOWN', 'STORAGE_CONFLICT'],
      handle: async ({ body, caller, context }) => {
        const made = await blocks.block(actorOf(context, caller), {
          ...aimOf(body),
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
      summary: 'Lift the block of this id, or of this address, key, person or device, from the next request on.',
      access,
      records: 'change',
      params: z.strictObject({ id: z.union([idText, named]) }),
      replies: { 204: 'nothing' },
      faults: ['DETECTION_BLOCK_UNKNOWN'],
      handle: async ({ params, caller, context }) => {
        await blocks.lift(actorOf(context, caller), params.id);
        return nothing;
      },
    }),
  ];
}

function aimOf({ address: at, kind: of = 'address', value = '' }: z.output<typeof wish>) {
  const isAddress = at !== undefined || of === 'address';
  const violation = isAddress ? 'ip_blocked' : 'principal_blocked';
  return { kind: at === undefined ? of : 'address', value: at ?? value, violation } as const;
}

function viewOf(shown: Block, live: boolean) {
  const { id, kind: of, value, profile = null, violation, reason, evidence, stored, createdAt, createdBy } = shown;
  const { endsAt, liftedAt, liftedBy = null } = shown;
  return {
    id,
    kind: of,
    value,
    address: of === 'address' ? value : null,
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
