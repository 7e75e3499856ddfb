import { z } from 'zod';
import { actorOf, created, defineRoute, ok, type Route } from '../http/index.ts';
import type { EpochMs } from '../kernel/brand.ts';
import { rfc3339 } from '../kernel/clock.ts';
import type { Backups } from './backups.ts';
import type { Backup } from './store.ts';

const time = z.string().nullable();

const backup = z.strictObject({
  id: z.string(),
  kind: z.enum(['manual', 'schedule', 'found']).describe('`found`: the file lay there, and was taken up.'),
  state: z.enum(['making', 'made', 'failed', 'removed']),
  file: z.string().describe('In the folder of backups.'),
  created_at: z.string(),
  size: z.int().nullable().describe('Bytes.'),
  sha256: z.string().nullable(),
  rows: z.int(),
  audit_size: z.int().nullable().describe('Entries of the audit log that it holds for certain.'),
  reason: z.string().nullable().describe('Why it failed.'),
  verified_at: time,
  drilled_at: time,
  drill_result: z.enum(['good', 'bad']).nullable(),
  flaw: z.string().nullable().describe('What was wrong with its file when it was read last.'),
});

const copy = z.strictObject({ file: z.string(), of: z.string().describe('The file that it has the bytes of.') });

const warnings = z.array(z.string()).describe('What the operator should mend; empty when all is well.');

const check = z.strictObject({ what: z.string(), expected: z.string(), found: z.string(), good: z.boolean() });

const params = z.strictObject({
  id: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9-]{0,63}(?:\.age)?$(?!\n)/, 'must be an id, the name of a file, or newest')
    .describe('The id of a backup, the name of its file, or `newest`.'),
});

/** Backups hold the rows of every tenant, so that no person of one sees or makes them. */
export function backupRoutes(backups: Backups): readonly Route[] {
  const access = { kind: 'permission', permission: 'platform:backups' } as const;
  return [
    defineRoute({
      method: 'GET',
      path: '/v1/backups',
      summary: 'Backups and what became of them, the newest first.',
      access,
      records: 'read',
      replies: {
        200: z.strictObject({
          items: z.array(z.strictObject({ ...backup.shape, file_is_there: z.boolean() })),
          strangers: z.array(z.string()).describe('Files that the list does not know; verify one, and it does.'),
          copies: z.array(copy).describe('Files under other names that nothing depends on.'),
          warnings,
        }),
      },
      faults: [],
      handle: async () => {
        const [items, strangers, told] = await Promise.all([backups.list(), backups.strangers(), backups.warnings()]);
        const listed = items.map((one) => ({ ...viewOf(one), file_is_there: one.isThere }));
        const own = strangers.filter(({ copyOf }) => copyOf === undefined).map(({ file }) => file);
        const copies = strangers.flatMap(({ file, copyOf }) => (copyOf === undefined ? [] : [{ file, of: copyOf }]));
        return ok({ items: listed, strangers: own, copies, warnings: told }, { records: items.length });
      },
    }),
    defineRoute({
      method: 'POST',
      path: '/v1/backups',
      summary: 'Make a backup now; the answer comes when it is durable.',
      access,
      records: 'change',
      replies: { 201: z.strictObject({ ...backup.shape, warnings }) },
      faults: [
        'BACKUP_RUNNING',
        'BACKUP_FAILED',
        'BACKUP_MASTER_CHANGING',
        'BACKUP_UNSUPPORTED',
        'VAULT_PROVIDER_AWAY',
      ],
      handle: async ({ caller, context }) => {
        const made = await backups.create(actorOf(context, caller));
        return created({ ...viewOf(made), warnings: await backups.warnings() });
      },
    }),
    defineRoute({
      method: 'POST',
      path: '/v1/backups/:id/verify',
      summary: 'Read a backup to its end, and say whether it is as it was made.',
      access,
      records: 'change',
      params,
      replies: {
        200: z.strictObject({
          ...backup.shape,
          copy: z.string().nullable().describe('The file that was read, where it is a copy of the backup.'),
        }),
      },
      faults: ['BACKUP_UNKNOWN', 'BACKUP_UNREADABLE', 'BACKUP_FOREIGN', 'BACKUP_NEWER', 'BACKUP_RUNNING'],
      handle: async ({ params: { id }, caller, context }) => {
        const { copy: read, ...one } = await backups.verify(actorOf(context, caller), id);
        return ok({ ...viewOf(one), copy: read ?? null });
      },
    }),
    defineRoute({
      method: 'POST',
      path: '/v1/backups/identity',
      summary: 'The age identities that open backups, for the age command; to the owner of the process alone.',
      access: { kind: 'signed-in', as: 'operator' },
      records: 'change',
      replies: {
        200: z.strictObject({ identities: z.array(z.strictObject({ master: z.string(), identity: z.string() })) }),
      },
      faults: ['VAULT_PROVIDER_AWAY'],
      handle: async ({ caller, context }) => ok({ identities: await backups.identities(actorOf(context, caller)) }),
    }),
    defineRoute({
      method: 'POST',
      path: '/v1/backups/drill',
      summary: 'Restore the newest backup into a place that is thrown away, and compare.',
      access,
      records: 'change',
      replies: {
        200: z.strictObject({
          backup,
          result: z.enum(['good', 'bad', 'untried']),
          reason: z.string().nullable().describe('Why it could not be tried, which says nothing of the backup.'),
          checks: z.array(check),
        }),
      },
      faults: ['BACKUP_RUNNING', 'BACKUP_UNKNOWN'],
      handle: async ({ caller, context }) => {
        const { result, reason = null, checks, backup: drilled } = await backups.drill(actorOf(context, caller));
        return ok({ backup: viewOf(drilled), result, reason, checks: checks.map((one) => ({ ...one })) });
      },
    }),
  ];
}

const timeOf = (at: EpochMs | undefined): string | null => (at === undefined ? null : rfc3339(at));

function viewOf(shown: Backup): z.output<typeof backup> {
  return {
    id: shown.id,
    kind: shown.kind,
    state: shown.state,
    file: shown.file,
    created_at: rfc3339(shown.createdAt),
    size: shown.size ?? null,
    sha256: shown.sha256 ?? null,
    rows: shown.tables.reduce((sum, { rows }) => sum + rows, 0),
    audit_size: shown.audit?.size ?? null,
    reason: shown.reason ?? null,
    verified_at: timeOf(shown.verifiedAt),
    drilled_at: timeOf(shown.drilledAt),
    drill_result: shown.drillResult ?? null,
    flaw: shown.flaw ?? null,
  };
}
