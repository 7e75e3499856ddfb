import { sha256 } from '../crypto/index.ts';
import { epochMs } from '../kernel/brand.ts';
import { type Clock, rfc3339, seconds } from '../kernel/clock.ts';
import { type Json, platform } from '../kernel/tx.ts';
import type { Migration, TableCopy, TableRows } from '../storage/index.ts';
import { writeArchive } from './archive.ts';
import { collectArchive } from './archive-reader.ts';
import { type LeaseDeps, underLease } from './backups-lease.ts';
import { backupFault } from './errors.ts';
import { createKeystoreFile, type LyingKeystore } from './keystore-file.ts';
import {
  type BackupIdentity,
  type BackupMaster,
  type Identities,
  proofOf,
  recipientsOf,
} from './keystore-identities.ts';
import { backupStore, type NeededKeys } from './store.ts';

export { isProvenBy } from './keystore-identities.ts';

/** The name of the one file that is replaced whenever a key is made or destroyed. */
export const KEYSTORE_FILE = 'keystore.age';

/** What the wrapped keys of a database are backed up as. */
export interface Keystore {
  readonly createdAt: number;
  /** Not below that of any backup which its keys open; undefined in one from before there was any. */
  readonly sequence: number | undefined;
  /** The name of the audit log's key: tells one database from another. */
  readonly origin: string;
  readonly tables: readonly TableRows[];
  /** Of earlier master keys, for the backups that were made under them. */
  readonly identities: readonly BackupIdentity[];
  /** The master key itself, where it was put in for the holders of other identities. */
  readonly master: { readonly id: string; readonly bytes: Buffer } | undefined;
  /** Shows who made it. */
  readonly proof: string;
}

export interface KeystoreDeps extends LeaseDeps {
  readonly clock: Clock;
  readonly identities: Identities;
  readonly master: () => Promise<BackupMaster>;
  readonly origin: string;
  readonly recipients: readonly string[];
  readonly version: string;
  readonly migrations: readonly string[];
  /** Reads the tables that hold wrapped keys. */
  readonly copy: TableCopy;
  /** The file that is replaced. */
  readonly file: string;
  readonly onWarn: (message: string) => void;
}

/** Keeps the backup of the keys in step with the keys. */
export interface KeystoreKeeper {
  /** The data keys that values may be sealed under now. */
  needed(): Promise<NeededKeys>;
  /**
   * Replaces the file, so that what was destroyed is in no copy of ours any more; also where it is not the one that was
   * written last.
   *
   * @param always also where nothing has changed since
   * @throws BACKUP_MASTER_CHANGING, BACKUP_RUNNING where another process has been writing it for too long
   */
  refresh(always: boolean): Promise<void>;
  /** Of what was written last, here or as the file says; 0 where nothing was. */
  sequence(): Promise<number>;
  /** What is wrong with the file, as the end of a sentence. @param sequence of the newest backup, which it must open */
  doubt(sequence: number): Promise<string | undefined>;
}

const PATIENCE_MS = seconds(20); // longer than the lease of one that was killed

