import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Audit, auditMigrations, createAudit, fileHead } from '../audit/index.ts';
import { personId, tenantId } from '../kernel/brand.ts';
import type { Actor } from '../kernel/principal.ts';
import { createSystemRandom } from '../kernel/random.ts';
import type { SealedField } from '../kernel/sealed.ts';
import { createSecret } from '../kernel/secret.ts';
import { inTenant, platform } from '../kernel/tx.ts';
import {
  createSqliteStorage,
  insertion,
  type Migration,
  openPostgresStorage,
  type Place,
  type Storage,
  statement,
} from '../storage/index.ts';
import { createTestClock, type TestClock } from '../testing/index.ts';
import {
  backupIdentityOf,
  createMasterKey,
  openVault,
  singleMaster,
  type Vault,
  vaultMigrations,
} from '../vault/index.ts';
import { type BackupDeps, type Backups, createBackups } from './backups.ts';
import { type BackupConfig, backupConfig } from './config.ts';
import type { BackupMaster } from './keystore-identities.ts';
import { sealedFields } from './keystore-identities.ts';
import { backupMigrations } from './migrations/index.ts';
import { type Restoration, type RestoreDeps, type RestoreWish, restoreBackup } from './restore.ts';

export const operator: Actor = { principal: { kind: 'operator', tenantId: tenantId('platform') } };
export const ada = personId('ada');
export const bob = personId('bob');

/** Tables as other rooms have them: of the platform, of tenants, and with values under the keys of people. */
const tryMigrations: readonly Migration[] = [
  {
    name: '202611250900_backups_trial',
    changes: [
      {
        kind: 'table',
        name: 'trial_note',
        rows: 'tenant',
        columns: { tenant_id: 'text', id: 'int', pair: 'int', sealed: 'text?' },
        key: ['tenant_id', 'id'],
      },
      {
        kind: 'table',
        name: 'trial_person',
        rows: 'platform',
        columns: { id: 'text', name: 'text', email: 'text?' },
        key: ['id'],
      },
    ],
  },
];

const migrations = [...vaultMigrations, ...auditMigrations, ...backupMigrations, ...tryMigrations];

const noteField: SealedField = {
  table: 'trial_note',
  column: 'sealed',
  rows: 'tenant',
  key: { id: 'int' },
  row: ({ id }) => String(id),
  under: 'tenant',
};
const personField: SealedField = {
  table: 'trial_person',
  column: 'email',
  rows: 'platform',
  key: { id: 'text' },
  row: ({ id }) => String(id),
  under: { subject: 'id' },
};

const putNote = insertion({
  reach: 'tenant',
  table: 'trial_note',
  columns: { id: 'int', pair: 'int', sealed: 'text?' },
});
const readNotes = statement({
  reach: 'tenant',
  sql: 'select id, pair, sealed from trial_note where tenant_id = :tenant_id order by id',
  returns: { id: 'int', pair: 'int', sealed: 'text?' },
});
const putPerson = insertion({
  reach: 'platform',
  table: 'trial_person',
  columns: { id: 'text', name: 'text', email: 'text?' },
});
const readPeople = statement({
  reach: 'platform',
  sql: 'select id, name, email from trial_person order by id',
  returns: { id: 'text', name: 'text', email: 'text?' },
});
const dropPerson = statement({
  reach: 'platform',
  sql: 'delete from trial_person where id = :id',
  params: { id: 'text' },
});
const readActions = statement({
  reach: 'platform',
  sql: 'select action from audit_entry order by at, id',
  returns: { action: 'text' },
});

/** A Twinkeep's lower half on a database of its own, with backups. */
export interface BackupKit {
  readonly folder: string;
  readonly backupFolder: string;
  readonly place: Place;
  readonly storage: Storage;
  readonly vault: Vault;
  readonly audit: Audit;
  readonly clock: TestClock;
  readonly backups: Backups;
  readonly deps: BackupDeps;
  readonly warned: string[];
  readonly errors: unknown[];
  close(): Promise<void>;
}

export interface KitOptions {
  readonly place?: Place;
  readonly folder?: string;
  readonly clock?: TestClock;
  readonly config?: Partial<BackupConfig>;
  readonly master?: Partial<BackupMaster>;
  readonly overrides?: Partial<BackupDeps>;
}

export const MASTER = Buffer.alloc(32, 'the master key of all these tests');

export function masterFor(bytes: Uint8Array = MASTER): BackupMaster {
  const { id } = createMasterKey(bytes, createSystemRandom());
  const scalar = backupIdentityOf(bytes);
  return { id, provider: 'file', scalar, bytes: createSecret(bytes), sharesMadeAt: undefined };
}

const open = (place: Place, clock: TestClock): Storage | Promise<Storage> =>
  place.dialect === 'sqlite'
    ? createSqliteStorage({ file: place.file, clock })
    : openPostgresStorage({ url: place.url, clock });

