import assert from 'node:assert/strict';
import { copyFile, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { systemClock } from '../kernel/clock.ts';
import { platform } from '../kernel/tx.ts';
import { createSqliteStorage } from './sqlite.ts';
import { seats, tables } from './storage-kit.contract.ts';

// Attack: a process is killed between a destruction and its scrubbing, and the log keeps what was destroyed.
test('what a killed process left in the log is gone after the next start, and nothing else', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'twinkeep-sqlite-'));
  const [file, left] = [join(folder, 'db'), join(folder, 'left')];
  const storage = createSqliteStorage({ file, clock: systemClock });
  await storage.migrate([tables]);
  const name = `destroyed-${'x'.repeat(40)}`;
  await storage.write(platform, (tx) => tx.run(seats.take, { person: name, seat: 1 }));
  await storage.write(platform, (tx) => tx.run(seats.take, { person: 'ada', seat: 1 }));
  await storage.write(platform, (tx) => tx.run(seats.drop, { person: name }));
  for (const part of ['', '-wal']) await copyFile(file + part, left + part); // as it is on the disk now
  await storage.close();

  const filesOf = async () => Buffer.concat(await Promise.all([left, `${left}-wal`].map((one) => readFile(one))));
  assert.ok((await filesOf()).includes(name));
  const next = createSqliteStorage({ file: left, clock: systemClock });
  assert.equal((await filesOf()).includes(name), false);
  assert.deepEqual(await next.read(platform, (tx) => tx.all(seats.all, {})), [{ person: 'ada', seat: 1 }]);
  await next.close();
  await rm(folder, { recursive: true });
});
