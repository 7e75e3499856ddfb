import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileHead } from './head.ts';

const folder = mkdtempSync(join(tmpdir(), 'twinkeep-head-'));
after(() => rmSync(folder, { recursive: true, force: true }));

test('a head is on the disk when its promise says so, for its owner alone', async () => {
  const file = join(folder, 'one');
  await fileHead(file).keep('note 1\n');
  assert.equal(readFileSync(file, 'utf8'), 'note 1\n');
  assert.equal(statSync(file).mode & 0o777, 0o600);
});

// Attack: heads that are signed quicker than the disk takes them leave an older one behind, to go back to.
test('of many heads at once the newest stays, and none before it is waited for', async () => {
  const file = join(folder, 'many');
  const head = fileHead(file);
  const kept: Promise<void>[] = [];
  for (let n = 1; n <= 500; n++) kept.push(head.keep(`note ${n}\n`));
  await kept[0];
  assert.equal(head.read(), 'note 500\n');
  await Promise.all(kept);
  await head.keep('note 501\n');
  assert.equal(head.read(), 'note 501\n');
});

test('a head that can not be kept is told, and the next one is written all the same', async () => {
  const place = join(folder, 'later');
  const head = fileHead(join(place, 'head'));
  await assert.rejects(head.keep('lost\n'), { code: 'ENOENT' });
  mkdirSync(place);
  chmodSync(place, 0o700);
  await head.keep('kept\n');
  assert.equal(head.read(), 'kept\n');
});