export async function openBackupKit(options: KitOptions = {}): Promise<BackupKit> {
  const folder = options.folder ?? (await mkdtemp(join(tmpdir(), 'twinkeep-backups-')));
  const clock = options.clock ?? createTestClock();
  const place: Place = options.place ?? { dialect: 'sqlite', file: join(folder, 'twinkeep.db') };
  const storage = await open(place, clock);
  await storage.migrate(migrations);
  const random = createSystemRandom();
  const masters = singleMaster(createMasterKey(MASTER, random));
  const vault = await openVault({ storage, masters, clock, random });
  const errors: unknown[] = [];
  const onError = (error: unknown): void => void errors.push(error);
  const head = fileHead(join(folder, 'audit.head'));
  const audit = await createAudit({ storage, vault, clock, random, holder: 'kit', head, onError });
  const backupFolder = join(folder, 'backups');
  const warned: string[] = [];
  const deps: BackupDeps = {
    storage,
    place,
    vault,
    masters,
    master: async () => ({ ...masterFor(), ...options.master }),
    audit,
    clock,
    random,
    config: { ...backupConfig.parse({}), ...options.config },
    folder: backupFolder,
    migrations,
    sealedFields: [...sealedFields, noteField, personField],
    version: '0.0.0-test',
    holder: 'kit',
    onWarn: (message) => void warned.push(message),
    onError,
    ...options.overrides,
  };
  const backups = createBackups(deps);
  const close = async (): Promise<void> => {
    await storage.close();
    await rm(folder, { recursive: true, force: true });
  };
  return { folder, backupFolder, place, storage, vault, audit, clock, backups, deps, warned, errors, close };
}

/** Writes pairs of notes, both in one write, into a tenant. */
export async function addNotes({ storage, vault }: BackupKit, tenant: string, from: number, count: number) {
  const scope = inTenant(tenantId(tenant));
  const fields = await vault.fields(tenantId(tenant));
  for (let pair = from; pair < from + count; pair++) {
    const rows = [pair * 2, pair * 2 + 1].map((id) => ({
      id,
      pair,
      sealed: fields.seal({ table: 'trial_note', column: 'sealed', row: String(id) }, `note ${id}`),
    }));
    await storage.write(scope, (tx) => tx.insert(putNote, rows));
  }
}

export async function addPerson({ storage, vault, audit }: BackupKit, id: typeof ada, email: string): Promise<void> {
  await storage.write(platform, async (tx) => {
    const sealed = await vault.subjects.seal(tx, id, 'trial_person.email', email);
    await tx.insert(putPerson, [{ id, name: `name of ${id}`, email: sealed }]);
    await audit.record(tx, {
      ...operator,
      action: 'person.created',
      outcome: 'done',
      personal: { subject: id, values: { email } },
    });
  });
}

export async function notesOf(storage: Storage, vault: Vault, tenant: string): Promise<readonly string[]> {
  const rows = await storage.read(inTenant(tenantId(tenant)), (tx) => tx.all(readNotes, {}));
  const fields = await vault.fields(tenantId(tenant));
  return rows.map(({ id, sealed }) =>
    fields.open({ table: 'trial_note', column: 'sealed', row: String(id) }, sealed ?? ''),
  );
}

export const peopleOf = (storage: Storage) => storage.read(platform, (tx) => tx.all(readPeople, {}));
export const actionsOf = async (storage: Storage): Promise<readonly string[]> =>
  (await storage.read(platform, (tx) => tx.all(readActions, {}))).map(({ action }) => action);

/** Restores into a place of its own, opens what came out, and hands it over. */
export async function restoreKit(
  kit: BackupKit,
  wish: Partial<RestoreWish> & Pick<RestoreWish, 'folder'>,
  deps: Partial<RestoreDeps> = {},
): Promise<Restoration> {
  const [newest] = await kit.backups.list();
  return restoreBackup(
    {
      clock: kit.clock,
      random: createSystemRandom(),
      migrations,
      erasers: [async (tx, subject) => void (await tx.run(dropPerson, { id: subject }))],
      mend: async () => undefined,
      onError: (error) => kit.errors.push(error),
      onProgress: () => undefined,
      ...deps,
    },
    {
      file: join(kit.backupFolder, newest?.file ?? 'none'),
      keystore: join(kit.backupFolder, 'keystore.age'),
      key: { master: createSecret(MASTER), identity: undefined },
      database: { dialect: 'sqlite', file: join(wish.folder, 'twinkeep.db') },
      backups: join(wish.folder, 'backups'),
      keepsMaster: true,
      replace: false,
      ...wish,
    },
  );
}

export async function openRestored(place: Place, clock: TestClock): Promise<{ storage: Storage; vault: Vault }> {
  const storage = await open(place, clock);
  const random = createSystemRandom();
  const vault = await openVault({ storage, masters: singleMaster(createMasterKey(MASTER, random)), clock, random });
  return { storage, vault };
}
