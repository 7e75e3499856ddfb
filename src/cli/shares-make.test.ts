import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text as consume } from 'node:stream/consumers';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { openShareFiles } from './shares-files.ts';

const MAIN = fileURLToPath(new URL('./main.ts', import.meta.url));

let folder: string;
let server: ReturnType<typeof start>;
before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'twinkeep-shares-make-'));
  server = start('exec "$@"', ['serve']);
  const lines = server.stderr.setEncoding('utf8');
  for await (const text of lines) if (String(text).includes('listening')) break;
});
after(async () => {
  server.kill('SIGINT');
  await once(server, 'close');
  rmSync(folder, { recursive: true });
});

/** @param shell runs what it is given, with what it sets before */
function start(shell: string, argv: readonly string[]) {
  return spawn('/bin/sh', ['-c', shell, 'sh', process.execPath, MAIN, ...argv], {
    cwd: folder,
    env: { PATH: process.env['PATH'], TWINKEEP_DATA: join(folder, 'data'), TWINKEEP_PORT: '0' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

async function run(argv: readonly string[], shell = 'exec "$@"') {
  const child = start(shell, argv);
  const [out, err] = [child.stdout, child.stderr].map((stream) => stream.setEncoding('utf8').toArray());
  const [code] = await once(child, 'close');
  return { code, out: ((await out) ?? []).join(''), err: ((await err) ?? []).join('') };
}

const make = (out: string, shell?: string) =>
  run(['shares', 'make', '--threshold', '2', '--count', '3', '--out', out], shell);

async function sharesKnown(): Promise<unknown> {
  const path = { socketPath: join(folder, 'data', 'owner.sock'), path: '/v1/vault/master' };
  const [response] = await once(request(path).end(), 'response');
  return JSON.parse(await consume(response)).shares;
}

// Attack: nobody has the shares, and nobody is warned any more that the master key has no second copy.
test('shares that cannot be written leave no file behind and do not count; those that are written do', async () => {
  const taken = join(folder, 'taken');
  mkdirSync(taken);
  writeFileSync(join(taken, 'share-2-of-3.txt'), 'of before');
  const refused = await make(taken);
  assert.equal(refused.code, 1);
  assert.match(refused.err, /^twinkeep: .*share-2-of-3\.txt is there already; nothing is ever overwritten/);
  assert.deepEqual(readdirSync(taken), ['share-2-of-3.txt']);
  assert.equal(readFileSync(join(taken, 'share-2-of-3.txt'), 'utf8'), 'of before');

  const full = join(folder, 'full');
  const unwritten = await make(full, `trap '' XFSZ; ulimit -f 0; exec "$@"`);
  assert.equal(unwritten.code, 1);
  assert.match(unwritten.err, /share-1-of-3\.txt cannot be written/);
  assert.deepEqual(readdirSync(full), []);
  assert.equal(await sharesKnown(), null);

  const good = await make(join(folder, 'good'));
  assert.equal(good.code, 0, good.err);
  assert.deepEqual(readdirSync(join(folder, 'good')), ['share-1-of-3.txt', 'share-2-of-3.txt', 'share-3-of-3.txt']);
  assert.notEqual(await sharesKnown(), null);
  const check = ['shares', 'check', '--share', 'good/share-1-of-3.txt', '--share', 'good/share-3-of-3.txt'];
  assert.match((await run(check)).out, /Shares 1, 3 of 3 give the master key/);
});

// Attack: what is printed goes to a disk that is full.
test('shares that are printed count where their output has arrived', async () => {
  const argv = ['shares', 'make', '--threshold', '2', '--count', '2'];
  const lost = await run(argv, 'exec "$@" > /dev/full');
  assert.equal(lost.code, 1);
  assert.equal(countOf(await sharesKnown()), 3, 'those before are the last that somebody has');
  const printed = await run(argv);
  assert.equal(printed.code, 0, printed.err);
  assert.equal(printed.out.match(/TWINKEEP RECOVERY SHARE/g)?.length, 2);
  assert.equal(countOf(await sharesKnown()), 2);
});

const countOf = (shares: unknown): unknown => Object(shares).count;

test('the files are there for their owner alone before there is a share, and are gone where there is none', () => {
  const out = join(folder, 'opened');
  const files = openShareFiles(out, 2);
  const name = join(out, 'share-1-of-2.txt');
  assert.deepEqual([statSync(name).mode & 0o777, statSync(name).size], [0o600, 0]);
  assert.throws(() => openShareFiles(out, 2), { code: 'CLI_FAILED', message: /is there already/ });
  assert.equal(readdirSync(out).length, 2, 'those of another are left');
  assert.throws(() => files.write(['one']), { code: 'CLI_FAILED' });
  files.remove();
  assert.deepEqual(readdirSync(out), []);
  writeFileSync(name, '');
  for (const place of [name, join(name, 'below')]) {
    assert.throws(() => openShareFiles(place, 2), { code: 'CLI_FAILED' });
  }
});
