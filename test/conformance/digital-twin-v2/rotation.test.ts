import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { days } from '../../../src/kernel/clock.ts';
import { KIT_PASSWORD } from '../../../src/testing/index.ts';
import { gcmEncrypt, newKey } from '../old-ciphers.ts';
import { FIELD_KEY, LOGIN, SECRET, startProfile } from '../profile-kit.ts';
import { createPlace, type Place, type StartedServer } from '../started.ts';

const V2 = { TWINKEEP_PROFILE: 'digital-twin-v2', JWT_SECRET_KEY: SECRET, ENCRYPTION_KEY: FIELD_KEY };
const OTHER_SECRET = 'Yq8pLm3XzR6vTn1KbW9cJd4HsF7gA2uE';
const AT = { table: 'users', column: 'email', row: '1' };

/** A program of the owner's, which seals and opens over HTTP. */
async function programOf(place: Place) {
  const scopes = ['--scope', 'seal:fields', '--scope', 'open:fields'];
  const { json, stderr } = await place.cli.run(['api-keys', 'create', 'twin', ...scopes, '--json']);
  assert.ok(json?.key, stderr);
  const ask = async (server: StartedServer, act: string, body: object) => {
    const answer = await server.call('POST', `/v1/vault/${act}`, {
      headers: { 'x-api-key': json.key },
      body: { ...AT, ...body },
    });
    assert.equal(answer.status, 200, answer.text);
    return answer.json;
  };
  return {
    seal: async (server: StartedServer, text: string): Promise<string> => (await ask(server, 'seal', { text })).sealed,
    open: async (server: StartedServer, sealed: string): Promise<string> =>
      (await ask(server, 'open', { sealed })).text,
  };
}

async function rotated(place: Place, ...args: string[]) {
  const ended = await place.cli.run(['keys', 'rotate', '--json', ...args]);
  assert.equal(ended.code, 0, ended.stderr);
  return ended.json;
}

test('B14 what was sealed names its key, and stays readable over rotations and restarts', async (t) => {
  const place = createPlace(t, V2);
  const first = await place.start();
  const program = await programOf(place);
  const values = [gcmEncrypt(FIELD_KEY, 'of the old system'), await program.seal(first, 'of the first key')];
  for (const turn of ['second', 'third']) {
    const { old_version, new_version } = await rotated(place, '--wait').then(({ rotated: done }) => done);
    const sealed = await program.seal(first, `of the ${turn} key`);
    assert.equal(sealed.split('.')[1], new_version);
    assert.notEqual(old_version, new_version);
    values.push(sealed);
  }
  assert.equal(new Set(values.map((value) => value.split('.')[1])).size, 4);
  await first.running.stop('SIGTERM');
  const second = await place.start();
  const texts = await Promise.all(values.map((value) => program.open(second, value)));
  const turns = ['first', 'second', 'third'].map((turn) => `of the ${turn} key`);
  assert.deepEqual(texts, ['of the old system', ...turns]);
});

test('B14 another ENCRYPTION_KEY, and a restart, lose nothing: without the old one there is no start at all', async (t) => {
  const place = createPlace(t, V2);
  const first = await place.start();
  const program = await programOf(place);
  const values = [gcmEncrypt(FIELD_KEY, 'bare'), await program.seal(first, 'sealed')];
  await first.running.stop('SIGTERM');

  const next = newKey();
  const { stderr } = await place.refused({ ENCRYPTION_KEY: next });
  assert.match(stderr, /VAULT_MASTER_KEY/);
  const second = await place.start({ ENCRYPTION_KEY: next, TWINKEEP_MASTER_KEY_PREVIOUS: FIELD_KEY });
  values.push(gcmEncrypt(next, 'bare anew'), await program.seal(second, 'sealed anew'));
  for (const [at, text] of ['bare', 'sealed', 'bare anew', 'sealed anew'].entries())
    assert.equal(await program.open(second, values[at] ?? ''), text);
});

