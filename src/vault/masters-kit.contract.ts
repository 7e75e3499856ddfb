import assert from 'node:assert/strict';
import type { AuditEntry } from '../kernel/audit.ts';
import { personId, tenantId } from '../kernel/brand.ts';
import { isFault } from '../kernel/errors.ts';
import { type Actor, anonymous } from '../kernel/principal.ts';
import { createSystemRandom } from '../kernel/random.ts';
import { createSecret, type Secret } from '../kernel/secret.ts';
import { platform } from '../kernel/tx.ts';
import { createSqliteStorage, insertion, type Storage, statement } from '../storage/index.ts';
import { createTestClock, type TestClock } from '../testing/index.ts';
import { createMasterActs } from './master-acts.ts';
import { createMasterRotation, type MasterRotator, type RotationStep } from './master-rotation.ts';
import type { OpenMasters } from './masters.ts';
import { vaultMigrations } from './migrations/index.ts';
import { openMasters } from './open-masters.ts';
import { aadOf } from './place.ts';
import type { MasterKeyProvider } from './provider.ts';
import { openVault, type Vault } from './vault.ts';

export const random = createSystemRandom();
const north = tenantId('north');
const ada = personId('ada');
const operator: Actor = { principal: { kind: 'operator', tenantId: north } };
export const nobody: Actor = { principal: anonymous };
export const GRACE_MS = 3_600_000;
export const LEAD_MS = 15_000;

/** One process of a Twinkeep, as far as master keys go. */
export interface Process {
  readonly storage: Storage;
  readonly clock: TestClock;
  readonly masters: OpenMasters;
  readonly rotator: MasterRotator;
  readonly acts: ReturnType<typeof createMasterActs>;
  readonly vault: Vault;
  readonly entries: AuditEntry[];
  readonly errors: unknown[];
}

export interface ProcessOptions {
  readonly provider: MasterKeyProvider;
  readonly storage: Storage;
  readonly clock?: TestClock;
  readonly previous?: readonly Secret<Buffer>[];
  readonly leadMs?: number;
  readonly onStep?: (step: RotationStep, keys: number) => void;
  /** What happens elsewhere while a rotation waits. */
  readonly meanwhile?: () => Promise<void>;
}

/** A database with the vault's tables alone. */
export async function emptyDatabase(file = ':memory:', clock = createTestClock()): Promise<Storage> {
  const storage = createSqliteStorage({ file, clock });
  await storage.migrate(vaultMigrations);
  return storage;
}

export async function startProcess(options: ProcessOptions): Promise<Process> {
  const { provider, storage, previous, onStep, meanwhile, clock = createTestClock(), leadMs = 0 } = options;
  const errors: unknown[] = [];
  const entries: AuditEntry[] = [];
  const audit = { record: async (_: unknown, entry: AuditEntry) => void entries.push(entry) };
  const onError = (error: unknown): void => void errors.push(error);
  const masters = await openMasters({ storage, provider, previous, clock, random, graceMs: GRACE_MS, leadMs, onError });
  const wait = async (ms: number): Promise<void> => {
    clock.advance(ms);
    await meanwhile?.();
  };
  const step = onStep === undefined ? {} : { onStep };
  const deps = { storage, masters, provider, audit, clock, random, operator, leadMs, wait, ...step };
  const rotator = createMasterRotation(deps);
  const acts = createMasterActs({ storage, masters, rotator, audit, clock, random });
  const vault = await openVault({ storage, masters, clock, random });
  return { storage, clock, masters, rotator, acts, vault, entries, errors };
}

const place = { table: 'meter', column: 'location', row: '1' };

export async function sealSome({ vault, storage }: Process): Promise<{ field: string; subject: string }> {
  const field = (await vault.fields(north)).seal(place, 'cellar');
  const subject = await storage.write(platform, (tx) => vault.subjects.seal(tx, ada, 'email', 'ada@example.com'));
  return { field, subject };
}

export async function assertOpens({ vault, storage }: Process, sealed: { field: string; subject: string }) {
  assert.equal((await vault.fields(north)).open(place, sealed.field), 'cellar');
  const email = await storage.read(platform, (tx) => vault.subjects.open(tx, ada, 'email', sealed.subject));
  assert.equal(email, 'ada@example.com');
}

const NAMED = { purpose: 'text', name: 'text', wrapped: 'bytes', created_at: 'int', master: 'text?' } as const;
const insertNamed = insertion({ reach: 'platform', table: 'vault_named_key', columns: NAMED });
const selectNamed = statement({
  reach: 'platform',
  sql: 'select purpose, name, wrapped, created_at, master from vault_named_key order by name',
  returns: NAMED,
});
const selectData = statement({
  reach: 'platform',
  sql: 'select tenant, version, wrapped, master from vault_data_key order by tenant, version',
  returns: { tenant: 'text', version: 'text', wrapped: 'bytes', master: 'text?' },
});

/** Subject keys in plenty, as a database from before masters were named holds them where `master` is null. */
export async function addSubjects(
  { storage, masters, clock }: Process,
  count: number,
  master: string | null,
  first = 0,
): Promise<void> {
  const { current } = masters;
  for (let at = first; at < first + count; at += 5_000) {
    const names = Array.from({ length: Math.min(5_000, first + count - at) }, (_, index) => `person-${at + index}`);
    const rows = names.map((name) => {
      const wrapped = current.wrap(Buffer.alloc(32, name), aadOf('subject-key', name));
      return { purpose: 'subject', name, wrapped, created_at: clock.now(), master };
    });
    await storage.write(platform, (tx) => tx.insert(insertNamed, rows));
  }
}

/** Every key opens under the master that it names, the first where it names none. @returns those masters */
export async function mastersInUse({ storage, masters }: Pick<Process, 'storage' | 'masters'>): Promise<Set<string>> {
  const first = masters.known[0]?.id ?? '';
  const used = new Set<string>();
  const named = await storage.read(platform, (tx) => tx.all(selectNamed, {}));
  for (const { purpose, name, wrapped, master } of named) {
    const key = masters.of(master).unwrap(wrapped, aadOf(`${purpose}-key`, name));
    if (name.startsWith('person-')) assert.deepEqual(key, Buffer.alloc(32, name));
    used.add(master ?? first);
  }
  for (const { tenant, version, wrapped, master } of await storage.read(platform, (tx) => tx.all(selectData, {}))) {
    masters.of(master).unwrap(wrapped, aadOf('data-key', tenant, version));
    used.add(master ?? first);
  }
  return used;
}

export const secretKey = (): Secret<Buffer> => createSecret(random.bytes(32));
export const textOf = (bytes: Secret<Buffer>): Secret => createSecret(bytes.reveal().toString('base64'));

export function expectFault(code: string, work: () => unknown): void {
  assert.throws(work, (error) => {
    if (isFault(error, code)) return true;
    throw new Error(`expected ${code}`, { cause: error });
  });
}
