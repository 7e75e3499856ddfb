import { type EpochMs, epochMs, type PersonId } from '../kernel/brand.ts';
import type { Json, RowOf, Tx } from '../kernel/tx.ts';
import { insertion, statement } from '../storage/index.ts';
import type { CodeMethod } from './method.ts';

const factor = {
  id: 'text',
  person_id: 'text',
  method: 'text',
  details: 'text',
  created_at: 'int',
  confirmed_at: 'int?',
  last_used_at: 'int?',
  last_step: 'int',
  code_digest: 'bytes?',
  code_expires_at: 'int?',
  code_tries: 'int',
} as const;

/** Wrong answers that end a code which was sent. */
const MAX_TRIES = 5;

const insertFactor = insertion({ reach: 'platform', table: 'mfa_factor', columns: factor });

const selectFactors = statement({
  reach: 'platform',
  sql: `select ${Object.keys(factor).join(', ')} from mfa_factor where person_id = :person order by created_at, id`,
  params: { person: 'text' },
  returns: factor,
});

const countConfirmed = statement({
  reach: 'platform',
  sql: 'select count(*) as held from mfa_factor where person_id = :person and confirmed_at is not null',
  params: { person: 'text' },
  returns: { held: 'int' },
});

const deleteFactor = statement({
  reach: 'platform',
  sql: 'delete from mfa_factor where person_id = :person and id = :id',
  params: { person: 'text', id: 'text' },
});

const deletePending = statement({
  reach: 'platform',
  sql: 'delete from mfa_factor where person_id = :person and method = :method and confirmed_at is null',
  params: { person: 'text', method: 'text' },
});

const deleteForgotten = statement({
  reach: 'platform',
  sql: 'delete from mfa_factor where confirmed_at is null and created_at <= :before',
  params: { before: 'int' },
});

const deleteFactors = statement({
  reach: 'platform',
  sql: 'delete from mfa_factor where person_id = :person',
  params: { person: 'text' },
});

const confirmFactor = statement({
  reach: 'platform',
  sql: `update mfa_factor set confirmed_at = :now, last_used_at = :now, last_step = :step, code_digest = null
    where id = :id and confirmed_at is null`,
  params: { id: 'text', now: 'int', step: 'int' },
});

const setDetails = statement({
  reach: 'platform',
  sql: 'update mfa_factor set details = :details where id = :id and person_id = :person',
  params: { id: 'text', person: 'text', details: 'text' },
});

const takeStep = statement({
  reach: 'platform',
  sql: `update mfa_factor set last_step = :step, last_used_at = :now
    where id = :id and last_step < :step and confirmed_at is not null`,
  params: { id: 'text', step: 'int', now: 'int' },
});

const setCode = statement({
  reach: 'platform',
  sql: `update mfa_factor set code_digest = :digest, code_expires_at = :expires, code_tries = 0
    where id = :id and person_id = :person`,
  params: { id: 'text', person: 'text', digest: 'bytes', expires: 'int' },
});

const takeCode = statement({
  reach: 'platform',
  sql: `update mfa_factor set code_digest = null, last_used_at = :now
    where id = :id and code_digest = :digest and code_expires_at > :now and code_tries < :tries`,
  params: { id: 'text', digest: 'bytes', now: 'int', tries: 'int' },
});

const countTry = statement({
  reach: 'platform',
  sql: `update mfa_factor set code_tries = code_tries + 1
    where person_id = :person and code_digest is not null
      and (:method = '' or method = :method) and (:id = '' or id = :id)`,
  params: { person: 'text', method: 'text', id: 'text' },
});

const person = { person_id: 'text', pepper: 'text', backup: 'text?' } as const;

const insertPerson = insertion({ reach: 'platform', table: 'mfa_person', columns: person, unless: ['person_id'] });

const selectPerson = statement({
  reach: 'platform',
  sql: 'select person_id, pepper, backup from mfa_person where person_id = :person',
  params: { person: 'text' },
  returns: person,
});

const setBackup = statement({
  reach: 'platform',
  sql: 'update mfa_person set backup = :backup where person_id = :person',
  params: { person: 'text', backup: 'text?' },
});

const deletePerson = statement({
  reach: 'platform',
  sql: 'delete from mfa_person where person_id = :person',
  params: { person: 'text' },
});

