import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('./main.ts', import.meta.url));
const ID = '01997c1e-5e1f-7b6a-9d3c-2f4a8b6c0d1e';

let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'twinkeep-blocks-'));
  await run(['tenants', 'create', 'plant-2', '--name', 'Plant 2']); // makes the data folder
});
after(() => rm(folder, { recursive: true, force: true }));

async function run(args: readonly string[]) {
  const child = spawn(process.execPath, [MAIN, ...args], {
    cwd: folder,
    env: { PATH: process.env['PATH'], TWINKEEP_DATA: join(folder, 'data') },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [out, err] = [child.stdout, child.stderr].map((stream) => stream.setEncoding('utf8').toArray());
  const [code] = await once(child, 'close');
  return { code, out: ((await out) ?? []).join(''), err: ((await err) ?? []).join('') };
}

const blocks = (...args: string[]) => run(['blocks', ...args]);

test('whoever is blocked is listed by kind, and the printed undo lifts it', async () => {
  const made = await run(['users', 'add', 'ada', '--json']);
  assert.equal(made.code, 0, made.err);
  for (const name of ['203.0.113.9', `person:${JSON.parse(made.out).id}`]) {
    const added = await blocks('add', name, '--for', '1h', '--reason', 'scans the console');
    assert.equal(added.code, 0, added.err);
    const [, undo = ''] = /^Undo: twinkeep (.+)$/m.exec(added.out) ?? assert.fail(added.out);
    assert.equal(undo, `blocks lift ${name}`);
    const kind = name.includes(':') ? name.slice(0, name.indexOf(':')) : 'address';
    const listed = await blocks('list', '--kind', kind);
    assert.ok(listed.out.includes(name) && listed.out.includes('scans the console'), listed.out);
    assert.equal((await run(undo.split(' '))).code, 0);
    assert.match((await blocks('list')).out, /Nobody is blocked/);
  }
});

test('what is no name, no kind and no block is refused in words', async () => {
  const odd = await blocks('add', 'operator:x', '--for', '1h', '--reason', 'r');
  assert.notEqual(odd.code, 0);
  assert.match(odd.err, /takes an address, or person:ID/);
  for (const name of [`person:${ID}`, `api-key:${ID}`, `device:${ID}`]) {
    const unknown = await blocks('add', name, '--permanent', '--reason', 'r');
    assert.notEqual(unknown.code, 0);
    assert.match(unknown.err, /no such person, key or device/);
  }
  const robot = await blocks('list', '--kind', 'robot');
  assert.equal(robot.code, 2);
  assert.match(robot.err, /one of address, person, api-key, device/);
  const none = await blocks('lift', `person:${ID}`);
  assert.notEqual(none.code, 0);
  assert.match(none.err, /no such block/);
});

test('the older name of lift still works', async () => {
  assert.equal((await blocks('add', '203.0.113.9', '--permanent', '--reason', 'r')).code, 0);
  assert.equal((await blocks('remove', '203.0.113.9')).code, 0);
});
