import type { EpochMs, PersonId, TenantId } from '../kernel/brand.ts';
import type { Json, RowOf, Tx } from '../kernel/tx.ts';
import { insertion, statement } from '../storage/index.ts';

const verifyEmail = statement({
  reach: 'platform',
  sql: 'update person set email_verified_at = :at where id = :id',
  params: { id: 'text', at: 'int?' },
});

const selectVerified = statement({
  reach: 'platform',
  sql: `select id from person
    where id in (select person_id from membership where tenant_id = :tenant) and username_key > :after
      and email_verified_at is not null
    order by username_key limit :count`,
  params: { tenant: 'text', after: 'text', count: 'int' },
  returns: { id: 'text' },
});

const selectIsVerified = statement({
  reach: 'platform',
  sql: 'select id from person where id = :id and email_verified_at is not null',
  params: { id: 'text' },
  returns: { id: 'text' },
});

const barMailReset = statement({
  reach: 'platform',
  sql: 'update person set mail_reset_barred_at = :at where id = :id',
  params: { id: 'text', at: 'int?' },
});

const selectIsBarred = statement({
  reach: 'platform',
  sql: 'select id from person where id = :id and mail_reset_barred_at is not null',
  params: { id: 'text' },
  returns: { id: 'text' },
});

const dropMemberships = statement({
  reach: 'platform',
  sql: 'delete from membership where person_id = :person',
  params: { person: 'text' },
});

const selectGrants = statement({
  reach: 'tenant',
  sql: `select g.person_id, r.permissions from role_grant g
    join role r on r.tenant_id = g.tenant_id and r.name = g.role
    join person p on p.id = g.person_id
    where g.tenant_id = :tenant_id and p.disabled_at is null`,
  returns: { person_id: 'text', permissions: 'json' },
});

const invitation = {
  id: 'text',
  email: 'text',
  roles: 'json',
  invited_by: 'text',
  created_at: 'int',
  expires_at: 'int',
} as const;

const invitationColumns = Object.keys(invitation).join(', ');

const insertInvitation = insertion({ reach: 'tenant', table: 'invitation', columns: invitation });

const selectInvitations = statement({
  reach: 'tenant',
  sql: `select ${invitationColumns} from invitation
    where tenant_id = :tenant_id and expires_at > :now order by created_at, id limit :most`,
  params: { now: 'int', most: 'int' },
  returns: invitation,
});

const selectInvitation = statement({
  reach: 'tenant',
  sql: `select ${invitationColumns} from invitation where tenant_id = :tenant_id and id = :id and expires_at > :now`,
  params: { id: 'text', now: 'int' },
  returns: invitation,
});

/** Whoever deletes the row has taken the invitation, or called it back: never both. */
const takeInvitation = statement({
  reach: 'tenant',
  sql: 'delete from invitation where tenant_id = :tenant_id and id = :id and expires_at > :now',
  params: { id: 'text', now: 'int' },
});

const dropExpired = statement({
  reach: 'tenant',
  sql: 'delete from invitation where tenant_id = :tenant_id and expires_at <= :now',
  params: { now: 'int' },
});

export type InvitationRow = RowOf<typeof invitation>;

export const accountStore = {
  setVerified: (tx: Tx, id: PersonId, at: EpochMs | null) => tx.run(verifyEmail, { id, at }),
  verifiedMembers: async (tx: Tx, tenant: TenantId, after: string, count: number): Promise<ReadonlySet<string>> =>
    new Set((await tx.all(selectVerified, { tenant, after, count })).map(({ id }) => id)),
  isVerified: async (tx: Tx, id: PersonId): Promise<boolean> => (await tx.one(selectIsVerified, { id })) !== undefined,
  setMailResetBarred: (tx: Tx, id: PersonId, at: EpochMs | null) => tx.run(barMailReset, { id, at }),
  isMailResetBarred: async (tx: Tx, id: PersonId): Promise<boolean> =>
    (await tx.one(selectIsBarred, { id })) !== undefined,
  dropMemberships: (tx: Tx, person: PersonId) => tx.run(dropMemberships, { person }),
  /** What everybody of the tenant of `tx` who may sign in holds. */
  grants: async (tx: Tx): Promise<readonly { readonly person: string; readonly permissions: readonly string[] }[]> =>
    (await tx.all(selectGrants, {})).map(({ person_id, permissions }) => ({
      person: person_id,
      permissions: listOf(permissions),
    })),

  addInvitation: (tx: Tx, row: InvitationRow) => tx.insert(insertInvitation, [row]),
  invitations: (tx: Tx, now: EpochMs, most: number) => tx.all(selectInvitations, { now, most }),
  invitation: (tx: Tx, id: string, now: EpochMs) => tx.one(selectInvitation, { id, now }),
  takeInvitation: async (tx: Tx, id: string, now: EpochMs): Promise<boolean> =>
    (await tx.run(takeInvitation, { id, now })) > 0,
  pruneInvitations: (tx: Tx, now: EpochMs) => tx.run(dropExpired, { now }),
};

export const listOf = (value: Json): readonly string[] => (Array.isArray(value) ? value.map(String) : []);
