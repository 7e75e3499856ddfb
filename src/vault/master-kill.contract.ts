import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { createTestClock } from '../testing/index.ts';
import { masterIdOf, readMasterKeyFile } from './master-key.ts';
import {
  addSubjects,
  assertOpens,
  emptyDatabase,
  mastersInUse,
  random,
  sealSome,
  startProcess,
} from './masters-kit.contract.ts';
import { fileProvider } from './provider-file.ts';

const VICTIM = fileURLToPath(new URL('master-victim.contract.ts', import.meta.url));

/** Kills it somewhere behind the step; the delays of all kills together go through every place of a rotation. */
async function killBehind(step: string, delayMs: number, args: readonly string[]): Promise<void> {
  const child = spawn(process.execPath, [VICTIM, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(child, 'exit');
  let printed = '';
  await new Promise<void>((resolve) => {
    child.stdout.on('data', (chunk) => {
      printed += chunk; // read on to the end: who writes into a closed pipe ends by itself
      if (printed.includes(step)) resolve();
    });
    child.once('exit', () => resolve());
  });
  await new Promise((resolve) => setTimeout(resolve, delayMs));
  child.kill('SIGKILL');
  await ended;
}

/** Kills rotation after rotation of the master key, at later and later moments. @throws AssertionError naming what was lost */
export async function killMasterRotations(t: TestContext, kills: number): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'twinkeep-kill-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const database = join(folder, 'twinkeep.db');
  const file = join(folder, 'master.key');
  const clock = createTestClock();
  const first = await startProcess({
    storage: await emptyDatabase(database, clock),
    provider: fileProvider(file, random),
  });
  const sealed = await sealSome(first);
  await addSubjects(first, 4_000, null);
  await first.storage.close();

  const masters = new Set<string>();
  for (let kill = 0; kill < kills; kill++) {
    const along = kill / kills;
    const [step, delayMs] = kill % 3 === 0 ? (['started', along * 32] as const) : (['rewrapping', along * 96] as const);
    await killBehind(step, delayMs, [database, file, String(clock.now())]);
    clock.advance(120_000);
    const storage = await emptyDatabase(database, clock);
    const one = await startProcess({ storage, provider: fileProvider(file, random), clock });
    await assertOpens(one, sealed);
    await mastersInUse(one);
    await one.rotator.settle();
    assert.deepEqual([...(await mastersInUse(one))], [one.masters.newest.id], `kill ${kill}`);
    masters.add(one.masters.newest.id);
    assert.equal(masterIdOf(readMasterKeyFile(file).reveal()), one.masters.newest.id);
    await storage.close();
  }
  assert.ok(masters.size > kills / 2, 'most kills hit a rotation');
}