export function createKeystoreKeeper(deps: KeystoreDeps): KeystoreKeeper {
  const { storage, clock, identities, version, migrations, origin } = deps;
  const file = createKeystoreFile(deps.file, origin);
  let last = 0;
  let turn: Promise<void> = Promise.resolve();

  const opening = async (): Promise<readonly string[]> => (await identities.all()).map(({ identity }) => identity);

  async function refreshNow(always: boolean): Promise<void> {
    await file.clearPartials();
    await identities.remember();
    const [master, all, tables] = [await deps.master(), await identities.all(), await deps.copy.read(storage)];
    assertOneMaster(tables, master.id);
    const recipients = await recipientsOf(master, deps.recipients);
    const text = linesOf(tables);
    const secrets = { identities: all.map((one) => ({ ...one })), master: masterOf(master, deps.recipients) };
    const digest = sha256(JSON.stringify([recipients, secrets, text])).toString('hex');
    const lying = await file.look(opening);
    const isOurs = lying.kind === 'ours';
    if (!always && isOurs && lying.digest === digest) return;
    if (!isOurs && (!always || last > 0)) deps.onWarn(`The keystore of backups ${flawOf(lying)}; it is written anew.`);

    const rows = await storage.read(platform, backupStore.lastSequence);
    const sequence = 1 + Math.max(last, rows, isOurs ? lying.sequence : 0);
    const now = clock.now();
    const proof = proofOf(identityIn(all, master.id), 'keystore', String(now));
    await writeArchive({
      file: deps.file,
      partial: `${deps.file}.${deps.random.bytes(4).toString('hex')}.partial`,
      recipients,
      header: { createdAt: rfc3339(now), dialect: storage.dialect, version, kind: 'keystore', migrations, sequence },
      parts: partsOf(text),
      trailer: () => ({
        tables: tables.map(({ name, rows }) => ({ name, rows: rows.length })),
        extras: { origin, proof, digest, ...secrets },
      }),
    });
    last = sequence;
    await file.wrote(digest, sequence);
  }

  return {
    needed: async () => neededIn(await deps.copy.read(storage)),
    refresh: (always) => {
      const after = () => underLease(deps, 'backups.keystore', PATIENCE_MS, () => refreshNow(always));
      const mine = turn.then(after);
      turn = mine.catch(() => undefined); // its own caller hears of it
      return mine;
    },
    sequence: async () => {
      const lying = await file.look(opening);
      return Math.max(last, lying.kind === 'ours' ? lying.sequence : 0);
    },
    doubt: async (sequence) => {
      const lying = await file.look(opening);
      if (lying.kind !== 'ours') return flawOf(lying);
      return lying.sequence < sequence ? 'is an old one, which lacks keys of the newest backup' : undefined;
    },
  };
}

function flawOf(lying: Exclude<LyingKeystore, { kind: 'ours' }>): string {
  return lying.kind === 'missing' ? 'is not there' : `is not the one that was written (${lying.reason})`;
}

/**
 * Reads a keystore whole. It is small: keys, and no values.
 *
 * @throws BACKUP_UNREADABLE, BACKUP_FOREIGN for one that is no keystore
 */
export async function openKeystore(file: string, identities: readonly string[]): Promise<Keystore> {
  const { header, trailer, parts } = await collectArchive(file, identities);
  if (header.kind !== 'keystore') throw backupFault('BACKUP_FOREIGN', { reason: `${file} is not a keystore` });
  const extras = Object(trailer.extras);
  const bytes = typeof extras.master?.bytes === 'string' ? Buffer.from(extras.master.bytes, 'base64') : undefined;
  return {
    createdAt: epochMs(Date.parse(header.createdAt)),
    sequence: header.sequence,
    origin: String(extras.origin),
    tables: [...parts].map(([name, content]) => ({ name, rows: rowsIn(content) })),
    identities: listOf(extras.identities).map((one) => ({
      master: String(one.master),
      identity: String(one.identity),
    })),
    master: bytes === undefined ? undefined : { id: String(extras.master.id), bytes },
    proof: String(extras.proof),
  };
}

/** The versions of data keys that values may be sealed under, by tenant; those that were emptied hold none. */
function neededIn(tables: readonly TableRows[]): NeededKeys {
  const needed: Record<string, string[]> = {};
  for (const row of rowsOf(tables, 'vault_data_key')) {
    if (isThere(row['destroyed_at']) || isThere(row['emptied_at'])) continue;
    const tenant = String(row['tenant']);
    needed[tenant] = [...(needed[tenant] ?? []), String(row['version'])];
  }
  return needed;
}

/** Both lists in one: between the one and the other a version may have been emptied, or made. */
export function joinNeeded(a: NeededKeys, b: NeededKeys): NeededKeys {
  const tenants = new Set([...Object.keys(a), ...Object.keys(b)]);
  return Object.fromEntries(
    [...tenants].map((tenant) => [tenant, [...new Set([...(a[tenant] ?? []), ...(b[tenant] ?? [])])]]),
  );
}

