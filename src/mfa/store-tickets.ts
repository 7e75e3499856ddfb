import { type EpochMs, epochMs, type PersonId, personId, type TenantId, tenantId } from '../kernel/brand.ts';
import type { Json, RowOf, Tx } from '../kernel/tx.ts';
import { insertion, statement } from '../storage/index.ts';

const ticket = {
  digest: 'bytes',
  person_id: 'text',
  tenant: 'text',
  profile: 'text',
  stage: 'text',
  amr: 'json',
  bound: 'bytes',
  known_device_id: 'text?',
  factor_id: 'text?',
  tries: 'int',
  opened_at: 'int',
  expires_at: 'int',
  closed_at: 'int?',
} as const;

const columns = Object.keys(ticket).join(', ');
const live = 'digest = :digest and closed_at is null and expires_at > :now';

const insertTicket = insertion({ reach: 'platform', table: 'mfa_ticket', columns: ticket });

const selectTicket = statement({
  reach: 'platform',
  sql: `select ${columns} from mfa_ticket where ${live} and tries < :most`,
  params: { digest: 'bytes', now: 'int', most: 'int' },
  returns: ticket,
});

const countTry = statement({
  reach: 'platform',
  sql: `update mfa_ticket set tries = tries + 1 where ${live} and tries < :most returning ${columns}`,
  params: { digest: 'bytes', now: 'int', most: 'int' },
  returns: ticket,
});

const updateFactor = statement({
  reach: 'platform',
  sql: `update mfa_ticket set factor_id = :factor where ${live} and stage = 'enrol'`,
  params: { digest: 'bytes', now: 'int', factor: 'text' },
});

const closeTicket = statement({
  reach: 'platform',
  sql: `update mfa_ticket set closed_at = :now where ${live}`,
  params: { digest: 'bytes', now: 'int' },
});

const closeTickets = statement({
  reach: 'platform',
  sql: 'update mfa_ticket set closed_at = :now where person_id = :person and closed_at is null and expires_at > :now',
  params: { person: 'text', now: 'int' },
});

const closeEnrolments = statement({
  reach: 'platform',
  sql: `update mfa_ticket set closed_at = :now
    where person_id = :person and stage = 'enrol' and closed_at is null and expires_at > :now`,
  params: { person: 'text', now: 'int' },
});

const deleteTickets = statement({
  reach: 'platform',
  sql: 'delete from mfa_ticket where expires_at <= :now',
  params: { now: 'int' },
});

/** What is left to do: answer with a second factor, or set one up. */
export type TicketStage = 'verify' | 'enrol';

/** A sign-in whose first factor was right. */
export interface Ticket {
  readonly personId: PersonId;
  readonly tenantId: TenantId;
  readonly profile: string;
  readonly stage: TicketStage;
  /** What was given so far. @see RFC 8176 */
  readonly amr: readonly string[];
  /** A digest of what the first factor was proved against: when that has changed, the ticket is worth nothing. */
  readonly bound: Uint8Array;
  readonly knownDeviceId: string | undefined;
  /** The factor that is being set up. */
  readonly factorId: string | undefined;
  readonly openedAt: EpochMs;
  readonly expiresAt: EpochMs;
}

export const ticketStore = {
  add: (tx: Tx, digest: Uint8Array, added: Ticket) => tx.insert(insertTicket, [rowOf(digest, added)]),
  get: async (tx: Tx, digest: Uint8Array, now: EpochMs, most: number) =>
    ticketOf(await tx.one(selectTicket, { digest, now, most })),
  /** One update decides which of many answers at the same moment are still looked at. */
  take: async (tx: Tx, digest: Uint8Array, now: EpochMs, most: number) =>
    ticketOf(await tx.one(countTry, { digest, now, most })),
  setFactor: (tx: Tx, digest: Uint8Array, now: EpochMs, factor: string) =>
    tx.run(updateFactor, { digest, now, factor }),
  /** One update decides which of two good answers is the one. */
  close: (tx: Tx, digest: Uint8Array, now: EpochMs) => tx.run(closeTicket, { digest, now }),
  closeAll: (tx: Tx, person: PersonId, now: EpochMs) => tx.run(closeTickets, { person, now }),
  closeEnrolling: (tx: Tx, person: PersonId, now: EpochMs) => tx.run(closeEnrolments, { person, now }),
  prune: (tx: Tx, now: EpochMs) => tx.run(deleteTickets, { now }),
};

const rowOf = (digest: Uint8Array, added: Ticket): RowOf<typeof ticket> => ({
  digest,
  person_id: added.personId,
  tenant: added.tenantId,
  profile: added.profile,
  stage: added.stage,
  amr: added.amr,
  bound: added.bound,
  known_device_id: added.knownDeviceId ?? null,
  factor_id: added.factorId ?? null,
  tries: 0,
  opened_at: added.openedAt,
  expires_at: added.expiresAt,
  closed_at: null,
});

function ticketOf(row: RowOf<typeof ticket> | undefined): Ticket | undefined {
  return (
    row && {
      personId: personId(row.person_id),
      tenantId: tenantId(row.tenant),
      profile: row.profile,
      stage: row.stage === 'enrol' ? 'enrol' : 'verify',
      amr: textsOf(row.amr),
      bound: row.bound,
      knownDeviceId: row.known_device_id ?? undefined,
      factorId: row.factor_id ?? undefined,
      openedAt: epochMs(row.opened_at),
      expiresAt: epochMs(row.expires_at),
    }
  );
}

const textsOf = (value: Json): readonly string[] => (Array.isArray(value) ? value.map(String) : []);
