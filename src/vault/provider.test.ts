import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdtempSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { inspect } from 'node:util';
import { isFault } from '../kernel/errors.ts';
import { createSecret } from '../kernel/secret.ts';
import { masterIdOf } from './master-key.ts';
import {
  addSubjects,
  emptyDatabase,
  nobody,
  random,
  sealSome,
  secretKey,
  startProcess,
  textOf,
} from './masters-kit.contract.ts';
import { environmentProvider, memoryProvider } from './provider.ts';
import { fileProvider } from './provider-file.ts';

let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'twinkeep-provider-'));
  file = join(folder, 'master.key');
});
afterEach(() => rmSync(folder, { recursive: true }));

const idsOf = (provider: { held: () => readonly { reveal: () => Buffer }[] }) =>
  provider.held().map((bytes) => masterIdOf(bytes.reveal()));

test('the file is made once for its owner alone, the next beside it, and takes its place when all is under it', async () => {
  const provider = fileProvider(file, random);
  assert.deepEqual(provider.held(), []);
  const first = masterIdOf((await provider.make()).bytes.reveal());
  const second = masterIdOf((await provider.make()).bytes.reveal());
  assert.equal(masterIdOf((await provider.make()).bytes.reveal()), second, 'one that was not taken up is used');
  assert.deepEqual(idsOf(provider), [first, second]);
  for (const name of [file, `${file}.next`]) assert.equal(statSync(name).mode & 0o777, 0o600);
  provider.settle(first);
  assert.equal(existsSync(`${file}.next`), true, 'it is not its turn yet');
  provider.settle(second);
  provider.settle(second);
  assert.deepEqual(idsOf(provider), [second, first]);
  assert.equal(existsSync(`${file}.previous-${first}`), true);
  assert.equal(existsSync(`${file}.next`), false);
});

test('what a stop has left of a key file is removed before another is written, and nothing else is', async () => {
  const provider = fileProvider(file, random);
  await provider.make();
  const left = [`${file}.0123abcd.new`, `${file}.next.0123abcd.new`];
  const kept = [`${file}.backup.new`, `${file}x.0123abcd.new`];
  for (const name of [...left, ...kept]) writeFileSync(name, 'x', { mode: 0o600 });
  await provider.make();
  assert.deepEqual(
    left.filter((name) => existsSync(name)),
    [],
  );
  assert.deepEqual(
    kept.filter((name) => existsSync(name)),
    kept,
  );
});

// Attack: another user of the machine reads the key, or the next one.
test('a key file that others may read is refused, whichever it is', async () => {
  const provider = fileProvider(file, random);
  await provider.make();
  await provider.make();
  chmodSync(`${file}.next`, 0o640);
  assert.throws(() => provider.held(), { code: 'VAULT_MASTER_KEY' });
  chmodSync(`${file}.next`, 0o600);
  chmodSync(file, 0o644);
  assert.throws(() => provider.held(), { code: 'VAULT_MASTER_KEY' });
});

// Slip: the key file was not restored with the database.
test('a database without its key file does not start, says which file is missing, and no new key is made', async () => {
  const storage = await emptyDatabase();
  try {
    await startProcess({ storage, provider: fileProvider(file, random) });
    renameSync(file, `${file}.away`);
    const start = startProcess({ storage, provider: fileProvider(file, random) });
    await assert.rejects(start, (error) => {
      assert.ok(isFault(error, 'VAULT_MASTER_KEY'));
      assert.equal(error.facts['reason'], `${file} is missing; put it back from its backup`);
      return true;
    });
    assert.equal(existsSync(file), false);
    writeFileSync(file, textOf(secretKey()).reveal(), { mode: 0o600 });
    const foreign = startProcess({ storage, provider: fileProvider(file, random) });
    await assert.rejects(foreign, /not usable/);
    renameSync(`${file}.away`, file);
    const again = await startProcess({ storage, provider: fileProvider(file, random) });
    assert.equal((await again.acts.status()).provider, 'file');
  } finally {
    await storage.close();
  }
});

test('the environment hands in the base64 of 32 bytes, makes none, and says how another follows', async () => {
  const key = secretKey();
  const provider = environmentProvider(textOf(key));
  assert.deepEqual(provider.held()[0]?.reveal(), key.reveal());
  assert.ok(!inspect(provider, { depth: 9, showHidden: true }).includes(key.reveal().toString('base64')));
  await assert.rejects(provider.make(), { code: 'VAULT_MASTER_FIXED', kind: 'conflict' });
  await assert.rejects(provider.open(Buffer.from('x')), { code: 'VAULT_MASTER_KEY' });
  for (const text of ['', 'changeme', `${'A'.repeat(43)}=`, textOf(key).reveal().slice(4)]) {
    assert.throws(() => environmentProvider(createSecret(text)), { code: 'VAULT_MASTER_KEY' });
  }
});

test('a key in memory is followed by another one', async () => {
  const storage = await emptyDatabase();
  const one = await startProcess({ storage, provider: memoryProvider(random) });
  const { from, to } = await one.rotator.rotate(nobody);
  assert.notEqual(from, to);
  assert.equal(one.masters.state.provider, 'memory');
  await storage.close();
});

test('of many earlier keys the latest are held, by when they were made, whatever their names', () => {
  const ids: string[] = [];
  for (let at = 0; at < 70; at++) {
    const key = secretKey();
    const id = masterIdOf(key.reveal());
    ids.push(id);
    writeFileSync(`${file}.previous-${id}`, textOf(key).reveal(), { mode: 0o600 });
    utimesSync(`${file}.previous-${id}`, at, at);
  }
  assert.deepEqual(idsOf(fileProvider(file, random)), ids.slice(-64));
});

test('an earlier key file that cannot be read stops a start only when keys are under it, and is named', async () => {
  const storage = await emptyDatabase();
  try {
    const one = await startProcess({ storage, provider: fileProvider(file, random) });
    const first = one.masters.newest.id;
    const stop = (step: string): void => {
      if (step === 'rewrapping') throw new Error('stopped');
    };
    await sealSome(one);
    await addSubjects(one, 500, null);
    const earlier = `${file}.previous-${first}`;
    const halfway = await startProcess({ storage, provider: fileProvider(file, random), onStep: stop });
    await assert.rejects(halfway.rotator.rotate(nobody), /stopped/);
    renameSync(file, earlier);
    renameSync(`${file}.next`, file);
    writeFileSync(earlier, 'spoilt', { mode: 0o600 });
    await assert.rejects(startProcess({ storage, provider: fileProvider(file, random) }), (error) => {
      assert.ok(isFault(error, 'VAULT_MASTER_KEY'));
      assert.match(String(error.facts['reason']), /keys are still under the earlier key .*previous-.* cannot be used/);
      return true;
    });
  } finally {
    await storage.close();
  }
});

test('an earlier key file that cannot be read and is in nobody’s use is left out, and told of once', async () => {
  const storage = await emptyDatabase();
  try {
    const one = await startProcess({ storage, provider: fileProvider(file, random) });
    const first = one.masters.newest.id;
    await one.rotator.rotate(nobody);
    const told: unknown[] = [];
    chmodSync(`${file}.previous-${first}`, 0o644); // and others may read it, so it is not taken either
    const provider = fileProvider(file, random, (error) => void told.push(error));
    const two = await startProcess({ storage, provider });
    provider.held();
    assert.equal(two.masters.backupIdentities().length, 1);
    assert.equal(told.length, 1);
    assert.match(String(told[0]), /previous-[0-9a-f]{16} is left out: others may read/);
  } finally {
    await storage.close();
  }
});
