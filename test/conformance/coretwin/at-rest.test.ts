import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fernetEncrypt, newFernetKey, newKey } from '../old-ciphers.ts';
import { SECRET } from '../profile-kit.ts';
import { createPlace, type Place, type StartedServer } from '../started.ts';

const CORETWIN = { TWINKEEP_PROFILE: 'coretwin', JWT_SECRET_KEY: SECRET };
const AT = { table: 'users', column: 'email', row: '1' };

async function keyOf(place: Place, ...scopes: string[]): Promise<Record<string, string>> {
  const { json, stderr } = await place.cli.run(['api-keys', 'create', 'twin', '--scope', scopes.join(), '--json']);
  assert.ok(json?.key, stderr);
  return { 'x-api-key': json.key };
}

/** Every file of the data folder, as bytes. */
const filesOf = (place: Place): readonly (readonly [string, Buffer])[] =>
  readdirSync(join(place.folder, 'data'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .map((path) => [path, readFileSync(path)] as const);

// The rest of C08 is HTTPS: Twinkeep does not speak it by itself yet (SECURITY.md).
test('of C08: sensitive fields are sealed at rest, and keys lie where their owner alone reads them', async (t) => {
  const place = createPlace(t, CORETWIN);
  const server = await place.start();
  const headers = await keyOf(place, 'write:meter_data');
  const reading = {
    meter_id: 'M1',
    timestamp: '2026-01-01T00:00:00Z',
    energy_consumption: 2,
    location: 'Gwangyang-si',
  };
  assert.equal((await server.call('POST', '/v1/readings', { headers, body: reading })).status, 201);
  const email = 'vera.of.the.hall@example.com';
  const made = await place.cli.run(['users', 'add', 'vera', '--role', 'viewer', '--email', email]);
  assert.equal(made.code, 0, made.stderr);
  await server.running.stop('SIGTERM');

  const keyFile = join(place.folder, 'data/master.key');
  assert.equal(statSync(keyFile).mode & 0o777, 0o600);
  assert.equal(statSync(join(place.folder, 'data')).mode & 0o077, 0);
  const master = Buffer.from(readFileSync(keyFile, 'utf8').trim(), 'base64');
  for (const [path, bytes] of filesOf(place)) {
    for (const text of [email, reading.location]) assert.ok(!bytes.includes(text), path);
    if (path !== keyFile) assert.ok(!bytes.includes(master) && !bytes.includes(master.toString('base64')), path);
  }
});

async function sealAndOpen(server: StartedServer, headers: Record<string, string>): Promise<void> {
  const sealed = await server.call('POST', '/v1/vault/seal', { headers, body: { ...AT, text: 'x' } });
  assert.equal(sealed.status, 200, sealed.text);
  const body = { ...AT, sealed: sealed.json.sealed };
  assert.equal((await server.call('POST', '/v1/vault/open', { headers, body })).json.text, 'x');
}

// The rest of X11 is PKCS#11; HashiCorp Vault keeps the master key in B17.
test('of X11: a master key of the environment or of a file wraps the keys that seal', async (t) => {
  for (const env of [{}, { TWINKEEP_MASTER_KEY: newKey() }]) {
    const place = createPlace(t, { ...CORETWIN, ...env });
    const first = await place.start();
    const headers = await keyOf(place, 'seal:fields', 'open:fields');
    await sealAndOpen(first, headers);
    assert.equal(existsSync(join(place.folder, 'data/master.key')), !('TWINKEEP_MASTER_KEY' in env));
    await first.running.stop('SIGTERM');
    const { stderr } = await place.refused({ TWINKEEP_MASTER_KEY: newKey() });
    assert.match(stderr, /VAULT_MASTER_KEY/, 'another one opens nothing');
    await sealAndOpen(await place.start(), headers);
  }
});

test('of X11: a key of an older system is taken over as a version that only reads', async (t) => {
  const place = createPlace(t, CORETWIN);
  const key = newFernetKey();
  place.write('fernet.key', `${key}\n`);
  const server = await place.start();
  const headers = await keyOf(place, 'seal:fields', 'open:fields');
  const importKey = ['keys', 'import', '--from', 'fernet', '--key-file', 'fernet.key', '--json'];
  const { version } = (await place.cli.run(importKey)).json;
  const again = (await place.cli.run(importKey)).json;
  assert.deepEqual([again.version, again.is_new], [version, false]);
  const body = { ...AT, sealed: fernetEncrypt(key, 'ada@example.com') };
  const opened = (await server.call('POST', '/v1/vault/open', { headers, body })).json;
  assert.deepEqual([opened.text, opened.version], ['ada@example.com', version]);
  await sealAndOpen(server, headers);
  const status = (await place.cli.run(['keys', 'status', '--json'])).json;
  const own = status.versions.find((each: { version: string }) => each.version === version);
  assert.deepEqual([own.state, own.algorithm, own.seals], ['read-only', 'fernet', 0]);
  assert.notEqual(status.current_version, version);
});
