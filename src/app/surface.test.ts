import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
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

// Attack: a back end behind one profile collects the tokens that a caller's browser has of another.
test('no back end sees the cookies of any profile that is served', async (t) => {
  const seen: (string | undefined)[] = [];
  const server = createServer((request, response) => {
    seen.push(request.headers.cookie);
    response.writeHead(200, { 'set-cookie': ['refresh_token_cookie=planted', 'own=1'] }).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo; // a TCP server's address has a port
  const kit = await createKit({
    config: {
      profiles: ['twinkeep', 'digital-twin-v2'],
      profile: { 'digital-twin-v2': { secret: SECRET, prefix: '/v2' } },
      gateway: {
        backEnds: { twin: { url: `http://127.0.0.1:${port}` } },
        routes: [{ path: '/twin/*', to: 'twin', access: 'signed-in' }],
      },
    },
  });
  t.after(kit.close);
  const cookie = 'access_token_cookie=s; refresh_token_cookie=s; csrf_access_token=s; tk_device=s; a=1';
  const headers = { cookie, authorization: `Bearer ${await kit.signIn()}`, connection: 'close' };
  const answer = await fetch(`${kit.address}/twin/x`, { headers });
  assert.deepEqual([answer.status, seen, answer.headers.getSetCookie()], [200, ['a=1'], ['own=1']]);
});
