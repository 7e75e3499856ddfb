import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, stat, statfs, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { promisify } from 'node:util';
import { zstdCompressSync } from 'node:zlib';
import { isFault } from '../kernel/errors.ts';
import { encryptAge, identityOfScalar, recipientOf } from './age.ts';
import { writeArchive } from './archive.ts';
import type { ArchiveHeader, ArchivePart } from './archive-format.ts';
import { collectArchive, readArchive, verifyArchive } from './archive-reader.ts';

const identity = identityOfScalar(Buffer.alloc(32, 9));
const recipients = [await recipientOf(identity)];
const header: ArchiveHeader = {
  createdAt: '2026-11-25T10:00:00.000Z',
  dialect: 'sqlite',
  version: '0.1.0',
  kind: 'main',
  migrations: ['202611210001_storage_lease'],
};
const extras = { audit: { size: 3 }, keys: { north: ['v_1'] } };
const trailer = () => ({ tables: [{ name: 'person', rows: 3 }], extras });

async function* piecesOf(bytes: Uint8Array, size = 100_000): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function* partsOf(contents: Readonly<Record<string, Uint8Array>>): AsyncGenerator<ArchivePart> {
  for (const [name, bytes] of Object.entries(contents)) yield { name, content: piecesOf(bytes) };
}

