import { type EpochMs, epochMs, type TenantId } from '../kernel/brand.ts';
import type { Clock } from '../kernel/clock.ts';
import { inTenant, type Tx } from '../kernel/tx.ts';
import type { Storage } from '../storage/index.ts';
import type { FieldPlace, FieldSealer, Vault } from '../vault/index.ts';
import { accountStore, type InvitationRow, listOf } from './store-accounts.ts';

/** Somebody who was asked to make an account, and has not yet. */
export interface Invitation {
  readonly id: string;
  readonly email: string;
  readonly roles: readonly string[];
  /** Who gives these rights, as the audit log names them: `person:…`, or `operator`. */
  readonly invitedBy: string;
  readonly createdAt: EpochMs;
  readonly expiresAt: EpochMs;
}

export interface Invitations {
  /** To be called just before the write. @returns what adds one, in the tenant of `tx` */
  writer(tenant: TenantId): Promise<(tx: Tx, invitation: Invitation) => Promise<void>>;
  /** Those that are open, the oldest first; at most 1,000. */
  list(tenant: TenantId): Promise<readonly Invitation[]>;
  find(tenant: TenantId, id: string): Promise<Invitation | undefined>;
  /** Accepts or calls back the one, in the tenant of `tx`. @returns false when it is open no more */
  take(tx: Tx, id: string): Promise<boolean>;
}

export const INVITED_EMAIL = { table: 'invitation', column: 'email' } as const;

const MOST_SHOWN = 1_000;
const placeOf = (id: string): FieldPlace => ({ ...INVITED_EMAIL, row: id });

export interface InvitationDeps {
  readonly storage: Storage;
  readonly vault: Vault;
  readonly clock: Clock;
}

export function createInvitations({ storage, vault, clock }: InvitationDeps): Invitations {
  return {
    writer: async (tenant) => {
      const fields = await vault.fields(tenant);
      return async (tx, { id, email, roles, invitedBy, createdAt, expiresAt }) => {
        await accountStore.pruneInvitations(tx, clock.now());
        await accountStore.addInvitation(tx, {
          id,
          email: fields.seal(placeOf(id), email),
          roles,
          invited_by: invitedBy,
          created_at: createdAt,
          expires_at: expiresAt,
        });
      };
    },
    list: async (tenant) => {
      const rows = await storage.read(inTenant(tenant), (tx) => accountStore.invitations(tx, clock.now(), MOST_SHOWN));
      const fields = await vault.fields(tenant);
      return rows.map((row) => invitationOf(row, fields));
    },
    find: async (tenant, id) => {
      const row = await storage.read(inTenant(tenant), (tx) => accountStore.invitation(tx, id, clock.now()));
      return row && invitationOf(row, await vault.fields(tenant));
    },
    take: (tx, id) => accountStore.takeInvitation(tx, id, clock.now()),
  };
}

const invitationOf = (row: InvitationRow, fields: FieldSealer): Invitation => ({
  id: row.id,
  email: fields.open(placeOf(row.id), row.email),
  roles: listOf(row.roles),
  invitedBy: row.invited_by,
  createdAt: epochMs(row.created_at),
  expiresAt: epochMs(row.expires_at),
});
