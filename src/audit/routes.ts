import { z } from 'zod';
import { defineRoute, idText, ok, type Reply, type Route, storableText, wholeNumber } from '../http/index.ts';
import { platform } from '../kernel/tx.ts';
import type { Storage } from '../storage/index.ts';
import type { Audit } from './audit.ts';
import { readEntry } from './entry.ts';
import { auditFault } from './errors.ts';
import { proveConsistency, proveInclusion } from './proofs.ts';
import { auditStore } from './store.ts';

const entryNumber = wholeNumber(0, Number.MAX_SAFE_INTEGER);
const access = { kind: 'permission', permission: 'admin:audit' } as const;

const entries = z.strictObject({
  before: entryNumber.optional().describe('Entries older than this number.'),
  action: storableText(1, 64).optional(),
  limit: wholeNumber(1, 1_000).default(100),
});

const all = entries.extend({
  tenant: idText.optional().describe('Those about this tenant alone.'),
  since: z.iso
    .datetime({ offset: true })
    .transform((text) => Date.parse(text))
    .optional()
    .describe('Entries from this time on.'),
});

const page = z.strictObject({ items: z.array(z.unknown()), next_before: z.int().nullable() });

const proof = z
  .strictObject({
    seq: entryNumber.optional().describe('Prove that this entry is in the log.'),
    from: entryNumber.optional().describe('Prove that the log of this size is the beginning of the present one.'),
  })
  .refine(({ seq, from }) => (seq === undefined) !== (from === undefined), 'must have either seq or from');

/** Reading the log of the caller's tenant, and proofs that need no trust in us. */
export function auditRoutes(audit: Audit, storage: Storage): readonly Route[] {
  return [
    defineRoute({
      method: 'GET',
      path: '/v1/audit/entries',
      summary: 'Entries of the audit log about your tenant, the newest first.',
      access,
      records: 'read',
      query: entries,
      replies: { 200: page },
      faults: [],
      handle: ({ query, tenantId }) => latest(storage, { ...query, tenant: tenantId }),
    }),
    defineRoute({
      method: 'GET',
      path: '/v1/platform/audit',
      summary: 'Entries of the whole audit log, of all tenants and of none, the newest first.',
      access: { kind: 'permission', permission: 'platform:audit' },
      records: 'read',
      query: all,
      replies: { 200: page },
      faults: [],
      handle: async ({ query }) => {
        // What happened a moment ago is what is looked for; a log that cannot be signed now must be readable all the same.
        await audit.integrate().catch(() => undefined);
        return latest(storage, query);
      },
    }),
    defineRoute({
      method: 'GET',
      path: '/v1/audit/checkpoint',
      summary: 'The newest signed checkpoint of the log, as a C2SP signed note.',
      access,
      replies: { 200: z.strictObject({ verifier: z.string(), checkpoint: z.string() }) },
      faults: ['AUDIT_ENTRY_UNKNOWN'],
      handle: async () => {
        await audit.integrate();
        const last = await storage.read(platform, auditStore.lastCheckpoint);
        if (last === undefined) throw auditFault('AUDIT_ENTRY_UNKNOWN');
        return ok({ verifier: audit.key.verifier, checkpoint: last.note });
      },
    }),
    defineRoute({
      method: 'GET',
      path: '/v1/audit/proof',
      summary: 'Inclusion or consistency proof against the newest checkpoint (RFC 9162).',
      access,
      query: proof,
      replies: { 200: z.strictObject({ size: z.int(), checkpoint: z.string(), path: z.array(z.string()) }) },
      faults: ['AUDIT_ENTRY_UNKNOWN'],
      handle: async ({ query: { seq, from } }) => {
        return storage.read(platform, async (tx) => {
          const head = await auditStore.lastCheckpoint(tx);
          const wanted = seq ?? from;
          if (
            head === undefined ||
            wanted === undefined ||
            wanted > head.size ||
            (seq !== undefined && seq >= head.size)
          ) {
            throw auditFault('AUDIT_ENTRY_UNKNOWN');
          }
          const path =
            seq === undefined
              ? await proveConsistency(tx, wanted, head.size)
              : await proveInclusion(tx, seq, head.size);
          return ok({
            size: head.size,
            checkpoint: head.note,
            path: path.map((hash) => Buffer.from(hash).toString('base64')),
          });
        });
      },
    }),
  ];
}

interface Asked {
  readonly before?: number | undefined;
  readonly since?: number | undefined;
  readonly tenant?: string | undefined;
  readonly action?: string | undefined;
  readonly limit: number;
}

async function latest(storage: Storage, asked: Asked): Promise<Reply> {
  const { before = Number.MAX_SAFE_INTEGER, since = 0, tenant = null, action = null, limit } = asked;
  const filter = { before, since, tenant, action, count: limit };
  const rows = await storage.read(platform, (tx) => auditStore.latest(tx, filter));
  const items = rows.map((row) => ({ seq: row.seq, ...readEntry(row)?.body }));
  const last = rows.length === limit ? rows.at(-1)?.seq : undefined;
  return ok({ items, next_before: last ?? null }, { records: items.length });
}
