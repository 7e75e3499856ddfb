import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('./main.ts', import.meta.url));
const A = '$2b$04$abcdefghijklmnopqrstuu5nN7qTn0EoVpT1zXkq0xw3b1sJ8l9Ky';

let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'twinkeep-keys-'));
});
after(() => rm(folder, { recursive: true, force: true }));

async function run(...args: string[]): Promise<{ readonly code: number; readonly out: string; readonly err: string }> {
  const child = spawn(process.execPath, [MAIN, 'api-keys', ...args], {
    cwd: folder,
    env: { PATH: process.env['PATH'], TWINKEEP_DATA: join(folder, 'data') },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [out, err] = [child.stdout, child.stderr].map((stream) => stream.setEncoding('utf8').toArray());
  const [code] = await once(child, 'close');
  return { code, out: ((await out) ?? []).join(''), err: ((await err) ?? []).join('') };
}

async function fileOf(name: string, text: string): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, text);
  return path;
}

test('a file of legacy keys is taken over and listed as such', async () => {
  const file = await fileOf('keys.json', `\ufeff${JSON.stringify({ 'gateway-': A, 'meter-01': [A] }, undefined, 2)}`);
  const first = await run('import', file, '--scope', 'read,write:meter_data', '--json');
  assert.equal(first.code, 0, first.err);
  assert.deepEqual(JSON.parse(first.out), { added: 2, kept: 0, ended: 0, revoked: 0, other_scopes: 0 });

  const fewer = await fileOf('fewer.json', JSON.stringify({ 'gateway-': A }));
  const second = await run('import', fewer, '--scope', 'read', '--replace');
  assert.deepEqual(
    [second.code, second.out],
    [0, `From ${fewer}: 0 added, 1 kept, 1 ended; 1 of the kept have other scopes and keep them.\n`],
  );

  const listed = await run('list');
  assert.match(listed.out, /^name +kind +scopes/);
  assert.match(listed.out, /legacy gateway-… +legacy +read, write:meter_data +gateway-/);
  assert.ok(!listed.out.includes('meter-01') && !listed.out.includes('$2b$'));
});

test('a file that cannot be taken over says why, in terms of the file and without its contents', async () => {
  const cases: [string, RegExp][] = [
    [join(folder, 'nowhere.json'), /There is no file/],
    [folder, /is not a file/],
    [await fileOf('torn.json', `{"gateway-": "${A}`), /cannot be read as JSON/],
    [await fileOf('large.json', ' '.repeat(1_048_577)), /larger than 1048576 bytes/],
    [await fileOf('plain.json', JSON.stringify({ 'gateway-': 'plain-key' })), /APIKEY_IMPORT_REFUSED|legacy keys/],
    [await fileOf('list.json', JSON.stringify([A])), /HTTP_INPUT_REFUSED|keys/],
  ];
  for (const [file, reason] of cases) {
    const { code, out, err } = await run('import', file, '--scope', 'read');
    assert.deepEqual([code, out], [1, ''], err);
    assert.match(err, reason);
    assert.ok(!err.includes('plain-key') && !err.includes('$2b$04'), err);
  }
});
