/**
 * A backup of a SQLite file of 200 MB, and its restore; figures are per megabyte. Twinkeep's (copied in a thread of its
 * own, wiped, checked, packed, sealed, synced), and what the same two libraries do with nothing around them.
 */
import { randomBytes } from 'node:crypto';
import { createReadStream, createWriteStream, mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { backup, DatabaseSync } from 'node:sqlite';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Decrypter, Encrypter } from 'age-encryption';
import { identityOfScalar, recipientOf } from '../../src/backups/age.ts';
import { writeArchive } from '../../src/backups/archive.ts';
import { readArchive } from '../../src/backups/archive-reader.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { openSnapshot, restoreSnapshot } from '../../src/storage/index.ts';
import { isInMemory } from '../machine.ts';
import type { MicroCases } from './case.ts';

const READINGS = 620_000;
const ENTRIES = 270_000;
const SEALED = 'tk1.v_20261121_120000_a1b2.';

/** A folder that goes with the process; on a disk, for a write in memory costs nothing. */
function newFolder(): string {
  const root = isInMemory(tmpdir()) ? join(import.meta.dirname, '..', 'results') : tmpdir();
  mkdirSync(root, { recursive: true });
  const folder = mkdtempSync(join(root, 'twinkeep-backup-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Readings with a sealed location, and entries of a log: two thirds of it are random to whoever has no key. */
function fill(file: string): void {
  const db = new DatabaseSync(file);
  db.exec(`pragma journal_mode = wal; pragma synchronous = off;
    create table twinkeep_migration (name text primary key, applied_at integer not null) strict;
    create table reading (tenant_id text not null, meter text not null, at integer not null, value real not null,
      location text not null, primary key (tenant_id, meter, at)) strict, without rowid;
    create table entry (id text not null primary key, at integer not null, body text not null) strict, without rowid;
    create index entry_at on entry (at); begin`);
  const reading = db.prepare('insert into reading values (?, ?, ?, ?, ?)');
  const entry = db.prepare('insert into entry values (?, ?, ?)');
  const sealed = (bytes: number): string => SEALED + randomBytes(bytes).toString('base64url');
  for (let i = 0; i < READINGS; i++) reading.run(`plant-${i % 7}`, `STEEL-${i % 50}`, i * 900_000, i / 7, sealed(68));
  for (let i = 0; i < ENTRIES; i++) {
    const body = { action: 'reading.written', object: { type: 'reading', id: `STEEL-${i % 50}` }, who: sealed(60) };
    entry.run(randomBytes(16).toString('hex'), i * 1_000, JSON.stringify(body));
  }
  db.exec('commit; pragma wal_checkpoint(truncate)');
  db.close();
}

async function ground() {
  const folder = newFolder();
  const [file, sealed, restored] = [join(folder, 'a.db'), join(folder, 'a.age'), join(folder, 'restored.db')];
  fill(file);
  const identity = identityOfScalar(randomBytes(32));
  const recipient = await recipientOf(identity);
  return { folder, file, sealed, restored, identity, recipient, each: Math.round(statSync(file).size / 1e6) };
}

type Ground = Awaited<ReturnType<typeof ground>>;

async function backUp({ folder, file, sealed, recipient }: Ground): Promise<void> {
  const of = { dialect: 'sqlite', file } as const;
  const snapshot = await openSnapshot({ of, migrations: [], without: [], scratch: folder });
  const { dialect, migrations } = snapshot;
  const header = { createdAt: '2026-11-25T10:00:00.000Z', dialect, version: '0', kind: 'main', migrations } as const;
  const trailer = () => ({ tables: snapshot.tables, extras: null });
  await writeArchive({ file: sealed, recipients: [recipient], header, parts: snapshot.parts(), trailer });
  await snapshot.close();
}

async function restore({ sealed, restored, identity }: Ground): Promise<void> {
  rmSync(restored, { force: true });
  const { parts } = await readArchive({ file: sealed, identities: [identity] });
  const to = { dialect: 'sqlite', file: restored } as const;
  await restoreSnapshot({ to, migrations: [], present: [], parts, clock: systemClock });
}

async function backUpByPackage({ file, sealed, recipient, folder }: Ground): Promise<void> {
  const copy = join(folder, 'copy.db');
  const db = new DatabaseSync(file, { readOnly: true });
  await backup(db, copy, { rate: 1_000_000 });
  db.close();
  const encrypter = new Encrypter();
  encrypter.addRecipient(recipient);
  const source = Readable.toWeb(createReadStream(copy));
  await pipeline(Readable.fromWeb(await encrypter.encrypt(source)), createWriteStream(sealed, { flush: true }));
  rmSync(copy);
}

async function restoreByPackage({ sealed, restored, identity }: Ground): Promise<void> {
  const decrypter = new Decrypter();
  decrypter.addIdentity(identity);
  const source = Readable.toWeb(createReadStream(sealed));
  await pipeline(Readable.fromWeb(await decrypter.decrypt(source)), createWriteStream(restored, { flush: true }));
}

export const backupCases: MicroCases = {
  'backup/twinkeep': async () => {
    const made = await ground();
    return { waits: true, run: () => backUp(made), each: made.each };
  },
  'backup/package': async () => {
    const made = await ground();
    return { waits: true, run: () => backUpByPackage(made), each: made.each };
  },
  'backup/restore': async () => {
    const made = await ground();
    await backUp(made);
    return { waits: true, run: () => restore(made), each: made.each };
  },
  'backup/restore-package': async () => {
    const made = await ground();
    await backUpByPackage(made);
    return { waits: true, run: () => restoreByPackage(made), each: made.each };
  },
};
