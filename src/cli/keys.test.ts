import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createCipheriv, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('./main.ts', import.meta.url));

let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'twinkeep-vault-keys-'));
});
after(() => rm(folder, { recursive: true, force: true }));

async function run(...args: string[]): Promise<{ readonly code: number; readonly out: string; readonly err: string }> {
  const child = spawn(process.execPath, [MAIN, 'keys', ...args], {
    cwd: folder,
    env: { PATH: process.env['PATH'], TWINKEEP_DATA: join(folder, 'data') },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [out, err] = [child.stdout, child.stderr].map((stream) => stream.setEncoding('utf8').toArray());
  const [code] = await once(child, 'close');
  return { code, out: ((await out) ?? []).join(''), err: ((await err) ?? []).join('') };
}

async function told(...args: string[]) {
  const { code, out, err } = await run(...args, '--json');
  assert.equal(code, 0, err);
  return JSON.parse(out);
}

async function fileOf(name: string, contents: string | Uint8Array): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, contents);
  return path;
}

test('a key is made without a server, a folder or any trace', async () => {
  const plain = await run('generate');
  const bytes = Buffer.from(plain.out.trim(), 'base64');
  assert.deepEqual([plain.code, bytes.length, `${bytes.toString('base64')}\n`], [0, 32, plain.out]);
  assert.doesNotThrow(() => createCipheriv('aes-256-gcm', bytes, Buffer.alloc(12)));
  const { key, form } = await told('generate', '--form', 'fernet');
  assert.match(key, /^[A-Za-z0-9_-]{43}=$/);
  assert.equal(form, 'fernet');
  assert.notEqual(key, (await told('generate', '--form', 'fernet')).key);
  assert.equal((await run('generate', '--form', 'hex')).code, 2);
  assert.ok(!existsSync(join(folder, 'data')));
});

test('keys are imported, rotated, brought under the new key, and destroyed once nothing needs them', async () => {
  const nothing = await run('status');
  assert.deepEqual([nothing.code, nothing.out], [1, '']);

  const key = randomBytes(32);
  const text = await fileOf('encryption.key', `${key.toString('base64url')}=\n`);
  const imported = await told('import', '--from', 'fernet', '--key-file', text);
  assert.deepEqual([imported.algorithm, imported.is_new], ['fernet', true]);
  const again = await told('import', '--from', 'fernet', '--key-file', await fileOf('raw.key', key));
  assert.deepEqual(again, { ...imported, is_new: false });

  const first = await told('status');
  assert.deepEqual([first.algorithm, first.days_until_rotation], ['AES-256-GCM', 30]);
  const rotated = await told('rotate', '--emergency', '--all', '--wait');
  const mine = rotated.rotated.find((one: { tenant: string }) => one.tenant === 'main');
  assert.equal(mine.old_version, first.current_version);
  assert.deepEqual([rotated.rewrap.done, rotated.rewrap.unreadable], [true, []]);

  const { items, ...status } = { items: await told('status', '--all'), main: await told('status') };
  assert.deepEqual(items.map(({ tenant }: { tenant: string }) => tenant).sort(), ['main', 'platform']);
  const states = new Map(
    status.main.versions.map((one: { version: string; state: string }) => [one.version, one.state]),
  );
  assert.equal(states.get(mine.old_version), 'emptied');
  assert.equal(states.get(mine.new_version), 'current');
  assert.equal(states.get(imported.version), 'read-only');

  const needed = await run('destroy', imported.version);
  assert.deepEqual([needed.code, needed.out], [1, '']);
  assert.match(needed.err, /still needed[\s\S]*--external-rewrapped/);
  const current = await run('destroy', mine.new_version);
  assert.match(current.err, /it is the one that seals: twinkeep keys rotate/);
  assert.deepEqual(await told('destroy', imported.version, '--external-rewrapped'), {
    version: imported.version,
    destroyed: true,
  });
  const shown = await run('status');
  assert.match(shown.out, /destroyed +fernet +import/);
});

test('a rewrap says how far it is, and that it is done', async () => {
  const { out, code } = await run('rewrap', '--wait');
  assert.equal(code, 0);
  assert.match(out, /^Every value is under its current key/);
  assert.equal((await told('rewrap')).done, true);
});

// Attack: what a key file holds is read off a refusal, a log or a terminal.
test('a key that cannot be taken is refused by its file, never by its contents', async () => {
  const secret = 'c2VjcmV0LXRoYXQtbXVzdC1ub3QtYmUtc2hvd24';
  const cases: [string, RegExp][] = [
    [join(folder, 'nowhere.key'), /There is no file/],
    [folder, /is not a file/],
    [await fileOf('large.key', secret.repeat(200)), /too large/],
    [await fileOf('short.key', secret), /cannot be imported/],
    [await fileOf('two.key', `${secret}AAAA\n${secret}AAAA\n`), /cannot be imported/],
  ];
  for (const [file, reason] of cases) {
    const { code, out, err } = await run('import', '--from', 'aes-gcm', '--key-file', file);
    assert.deepEqual([code, out], [1, ''], err);
    assert.match(err, reason);
    assert.ok(!err.includes('c2VjcmV0'), err);
  }
  assert.equal((await run('import', '--from', 'rot13', '--key-file', folder)).code, 2);
});
