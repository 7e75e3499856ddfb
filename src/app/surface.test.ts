import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { createKit } from '../testing/index.ts';

const SECRET = 'Zk3rT8vQ1mXw6yB9cL2pF5sD7hJ0nG4aRuEoIxNq'; // of this test alone

/** What is said of a configuration that doesn't start, by its places. */
async function flawsOf(config: NonNullable<Parameters<typeof createKit>[0]>['config']) {
  const started = createKit({ config }).then(
    (kit) => kit.close().then(() => undefined),
    (error: unknown) => Object(error),
  );
  const { code, facts } = Object(await started);
  assert.equal(code, 'CONFIG_INVALID');
  return facts.errors.map(({ at, reason }: { at: string; reason: string }) => `${at} ${reason}`);
}

function folderOf(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'twinkeep-surface-'));
  t.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

test('a file or folder of a profile that cannot be used stops the start, and is named', async (t) => {
  const folder = folderOf(t);
  const file = join(folder, 'file');
  writeFileSync(file, '');
  const ems = (more: object) => ({ profiles: ['ems' as const], profile: { ems: { secret: SECRET, ...more } } });
  assert.deepEqual(await flawsOf(ems({ logDirectory: join(file, 'log') })), [
    `profile.ems names a file or folder that cannot be used: ENOTDIR: not a directory, mkdir '${join(file, 'log')}'`,
  ]);
  const [flaw] = await flawsOf(ems({ logDirectory: folder, apiKeysFile: folder }));
  assert.match(flaw, /^profile\.ems names a file or folder that cannot be used: EISDIR/);
});

test('two profiles that want one path stop the start, and a prefix lets both in', async (t) => {
  const logDirectory = folderOf(t);
  const both = (prefix: string) => ({
    profiles: ['ems' as const, 'coretwin' as const],
    profile: { ems: { secret: SECRET, logDirectory }, coretwin: { secret: [...SECRET].reverse().join(''), prefix } },
  });
  const [flaw] = await flawsOf(both(''));
  assert.match(flaw, /^TWINKEEP_PROFILE POST \/api\/v1\/auth\/login belongs to both ems and coretwin/);
  const kit = await createKit({ config: both('/core') });
  const paths = kit.twinkeep.routes.map(({ path }) => path);
  await kit.close();
  for (const path of ['/api/v1/auth/login', '/core/api/v1/auth/login']) assert.ok(paths.includes(path), path);
});
