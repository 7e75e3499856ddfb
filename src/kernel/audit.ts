import type { PersonId, RequestId, TenantId } from './brand.ts';
import type { Principal } from './principal.ts';
import type { Json, Tx } from './tx.ts';

/** `intended` stands before an act outside our database, and one of the others follows. */
export type Outcome = 'done' | 'refused' | 'failed' | 'intended';

/** One line of the record of who did what. */
export interface AuditEntry {
  /** `room.what`, past tense: `session.started`. */
  readonly action: string;
  readonly outcome: Outcome;
  readonly principal: Principal;
  readonly tenantId?: TenantId | undefined;
  readonly object?: { readonly type: string; readonly id: string } | undefined;
  /** Counts, ids and codes; a secret or a personal value never stands here. */
  readonly facts?: Readonly<Record<string, Json>> | undefined;
  /** Values about a person, sealed under the key of that subject; erasing the subject makes them unreadable. */
  readonly personal?: { readonly subject: PersonId; readonly values: Readonly<Record<string, string>> } | undefined;
  /** A name that somebody gave and nobody here bears: kept as a pseudonym under a monthly key. */
  readonly unknownName?: string | undefined;
  readonly requestId?: RequestId | undefined;
  /** The client's address: personal, so it is sealed like `personal`. */
  readonly address?: string | undefined;
}

/** Where rules record what they do, inside the write that does it: neither exists without the other. */
export interface AuditSink {
  record(tx: Tx, entry: AuditEntry): Promise<void>;
}