const code = { person_id: 'text', digest: 'bytes', kind: 'text', expires_at: 'int?', used_at: 'int?' } as const;

const insertCodes = insertion({ reach: 'platform', table: 'mfa_code', columns: code });

const selectCodes = statement({
  reach: 'platform',
  sql: 'select person_id, digest, kind, expires_at, used_at from mfa_code where person_id = :person and kind = :kind',
  params: { person: 'text', kind: 'text' },
  returns: code,
});

const selectCode = statement({
  reach: 'platform',
  sql: `select kind from mfa_code where person_id = :person and digest = :digest and used_at is null
    and (expires_at is null or expires_at > :now)`,
  params: { person: 'text', digest: 'bytes', now: 'int' },
  returns: { kind: 'text' },
});

const useCode = statement({
  reach: 'platform',
  sql: 'update mfa_code set used_at = :now where person_id = :person and digest = :digest and used_at is null',
  params: { person: 'text', digest: 'bytes', now: 'int' },
});

const deleteCodes = statement({
  reach: 'platform',
  sql: 'delete from mfa_code where person_id = :person and kind = :kind',
  params: { person: 'text', kind: 'text' },
});

const selectPolicy = statement({
  reach: 'tenant',
  sql: "select policy from mfa_policy where tenant_id = :tenant_id and name = 'policy'",
  returns: { policy: 'json' },
});

const updatePolicy = statement({
  reach: 'tenant',
  sql: "update mfa_policy set policy = :policy where tenant_id = :tenant_id and name = 'policy'",
  params: { policy: 'json' },
});

const insertPolicy = insertion({
  reach: 'tenant',
  table: 'mfa_policy',
  columns: { name: 'text', policy: 'json' },
  unless: ['name'],
});

export interface FactorRow {
  readonly id: string;
  readonly personId: PersonId;
  readonly method: 'totp' | CodeMethod;
  /** Sealed. */
  readonly details: string;
  readonly createdAt: EpochMs;
  readonly confirmedAt: EpochMs | undefined;
  readonly lastUsedAt: EpochMs | undefined;
  readonly code: SentCode | undefined;
}

/** The one code of a factor that may be answered. */
export interface SentCode {
  readonly digest: Uint8Array;
  readonly expiresAt: EpochMs;
}

/** Backup codes are ten that a person keeps; a recovery code is handed over by an administrator. */
export type CodeKind = 'backup' | 'recovery';

/** What codes of a person are digested under, and the backup codes as they were given out: both sealed. */
export interface PersonRow {
  readonly pepper: string;
  readonly backup: string | undefined;
}

export interface CodeRow {
  readonly digest: Uint8Array;
  readonly expiresAt: EpochMs | undefined;
  readonly usedAt: EpochMs | undefined;
}

