import { encodeBase64url, sha256 } from '../crypto/index.ts';
import type { AuditSink } from '../kernel/audit.ts';
import type { PersonId, RealmId, TenantId } from '../kernel/brand.ts';
import type { Clock } from '../kernel/clock.ts';
import type { Actor } from '../kernel/principal.ts';
import type { Tx } from '../kernel/tx.ts';
import type { Storage } from '../storage/index.ts';
import type { Vault } from '../vault/index.ts';
import type { Identity } from './identity.ts';

/** What an import asks of other rooms. */
export interface ImportPorts {
  /** Membership and roles, in the write that makes the person. @throws ACCESS_ROLE_UNKNOWN, ACCESS_ESCALATION */
  admit(tx: Tx, actor: Actor, tenant: TenantId, person: PersonId, roles: readonly string[]): Promise<void>;
  /** Whether `actor` may govern that person. @throws ACCESS_ESCALATION */
  assertCovers(tx: Tx, actor: Actor, tenant: TenantId, person: PersonId): Promise<void>;
  /** Does what takes rights of a person away: not by themselves as the last administrator. @throws IDENTITY_LAST_ADMINISTRATOR */
  stayGoverned(tx: Tx, actor: Actor, person: PersonId, change: () => Promise<void>): Promise<void>;
  /** Takes the roles away. */
  withdraw(tx: Tx, actor: Actor, tenant: TenantId, person: PersonId): Promise<void>;
  /** Ends all sessions, and the sign-ins that wait for a second factor. */
  shutOut(tx: Tx, actor: Actor, person: PersonId): Promise<unknown>;
  tenantsOf(person: PersonId): Promise<readonly TenantId[]>;
  /** What `limits.refusalMs` would have to be for that hash not to show; `undefined` where it does not. @throws CRYPTO_BUSY */
  lacking(passwordHash: string): Promise<number | undefined>;
}

export interface ImportDeps extends ImportPorts {
  readonly storage: Storage;
  readonly vault: Vault;
  readonly audit: AuditSink;
  readonly identity: Identity;
  readonly clock: Clock;
  /** Where people belong. */
  readonly realm: RealmId;
}

/** Tells whether a hash is still the one that was imported, without telling the hash. */
export const proofOf = (passwordHash: string): string =>
  encodeBase64url(sha256(Buffer.from(passwordHash)).subarray(0, 16));