/** Needed versions that a keystore does not open: `destroyed` on purpose, or `missing`, which it must never be. */
export function lackingIn(
  tables: readonly TableRows[],
  needed: NeededKeys,
): { destroyed: string[]; missing: string[] } {
  const found = new Map(
    rowsOf(tables, 'vault_data_key').map((row) => [`${row['tenant']}/${row['version']}`, isThere(row['destroyed_at'])]),
  );
  const wanted = Object.entries(needed).flatMap(([tenant, versions]) =>
    versions.map((version) => `${tenant}/${version}`),
  );
  return {
    destroyed: wanted.filter((name) => found.get(name) === true),
    missing: wanted.filter((name) => !found.has(name)),
  };
}

/** Keys that were destroyed, by the tombstones that came with the others: `<purpose> <name>`. */
export const erasedKeysIn = (tables: readonly TableRows[]): readonly string[] =>
  rowsOf(tables, 'vault_erased').map((row) => `${row['purpose']} ${row['name']}`);

/** People whose keys were destroyed. */
export const erasedPeopleIn = (tables: readonly TableRows[]): readonly string[] =>
  rowsOf(tables, 'vault_erased')
    .filter((row) => row['purpose'] === 'subject' && !String(row['name']).startsWith('month-'))
    .map((row) => String(row['name']));

/** The tables that hold wrapped keys, and so are no part of a backup's values. */
export const keyTablesOf = (migrations: readonly Migration[]): readonly string[] =>
  migrations
    .flatMap(({ changes }) => changes)
    .filter((change) => change.kind === 'table')
    .map(({ name }) => name)
    .filter((name) => name.startsWith('vault_'));

type Row = Readonly<Record<string, Json>>;

function rowsOf(tables: readonly TableRows[], name: string): readonly Row[] {
  return tables.find((table) => table.name === name)?.rows ?? [];
}

const isThere = (value: Json | undefined): boolean => value !== null && value !== undefined;
const listOf = (value: unknown): readonly { master?: unknown; identity?: unknown }[] =>
  Array.isArray(value) ? value.map(Object) : [];

/** While keys pass from one master key to the next, neither of them opens all that would be in the file. */
function assertOneMaster(tables: readonly TableRows[], id: string): void {
  const masters = rowsOf(tables, 'vault_master');
  const oldest = [...masters].sort((a, b) => Number(a['created_at']) - Number(b['created_at']))[0];
  const keys = [...rowsOf(tables, 'vault_data_key'), ...rowsOf(tables, 'vault_named_key')];
  const mixed = keys.some((row) => !isThere(row['destroyed_at']) && (row['master'] ?? oldest?.['id']) !== id);
  if (mixed) throw backupFault('BACKUP_MASTER_CHANGING');
}

function masterOf({ id, provider, bytes }: BackupMaster, recipients: readonly string[]): Json {
  if (provider !== 'file' || recipients.length === 0) return null;
  return { id, bytes: Buffer.from(bytes.reveal()).toString('base64') };
}

function identityIn(all: readonly BackupIdentity[], master: string): string {
  const found = all.find((one) => one.master === master);
  if (found === undefined)
    throw new TypeError('the identity of the present master key is not among those that are held');
  return found.identity;
}

/** A table to a line, so that a reader needs no more memory than one table takes. */
const linesOf = (tables: readonly TableRows[]): readonly { name: string; text: string }[] =>
  tables.map(({ name, rows }) => ({ name, text: JSON.stringify(rows) }));

async function* partsOf(lines: readonly { name: string; text: string }[]) {
  for (const { name, text } of lines) yield { name, content: once(Buffer.from(text)) };
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

function rowsIn(content: Uint8Array): readonly Row[] {
  try {
    const rows: unknown = JSON.parse(Buffer.from(content).toString());
    return Array.isArray(rows) ? rows : [];
  } catch (error) {
    throw backupFault('BACKUP_UNREADABLE', { reason: 'a table of keys is no JSON' }, error);
  }
}
