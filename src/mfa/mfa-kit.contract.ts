import assert from 'node:assert/strict';
import { auditMigrations, createAudit, memoryHead } from '../audit/index.ts';
import { deliveryMigrations } from '../delivery/index.ts';
import type { AuditEntry, AuditSink } from '../kernel/audit.ts';
import { personId, type TenantId, tenantId } from '../kernel/brand.ts';
import { isFault } from '../kernel/errors.ts';
import { type Actor, anonymous } from '../kernel/principal.ts';
import { createSystemRandom } from '../kernel/random.ts';
import { createMemoryHotState, createSqliteStorage, type Storage } from '../storage/index.ts';
import { createTestClock, type TestClock } from '../testing/index.ts';
import { createMasterKey, openVault, singleMaster, type Vault, vaultMigrations } from '../vault/index.ts';
import { mfaConfig } from './config.ts';
import { createMfa, type Mfa, type MfaDeps } from './mfa.ts';
import { mfaMigrations } from './migrations/index.ts';
import { hotpOf, stepAt } from './totp.ts';

export const ada = { id: personId('ada'), username: 'ada.lovelace' };
export const bob = { id: personId('bob'), username: 'bob' };
export const actor: Actor = { principal: anonymous, tenantId: tenantId('plant-1') };
export const PLANT: TenantId = tenantId('plant-1');
export const from = { addressBlock: '192.0.2.7' };

/** A message as it was handed to the outbox. */
export interface Sent {
  readonly kind: 'email' | 'sms' | 'event';
  readonly to?: string;
  readonly text: string;
}

/** The room on a migrated database, seen from two processes. */
export interface MfaKit {
  readonly clock: TestClock;
  readonly storage: Storage;
  readonly vault: Vault;
  readonly mfa: Mfa;
  readonly elsewhere: Mfa;
  readonly entries: AuditEntry[];
  readonly sent: Sent[];
  /** The roles of everybody in `PLANT`. */
  readonly roles: string[];
  readonly errors: unknown[];
  actions(): readonly string[];
  /** Sets a confirmed app up. @returns its secret, and the backup codes where they were made */
  enrol(person?: typeof ada): Promise<{ factorId: string; secret: Buffer; backupCodes: readonly string[] }>;
  /** What an app shows at the moment, or some steps off. */
  code(secret: Buffer, off?: number): string;
  /** The code in the newest message. */
  lastCode(): string;
}

export async function createMfaKit(
  storage: Storage = createSqliteStorage({ file: ':memory:', clock: createTestClock() }),
  config: object = {},
  more: Partial<MfaDeps> = {},
): Promise<MfaKit> {
  await storage.migrate([...vaultMigrations, ...auditMigrations, ...deliveryMigrations, ...mfaMigrations]);
  const clock = createTestClock();
  const random = createSystemRandom();
  const masters = singleMaster(createMasterKey(random.bytes(32), random));
  const vault = await openVault({ storage, clock, random, masters });
  const errors: unknown[] = [];
  const onError = (error: unknown) => void errors.push(error);
  const log = await createAudit({ storage, vault, clock, random, holder: 'test', head: memoryHead(), onError });
  const entries: AuditEntry[] = [];
  const audit: AuditSink = {
    record: async (tx, entry) => {
      await log.record(tx, entry);
      tx.afterCommit(() => entries.push(entry));
    },
  };
  const [sent, roles]: [Sent[], string[]] = [[], []];
  const deps: MfaDeps = {
    ...{ storage, vault, audit, clock, random, onError },
    delivery: outboxOf(sent),
    channels: { sms: true, email: true },
    hot: createMemoryHotState({ clock }),
    config: mfaConfig.parse({ sms: { countries: ['49', '1'] }, ...config }),
    issuer: 'https://twin.example',
    emailOf: async (_, person) => `${person}@mail.example`,
    membershipsOf: async () => new Map([[PLANT, roles]]),
    ...more,
  };
  const mfa = await createMfa(deps);
  const code = (secret: Buffer, off = 0): string => hotpOf(secret, stepAt(clock.now()) + off);
  return {
    ...{ clock, storage, vault, mfa, entries, sent, roles, errors, code },
    elsewhere: await createMfa(deps),
    actions: () => entries.map(({ action }) => action),
    enrol: async (person = ada) => {
      const begun = await mfa.beginTotp(actor, person);
      const secret = fromBase32(begun.secret);
      const { backupCodes = [] } = await mfa.confirm(actor, person.id, begun.factorId, code(secret));
      clock.advance(30_000);
      return { factorId: begun.factorId, secret, backupCodes };
    },
    lastCode: () => {
      const text = sent.findLast(({ kind, text }) => kind !== 'event' && /^\d{6} /.test(text))?.text;
      return text?.slice(0, 6) ?? assert.fail('no code was sent');
    },
  };
}

/** Keeps what becomes durable; nothing is kept of a write that failed. */
function outboxOf(sent: Sent[]): MfaDeps['delivery'] {
  return {
    enqueue: async (tx, { kind, to, text }) => {
      tx.afterCommit(() => sent.push({ kind, to, text }));
      return 'message';
    },
    publish: async (tx, { type, data }) => {
      tx.afterCommit(() => sent.push({ kind: 'event', text: `${type} ${JSON.stringify(data)}` }));
    },
  };
}

/** RFC 4648 §6, as an app reads it. */
export function fromBase32(text: string): Buffer {
  const bits = [...text.replace(/=+$/, '')].map((char) =>
    'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(char).toString(2).padStart(5, '0'),
  );
  return Buffer.from((bits.join('').match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2)));
}

export const fault = (code: string) => (error: unknown) => isFault(error, code);