test('B15 the keys of fields follow each other once a year by themselves', async (t) => {
  const kit = await startProfile('digital-twin-v2', { encryptionKey: FIELD_KEY });
  t.after(kit.close);
  const { house } = kit.twinkeep;
  const { getKeyStatus, encryptData, decryptData } = house.fieldFunctions('digital-twin-v2');
  const sealed = await encryptData('x');
  const before = await getKeyStatus();
  assert.equal(before.days_until_rotation, 365);
  const job = house.jobs.find(({ name }) => name === 'vault.rotate') ?? assert.fail();
  kit.clock.advance(days(364));
  await job.run();
  assert.equal((await getKeyStatus()).current_version, before.current_version);
  kit.clock.advance(days(1));
  await job.run();
  const after = await getKeyStatus();
  assert.notEqual(after.current_version, before.current_version);
  assert.equal(after.days_until_rotation, 365);
  assert.equal(await decryptData(sealed), 'x');
});

test('B15 on suspicion one command changes the keys of every tenant, and another those that sign', async (t) => {
  const place = createPlace(t, V2);
  const server = await place.start();
  const body = { username: 'admin', password: KIT_PASSWORD };
  const { json: native } = await server.call('POST', '/v1/login', { body });
  const mayRead = async (token: string) => (await server.call('GET', '/v1/users', { token })).status;
  assert.equal(await mayRead(native.access_token), 200);
  const program = await programOf(place);
  const sealed = await program.seal(server, 'x');

  const done = await rotated(place, '--emergency', '--all');
  assert.deepEqual(done.map(({ tenant }: { tenant: string }) => tenant).toSorted(), ['main', 'platform']);
  const status = await place.cli.run(['keys', 'status', '--json']);
  const current = status.json.versions.find(({ state }: { state: string }) => state === 'current');
  assert.equal(current.reason, 'emergency');
  assert.equal(await program.open(server, sealed), 'x');
  const signing = await place.cli.run(['token-keys', 'rotate', '--emergency', '--json']);
  assert.equal(signing.code, 0, signing.stderr);
  assert.equal(await mayRead(native.access_token), 401, 'every earlier token is dead');
});

/** A back end that is asked for by people who are signed in. */
async function backEnd(t: TestContext): Promise<string> {
  const server = createServer((_request, response) => void response.end('ok'));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  const address = server.address();
  return typeof address === 'object' && address !== null ? `http://127.0.0.1:${address.port}` : assert.fail();
}

test('B15 JWT_SECRET_KEY is changed with an overlap, or at once where it is known to others', async (t) => {
  const place = createPlace(t, { ...V2, TWINKEEP_BACK_END: await backEnd(t) });
  const tokenOf = async (server: StartedServer): Promise<string> => {
    const answer = await server.call('POST', LOGIN['digital-twin-v2'], {
      body: { username: 'admin', password: KIT_PASSWORD },
    });
    assert.equal(answer.status, 200, answer.text);
    return answer.json.access_token;
  };
  const statusOf = async (server: StartedServer, token: string) =>
    (await server.call('GET', '/twin', { token })).status;
  const first = await place.start();
  const old = await tokenOf(first);
  assert.equal(await statusOf(first, old), 200);
  await first.running.stop('SIGTERM');

  const overlap = await place.start({ JWT_SECRET_KEY: OTHER_SECRET, JWT_SECRET_KEY_PREVIOUS: SECRET });
  assert.deepEqual([await statusOf(overlap, old), await statusOf(overlap, await tokenOf(overlap))], [200, 200]);
  await overlap.running.stop('SIGTERM');
  const atOnce = await place.start({ JWT_SECRET_KEY: OTHER_SECRET });
  assert.deepEqual([await statusOf(atOnce, old), await statusOf(atOnce, await tokenOf(atOnce))], [401, 200]);
});

test('B15 one page says for every key how often, how at once, and what becomes of what was made before', () => {
  const page = readFileSync(fileURLToPath(new URL('../../../docs/key-rotation.md', import.meta.url)), 'utf8');
  const rows = page.split('\n').filter((line) => line.startsWith('| '));
  for (const key of ['data keys', 'master key', 'sign access tokens', 'pseudonym', 'webhook', 'JWT_SECRET_KEY']) {
    const row = rows.find((line) => line.split('|')[1]?.includes(key)) ?? assert.fail(key);
    assert.equal(row.split('|').filter((cell) => cell.trim() !== '').length, 5, row);
  }
  assert.match(page, /`SECRET_KEY`/);
  assert.match(page, /once a year/i);
  assert.match(page, /--emergency/);
});