export const mfaStore = {
  factors: async (tx: Tx, person: PersonId): Promise<readonly FactorRow[]> =>
    (await tx.all(selectFactors, { person })).map((row) => factorOf(row, person)),
  confirmed: async (tx: Tx, person: PersonId): Promise<number> => (await tx.one(countConfirmed, { person }))?.held ?? 0,
  add: (tx: Tx, { id, personId, method, details, createdAt, code }: FactorRow) =>
    tx.insert(insertFactor, [
      {
        ...{ id, person_id: personId, method, details, created_at: createdAt, confirmed_at: null, last_used_at: null },
        ...{ last_step: 0, code_tries: 0 },
        code_digest: code?.digest ?? null,
        code_expires_at: code?.expiresAt ?? null,
      },
    ]),
  remove: (tx: Tx, person: PersonId, id: string) => tx.run(deleteFactor, { person, id }),
  removePending: (tx: Tx, person: PersonId, method: string) => tx.run(deletePending, { person, method }),
  forgetPending: (tx: Tx, before: EpochMs) => tx.run(deleteForgotten, { before }),
  setDetails: (tx: Tx, person: PersonId, id: string, details: string) => tx.run(setDetails, { id, person, details }),
  /** `confirmed_at is null` decides which of two simultaneous confirmations counts. */
  confirm: (tx: Tx, id: string, now: EpochMs, step = 0) => tx.run(confirmFactor, { id, now, step }),
  /** `last_step < :step` lets each code count once, whoever asks at the same time. @returns 1 for that one */
  takeStep: (tx: Tx, id: string, step: number, now: EpochMs) => tx.run(takeStep, { id, step, now }),
  setCode: (tx: Tx, person: PersonId, id: string, { digest, expiresAt }: SentCode) =>
    tx.run(setCode, { id, person, digest, expires: expiresAt }),
  /** @returns 1 where the code was alive until now */
  takeCode: (tx: Tx, id: string, digest: Uint8Array, now: EpochMs) =>
    tx.run(takeCode, { id, digest, now, tries: MAX_TRIES }),
  /** Of the live codes that a wrong answer may have been meant for. */
  countTry: (tx: Tx, person: PersonId, method = '', id = '') => tx.run(countTry, { person, method, id }),
  person: async (tx: Tx, person: PersonId): Promise<PersonRow | undefined> => {
    const row = await tx.one(selectPerson, { person });
    return row && { pepper: row.pepper, backup: row.backup ?? undefined };
  },
  /** @returns false where there is one already */
  addPerson: async (tx: Tx, person: PersonId, pepper: string): Promise<boolean> =>
    (await tx.insert(insertPerson, [{ person_id: person, pepper, backup: null }])).length === 0,
  setBackup: (tx: Tx, person: PersonId, backup: string | null) => tx.run(setBackup, { person, backup }),
  codes: async (tx: Tx, person: PersonId, kind: CodeKind): Promise<readonly CodeRow[]> =>
    (await tx.all(selectCodes, { person, kind })).map(({ digest, expires_at, used_at }) => ({
      digest,
      expiresAt: timeOf(expires_at),
      usedAt: timeOf(used_at),
    })),
  addCodes: (
    tx: Tx,
    person: PersonId,
    kind: CodeKind,
    digests: readonly Uint8Array[],
    expires: EpochMs | null = null,
  ) =>
    tx.insert(
      insertCodes,
      digests.map((digest) => ({ person_id: person, digest, kind, expires_at: expires, used_at: null })),
    ),
  findCode: async (tx: Tx, person: PersonId, digest: Uint8Array, now: EpochMs): Promise<CodeKind | undefined> => {
    const row = await tx.one(selectCode, { person, digest, now });
    return row && (row.kind === 'backup' ? 'backup' : 'recovery');
  },
  /** @returns 1 for the one who used it */
  useCode: (tx: Tx, person: PersonId, digest: Uint8Array, now: EpochMs) => tx.run(useCode, { person, digest, now }),
  removeCodes: (tx: Tx, person: PersonId, kind: CodeKind) => tx.run(deleteCodes, { person, kind }),
  /** @returns how many factors there were */
  removeAll: async (tx: Tx, person: PersonId): Promise<number> => {
    const removed = await tx.run(deleteFactors, { person });
    await tx.run(deleteCodes, { person, kind: 'backup' });
    await tx.run(deleteCodes, { person, kind: 'recovery' });
    await tx.run(deletePerson, { person });
    return removed;
  },
  policy: async (tx: Tx): Promise<Json | undefined> => (await tx.one(selectPolicy, {}))?.policy,
  setPolicy: async (tx: Tx, policy: Json): Promise<void> => {
    if ((await tx.run(updatePolicy, { policy })) > 0) return;
    const left = await tx.insert(insertPolicy, [{ name: 'policy', policy }]);
    if (left.length > 0) await tx.run(updatePolicy, { policy }); // somebody else set one between the two
  },
};

function factorOf(row: RowOf<typeof factor>, personId: PersonId): FactorRow {
  const { id, details, code_digest, code_expires_at } = row;
  return {
    ...{ id, personId, details },
    method: row.method === 'totp' ? 'totp' : row.method === 'sms' ? 'sms' : 'email',
    createdAt: epochMs(row.created_at),
    confirmedAt: timeOf(row.confirmed_at),
    lastUsedAt: timeOf(row.last_used_at),
    code:
      code_digest === null || code_expires_at === null
        ? undefined
        : { digest: code_digest, expiresAt: epochMs(code_expires_at) },
  };
}

const timeOf = (at: number | null): EpochMs | undefined => (at === null ? undefined : epochMs(at));
