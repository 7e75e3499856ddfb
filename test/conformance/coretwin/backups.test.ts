import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { zstdDecompressSync } from 'node:zlib';
import { Decrypter, generateIdentity } from 'age-encryption';
import { serverSuite, startPostgres } from '../../../src/testing/index.ts';
import { SECRET } from '../profile-kit.ts';
import { createPlace, type Place } from '../started.ts';

/** What a thief would look for in a copy: a meter's name, which the database holds as it is, and a user's. */
const MARKS = ['meter-of-the-north-hall', 'vera-of-the-north-hall'];
const AGE = 'age-encryption.org/v1\n';

interface Backed {
  readonly place: Place;
  readonly files: readonly string[];
  readonly identity: string;
}

/** A twin that has been in use, and the files of its backup. */
async function backedUp(t: TestContext, env: Readonly<Record<string, string>> = {}): Promise<Backed> {
  const place = createPlace(t, { TWINKEEP_PROFILE: 'coretwin', JWT_SECRET_KEY: SECRET, ...env });
  const server = await place.start();
  const done = async (...args: string[]) => {
    const ended = await place.cli.run([...args, '--json']);
    assert.equal(ended.code, 0, `${args.join(' ')}: ${ended.stderr}`);
    return ended.json;
  };
  await done('users', 'add', MARKS[1] ?? '', '--role', 'viewer');
  const { key } = await done('api-keys', 'create', 'plant', '--scope', 'write:meter_data');
  const body = { meter_id: MARKS[0], timestamp: '2026-01-01T00:00:00Z', energy_consumption: 2.5 };
  const sent = await server.call('POST', '/v1/readings', { headers: { 'x-api-key': key }, body });
  assert.equal(sent.status, 201, sent.text);
  await done('backup', 'create');
  const { identities } = await done('backup', 'identity');
  await server.running.stop('SIGTERM');
  const folder = join(place.folder, 'data/backups');
  const files = readdirSync(folder).filter((name) => statSync(join(folder, name)).isFile());
  return { place, files: files.map((name) => join(folder, name)), identity: identities[0].identity };
}

async function decrypted(file: string, identity: string): Promise<Buffer> {
  const decrypter = new Decrypter();
  decrypter.addIdentity(identity);
  return Buffer.from(await decrypter.decrypt(readFileSync(file)));
}

/** What stands in an opened backup, unpacked: its frames are a kind, a length and as many bytes. */
function contentOf(opened: Buffer): string {
  const start = opened.indexOf('\n', opened.indexOf('\n') + 1) + 1;
  let text = '';
  for (let at = start; at < opened.length; ) {
    const [kind, length] = [opened.readUInt8(at), opened.readUInt32BE(at + 1)];
    const block = opened.subarray(at + 5, at + 5 + length);
    text += (kind === 3 ? zstdDecompressSync(block.subarray(4)) : block).toString('latin1');
    at += 5 + length;
  }
  return text;
}

async function assertEncrypted({ files, identity }: Backed): Promise<void> {
  const backups = files.filter((file) => /backup-.*\.age$/.test(file));
  assert.equal(backups.length, 1, files.join());
  for (const file of files) {
    const bytes = readFileSync(file, 'latin1');
    assert.ok(bytes.startsWith(AGE), file);
    assert.ok(!MARKS.some((mark) => bytes.includes(mark)), file);
    assert.equal(statSync(file).mode & 0o077, 0, 'nobody else reads it either');
    await assert.rejects(decrypted(file, await generateIdentity()));
  }
  const content = contentOf(await decrypted(backups[0] ?? '', identity));
  for (const mark of MARKS) assert.ok(content.includes(mark), 'and all of it is in there');
}

test('C06 every file of a backup is encrypted, and opens for whoever holds the master key alone', async (t) => {
  const backed = await backedUp(t);
  await assertEncrypted(backed);
  const master = join(backed.place.folder, 'data/master.key');
  const clean = createPlace(t, { TWINKEEP_PROFILE: 'coretwin', JWT_SECRET_KEY: SECRET });
  const file = backed.files.find((name) => name.includes('backup-')) ?? assert.fail();
  const other = clean.write('other.key', Buffer.alloc(32, '0123456789abcdef').toString('base64'));
  const wrong = await clean.cli.run(['backup', 'restore', file, '--master-key-file', other]);
  assert.notEqual(wrong.code, 0);
  const restored = await clean.cli.run(['backup', 'restore', file, '--master-key-file', master]);
  assert.equal(restored.code, 0, restored.stderr);
  const users = (await clean.cli.run(['users', 'list', '--json'])).json;
  assert.ok(users.some(({ username }: { username: string }) => username === MARKS[1]));
});

await serverSuite('C06 backups of PostgreSQL', startPostgres, (postgres) => {
  test('are encrypted in the same way', async (t) => {
    await assertEncrypted(await backedUp(t, { TWINKEEP_DATABASE_URL: await postgres.createDatabase() }));
  });
});