async function folderFor(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'twinkeep-archive-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

const write = (file: string, contents: Readonly<Record<string, Uint8Array>>) =>
  writeArchive({ file, recipients, header, parts: partsOf(contents), trailer });

async function expectUnreadable(promise: Promise<unknown>, what: string): Promise<void> {
  await assert.rejects(promise, (error) => isFault(error, 'BACKUP_UNREADABLE'), what);
}

test('an archive gives back what was put in, and says of itself what was said', async (t) => {
  const file = join(await folderFor(t), 'a.age');
  const contents = {
    database: Buffer.concat([randomBytes(700_000), Buffer.alloc(3_000_000, 'page '), randomBytes(5)]),
    'table/empty': Buffer.alloc(0),
    'table/person': Buffer.from('ada'),
    'table/even': randomBytes(2 * 262_144),
  };
  let heard = 0;
  const made = await writeArchive({
    file,
    recipients,
    header,
    parts: partsOf(contents),
    trailer,
    onProgress: (bytes) => {
      assert.ok(bytes >= heard);
      heard = bytes;
    },
  });
  assert.equal(
    heard,
    Object.values(contents).reduce((sum, bytes) => sum + bytes.length, 0),
  );
  const bytes = await readFile(file);
  assert.equal(made.size, bytes.length);
  assert.equal(made.sha256, createHash('sha256').update(bytes).digest('hex'));
  assert.ok(made.size < 2_000_000, 'it is packed');
  assert.equal((await stat(file)).mode & 0o777, 0o600);

  const read = await collectArchive(file, [identity]);
  assert.deepEqual(read.header, header);
  assert.deepEqual(Object.fromEntries(read.parts), contents);
  assert.deepEqual(read.trailer, { parts: made.parts, ...trailer() });
  assert.deepEqual(await verifyArchive(file, [identity]), { header, trailer: read.trailer });
});

test('parts that nobody reads are passed over, and one that is left in its middle is an error', async (t) => {
  const file = join(await folderFor(t), 'a.age');
  await write(file, { one: randomBytes(600_000), two: Buffer.from('two') });
  const archive = await readArchive({ file, identities: [identity] });
  const names: string[] = [];
  for await (const { name } of archive.parts) names.push(name);
  assert.deepEqual(names, ['one', 'two']);
  assert.deepEqual((await archive.trailer()).extras, extras);

  const left = await readArchive({ file, identities: [identity] });
  const leaving = async (): Promise<void> => {
    for await (const { content } of left.parts) for await (const _ of content) break;
  };
  await assert.rejects(leaving(), TypeError);
  await expectUnreadable(left.trailer(), 'no trailer without the rest');
  await (await readArchive({ file, identities: [identity] })).close();
});

// Attack: a byte is changed, anywhere; the end is cut off, anywhere; something is added.
test('every flipped byte, every cut and every addition is refused', async (t) => {
  const folder = await folderFor(t);
  const [file, bad] = [join(folder, 'a.age'), join(folder, 'bad.age')];
  await write(file, { one: Buffer.from('one'), two: randomBytes(40) });
  const good = await readFile(file);
  const check = async (bytes: Uint8Array, what: string): Promise<void> => {
    await writeFile(bad, bytes);
    await expectUnreadable(verifyArchive(bad, [identity]), what);
  };
  for (let at = 0; at < good.length; at++) {
    const altered = Buffer.from(good);
    altered.writeUInt8(altered.readUInt8(at) ^ 0x10, at);
    await check(altered, `byte ${at} flipped`);
    await check(good.subarray(0, at), `cut at ${at}`);
  }
  await check(Buffer.concat([good, Buffer.from([0])]), 'a byte added');
  await check(Buffer.concat([good, good]), 'twice');
  await verifyArchive(file, [identity]);
});

// Attack: whoever knows a recipient can seal what he likes for it.
test('an archive that was sealed well and is misshapen inside is refused', async (t) => {
  const file = join(await folderFor(t), 'forged.age');
  const forge = async (...pieces: readonly (string | Uint8Array)[]): Promise<Promise<unknown>> => {
    const plain = Buffer.concat(pieces.map((piece) => Buffer.from(piece)));
    const sealed: Uint8Array[] = [];
    for await (const piece of encryptAge(recipients, piecesOf(plain))) sealed.push(piece);
    await writeFile(file, Buffer.concat(sealed));
    return verifyArchive(file, [identity]);
  };
  const start = headerWith({});
  const part = frame(1, JSON.stringify({ name: 'one' }));
  const end = frame(4, '');
  const fine = [start, part, frame(2, 'one'), end];
  const last = (parts: readonly object[]) => frame(5, JSON.stringify({ parts, tables: [], extras: null }));
  const one = { name: 'one', size: 3, sha256: createHash('sha256').update('one').digest('hex') };
  const bomb = zstdCompressSync(Buffer.alloc(50_000_000));
  await forge(...fine, last([one])); // so that the others are refused for what is wrong with them alone

  const wrong: Readonly<Record<string, readonly (string | Uint8Array)[]>> = {
    'no trailer': fine,
    'something behind its end': [...fine, last([one]), frame(1, '{}')],
    'a part too few': [start, last([one])],
    'a part too many': [...fine, last([])],
    'another digest': [...fine, last([{ ...one, sha256: '0'.repeat(64) }])],
    'another size': [...fine, last([{ ...one, size: 4 }])],
    'another name': [...fine, last([{ ...one, name: 'two' }])],
    'a part twice': [...fine, part, frame(2, 'one'), end, last([one, one])],
    'a part within a part': [start, part, part, end, end, last([one])],
    'a block outside of a part': [start, frame(2, 'one'), last([])],
    'an unknown frame': [start, frame(9, 'x'), last([])],
    'a frame without its rest': [start, part, Buffer.from([2, 0, 0, 0, 9, 1])],
    'a frame of four gigabytes': [start, part, Buffer.from([2, 255, 255, 255, 255])],
    'a bomb': [start, part, frame(3, Buffer.concat([sizeOf(262_144), bomb])), end, last([one])],
    'a bomb that says so': [start, part, frame(3, Buffer.concat([sizeOf(50_000_000), bomb])), end, last([one])],
    'a block that is no zstd': [
      start,
      part,
      frame(3, Buffer.concat([sizeOf(3), Buffer.from('one')])),
      end,
      last([one]),
    ],
    'a path for a name': [start, frame(1, JSON.stringify({ name: '../../etc/passwd' })), end, last([])],
    'a header with more in it': [headerWith({ more: 1 }), last([])],
    'a header that is no JSON': ['twinkeep-backup 1\n{\n', last([])],
    'another file': ['SQLite format 3\0'],
    'a header without end': ['twinkeep-backup 1\n', Buffer.alloc(2_000_000, ' ')],
  };
  for (const [what, pieces] of Object.entries(wrong)) await expectUnreadable(forge(...pieces), what);
  await assert.rejects(forge('twinkeep-backup 2\n'), (error) => isFault(error, 'BACKUP_NEWER'));
});

const headerWith = (more: object): string =>
  `twinkeep-backup 1\n${JSON.stringify({ created_at: header.createdAt, dialect: 'sqlite', twinkeep: '1', kind: 'main', migrations: [], ...more })}\n`;

function sizeOf(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

function frame(kind: number, payload: string | Uint8Array): Buffer {
  const bytes = Buffer.from(payload);
  return Buffer.concat([Buffer.from([kind]), sizeOf(bytes.length), bytes]);
}

test('a backup that fails half-way leaves the one before, and nothing else', async (t) => {
  const folder = await folderFor(t);
  const file = join(folder, 'a.age');
  await write(file, { one: Buffer.from('before') });
  await writeFile(`${file}.partial`, 'of a process that was killed');
  const failing = async function* (): AsyncGenerator<ArchivePart> {
    yield { name: 'one', content: piecesOf(randomBytes(5_000_000)) };
    throw new Error('the database went away');
  };
  const wish = { file, recipients, header, trailer };
  await assert.rejects(writeArchive({ ...wish, parts: failing() }), /the database went away/);
  await assert.rejects(writeArchive({ ...wish, recipients: ['age1nobody'], parts: partsOf({}) }));
  await assert.rejects(writeArchive({ ...wish, file: join(folder, 'no', 'b.age'), parts: partsOf({}) }), {
    code: 'ENOENT',
  });
  assert.deepEqual(await readdir(folder), ['a.age']);
  assert.equal((await collectArchive(file, [identity])).parts.get('one')?.toString(), 'before');

  await write(file, { one: Buffer.from('after') });
  assert.equal((await collectArchive(file, [identity])).parts.get('one')?.toString(), 'after');
});

test('a disk that is full is told as that; the backup before stays whole', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'twinkeep-small-'));
  const run = promisify(execFile);
  try {
    await run('mount', ['-t', 'tmpfs', '-o', 'size=8388608', 'tmpfs', folder]);
  } catch (error) {
    await rm(folder, { recursive: true });
    return t.skip(`no file system may be mounted here: ${error instanceof Error ? error.message : error}`);
  }
  t.after(async () => {
    await run('umount', ['-l', folder]);
    await rm(folder, { recursive: true });
  });
  const file = join(folder, 'a.age');
  await write(file, { one: randomBytes(3_000_000) });
  const before = await readFile(file);
  const { bavail } = await statfs(folder);
  await assert.rejects(write(file, { one: randomBytes(20_000_000) }), { code: 'ENOSPC' });
  assert.deepEqual(await readdir(folder), ['a.age']);
  assert.ok((await readFile(file)).equals(before));
  assert.equal((await statfs(folder)).bavail, bavail, 'and the room is free again');
});

test('200 MB go in and out in a few megabytes of memory', async (t) => {
  const file = join(await folderFor(t), 'large.age');
  const noise = randomBytes(1_048_576);
  const page = Buffer.alloc(1_048_576, 'a row like any other, ');
  const content = async function* (): AsyncGenerator<Uint8Array> {
    for (let index = 0; index < 100; index++) yield* [noise, page];
  };
  let most = 0;
  const look = (): void => {
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    most = Math.max(most, heapUsed + arrayBuffers);
  };
  look();
  const [before] = [most];
  const parts = async function* (): AsyncGenerator<ArchivePart> {
    yield { name: 'database', content: content() };
  };
  await writeArchive({ file, recipients, header, parts: parts(), trailer, onProgress: look });
  const written = most - before;
  const archive = await readArchive({ file, identities: [identity] });
  let size = 0;
  for await (const part of archive.parts) {
    for await (const bytes of part.content) {
      size += bytes.length;
      look();
    }
  }
  assert.equal(size, 200 * 1_048_576);
  t.diagnostic(`${Math.round(written / 1e6)} MB more while writing, ${Math.round((most - before) / 1e6)} MB in all`);
  assert.ok(most - before < 120e6, `${most - before} bytes more`);
});
