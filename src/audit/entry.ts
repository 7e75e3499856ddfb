import type { AuditEntry } from '../kernel/audit.ts';
import { type EpochMs, epochMs } from '../kernel/brand.ts';
import { type Clock, rfc3339 } from '../kernel/clock.ts';
import { nameOf } from '../kernel/principal.ts';
import { newUuid, type Random } from '../kernel/random.ts';
import type { Json, Tx } from '../kernel/tx.ts';
import type { Subject, SubjectKeys } from '../vault/index.ts';
import { auditStore, type NewEntry, type NumberedEntry } from './store.ts';

/** What of an entry is sealed, and under whose key. */
export interface SealedPart {
  readonly subject: string;
  readonly sealed: string;
}

/** The text of an entry, whose bytes are the leaf of the tree. Version 1. */
export interface EntryBody {
  readonly v: 1;
  readonly id: string;
  /** RFC 3339. */
  readonly at: string;
  readonly action: string;
  readonly outcome: string;
  readonly principal: string;
  readonly tenant?: string;
  readonly object?: { readonly type: string; readonly id: string };
  readonly facts?: Readonly<Record<string, Json>>;
  readonly personal?: SealedPart;
  readonly pseudonym?: string;
  readonly request?: string;
}

export interface EntryDeps {
  readonly subjects: SubjectKeys;
  readonly clock: Clock;
  readonly random: Random;
}

/** The column that personal values are bound to. */
const PERSONAL = 'audit_entry.personal';

/** Writes an entry, unnumbered, inside the transaction of what it tells of. */
export async function writeEntry(deps: EntryDeps, tx: Tx, entry: AuditEntry): Promise<void> {
  const now = deps.clock.now();
  const id = newUuid(deps.clock, deps.random);
  const personal = await sealPersonal(deps.subjects, tx, entry);
  const pseudonym = entry.unknownName === undefined ? undefined : await deps.subjects.pseudonym(tx, entry.unknownName);
  const body: EntryBody = {
    v: 1,
    id,
    at: rfc3339(now),
    action: entry.action,
    outcome: entry.outcome,
    principal: nameOf(entry.principal),
    ...(entry.tenantId === undefined ? {} : { tenant: entry.tenantId }),
    ...(entry.object === undefined ? {} : { object: entry.object }),
    ...(entry.facts === undefined ? {} : { facts: entry.facts }),
    ...(pseudonym === undefined ? {} : { pseudonym }),
    ...(personal === undefined ? {} : { personal }),
    ...(entry.requestId === undefined ? {} : { request: entry.requestId }),
  };
  await auditStore.add(tx, rowOf(body, now));
}

function rowOf(body: EntryBody, at: EpochMs): NewEntry {
  return { id: body.id, at, action: body.action, tenant: body.tenant ?? null, body: JSON.stringify(body) };
}

async function sealPersonal(subjects: SubjectKeys, tx: Tx, entry: AuditEntry): Promise<SealedPart | undefined> {
  const { personal, address, principal } = entry;
  if (personal === undefined && address === undefined) return undefined;
  const own = principal.kind === 'person' ? principal.personId : subjects.month();
  const subject: Subject = personal?.subject ?? own;
  const values = { ...personal?.values, ...(address === undefined ? {} : { address }) };
  return { subject, sealed: await subjects.seal(tx, subject, PERSONAL, JSON.stringify(values)) };
}

/**
 * What an entry says, and whether the columns beside its text say the same: they are not hashed, so a query could be
 * lied to through them.
 */
export function readEntry(
  row: NumberedEntry,
): { readonly body: EntryBody; readonly flaw: string | undefined } | undefined {
  const body = bodyOf(row.body);
  if (body === undefined) return undefined;
  const same =
    body.id === row.id &&
    body.action === row.action &&
    (body.tenant ?? null) === row.tenant &&
    Date.parse(body.at) === epochMs(row.at);
  return { body, flaw: same ? undefined : 'its columns and its text differ' };
}

function bodyOf(text: string): EntryBody | undefined {
  try {
    const body: unknown = JSON.parse(text);
    return typeof body === 'object' && body !== null ? (body as EntryBody) : undefined; // our own text: its leaf is checked
  } catch {
    return undefined;
  }
}
