import assert from 'node:assert/strict';
import { readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { hash } from '@node-rs/bcrypt';
import type { Answer, Call } from '../../../src/testing/index.ts';
import { type ProfileKit, SECRET, startProfile } from '../profile-kit.ts';
import { createPlace, flawsOf } from '../started.ts';

/** As `token_urlsafe(32)` makes them (E34). */
const FIRST = 'Xb3kQ9vRhV1mC7sLw0pZ2yT5nG8jD4fA6eU_iO-KxWq';
const TWIN = `${FIRST.slice(0, 8)}${[...FIRST.slice(8)].reverse().join('')}`;
const OTHER = 'p0OiU9yT8rE7wQ6aS5dF4gH3jK2lZ1xC_vB-nMqWeRt';
/** As the old system hashed them; a low cost, for the machine's sake. */
const hashOf = (key: string): Promise<string> => hash(key, { cost: 4, version: '2b' });

const fileOf = async (...keys: string[]): Promise<Record<string, string>> =>
  Object.fromEntries(await Promise.all(keys.map(async (key) => [key.slice(0, 8), await hashOf(key)])));

const BAD = '{"detail":"Invalid API key"}';

type Ask = (method: string, path: string, call?: Call) => Promise<Answer>;
const withKey = (ask: Ask, key: string): Promise<Answer> =>
  ask('GET', '/api/v1/data/M1', { headers: { 'x-api-key': key } });

test('E08 E07 keys of the file that API_KEYS_FILE names open the API, and their text is stored nowhere', async (t) => {
  const place = createPlace(t, { JWT_SECRET_KEY: SECRET, TWINKEEP_PROFILE: 'ems' });
  place.configure({ profile: { ems: { logDirectory: join(place.folder, 'log') } } });
  const file = place.write('keys.json', await fileOf(FIRST, OTHER));
  const server = await place.start({ API_KEYS_FILE: file });
  for (const key of [FIRST, OTHER, FIRST]) assert.equal((await withKey(server.call, key)).status, 200);
  const body = { meter_id: 'M1', timestamp: '2026-11-20T00:00:00Z', energy_consumption: 1 };
  const headers = { 'x-api-key': FIRST };
  assert.equal((await server.call('POST', '/api/v1/data', { headers, body })).status, 200);
  assert.equal((await server.call('DELETE', '/api/v1/data/M1', { headers })).status, 403);
  assert.deepEqual((await withKey(server.call, `${FIRST}x`)).text, BAD);
  await server.running.stop('SIGTERM');
  // Attack: whoever reads the disk takes the keys that stand there.
  for (const [name, text] of filesUnder(place.folder))
    for (const key of [FIRST, OTHER]) assert.ok(!text.includes(key.slice(8)), `${name} holds a key`);
});

test('E08 the file may be a link, as mounted secrets are, and one that is given again changes nothing', async (t) => {
  const place = createPlace(t, { JWT_SECRET_KEY: SECRET, TWINKEEP_PROFILE: 'ems' });
  place.configure({ profile: { ems: { logDirectory: join(place.folder, 'log') } } });
  place.write('..data.json', await fileOf(FIRST));
  symlinkSync('..data.json', join(place.folder, 'api_keys.json'));
  for (let each = 0; each < 2; each++) {
    const server = await place.start({ API_KEYS_FILE: join(place.folder, 'api_keys.json') });
    assert.equal((await withKey(server.call, FIRST)).status, 200);
    await server.running.stop('SIGTERM');
  }
  const env = { API_KEYS_FILE: join(place.folder, 'api_keys.json') };
  const { json } = await place.cli.run(['api-keys', 'list', '--json'], { env });
  assert.equal(json.length, 1);
});

test('E08 the file is /secrets/api_keys.json unless told, and one that is absent means no keys', async (t) => {
  const place = createPlace(t, { JWT_SECRET_KEY: SECRET, TWINKEEP_PROFILE: 'ems' });
  const { json } = await place.cli.look(['config', 'check', '--json']);
  assert.equal(json.profile.ems.apiKeysFile, '/secrets/api_keys.json');
  place.configure({ profile: { ems: { logDirectory: join(place.folder, 'log') } } });
  const server = await place.start({ API_KEYS_FILE: join(place.folder, 'absent.json') });
  const { status, text } = await withKey(server.call, FIRST);
  assert.deepEqual([status, text], [401, BAD]);
});

test('E08 a file that cannot be understood stops the start, naming the place and never a hash', async (t) => {
  const place = createPlace(t, { JWT_SECRET_KEY: SECRET, TWINKEEP_PROFILE: 'ems' });
  place.configure({ profile: { ems: { logDirectory: join(place.folder, 'log') } } });
  const good = await hashOf(FIRST);
  const plain = { [OTHER.slice(0, 8)]: OTHER };
  const bad = ['{', '[]', '"x"', { short: good }, plain, { [FIRST.slice(0, 8)]: 7 }, { [FIRST]: good }];
  for (const content of bad) {
    const ended = await place.refused({ API_KEYS_FILE: place.write('keys.json', content) });
    assert.equal(JSON.parse(ended.stderr.trimEnd().split('\n').at(-1) ?? '').error.code, 'APIKEY_IMPORT_REFUSED');
    assert.ok(flawsOf(ended).length > 0);
    for (const secret of [good, OTHER, FIRST]) assert.ok(!ended.stderr.includes(secret));
  }
});

async function withKeys(content: object, work: (kit: ProfileKit, ask: Ask) => Promise<void>): Promise<void> {
  const kit = await startProfile('ems', (folder) => {
    const apiKeysFile = join(folder, 'keys.json');
    writeFileSync(apiKeysFile, JSON.stringify(content));
    return { apiKeysFile, limitsEnabled: false };
  });
  try {
    await work(kit, kit.call);
  } finally {
    await kit.close();
  }
}

// Attack: an unknown prefix ends in a crash instead of 401, and the answers tell which prefixes there are.
test('E07 D12 an empty, unknown, cut, lengthened or hostile key gets one answer', async () =>
  withKeys(await fileOf(FIRST), async (kit, ask) => {
    const prefix = FIRST.slice(0, 8);
    const long = 'x'.repeat(5_000);
    const hostile = [
      '',
      ' ',
      prefix,
      FIRST.slice(0, -1),
      `${FIRST}x`,
      `${prefix}wrong`,
      OTHER,
      '__proto__',
      'tk_',
      long,
    ];
    for (const key of [...hostile, "' OR 1=1 --", `${FIRST}, ${FIRST}`, 'é'.repeat(20), FIRST.toLowerCase()]) {
      const { status, text, headers } = await withKey(ask, key);
      assert.deepEqual([status, text], [401, BAD], key);
      assert.equal(headers.get('content-type'), 'application/json');
    }
    assert.equal((await withKey(ask, FIRST)).status, 200);
    const both = { headers: { 'x-api-key': FIRST }, token: await kit.login() };
    assert.equal((await ask('GET', '/api/v1/data/M1', both)).status, 400, 'who of the two it is can’t be told');
    assert.equal((await ask('GET', '/api/v1/data/M1')).status, 401, 'no credential at all');
  }));

test('D12 two keys with the same first eight characters are both good, each as itself', async () =>
  withKeys({ [FIRST.slice(0, 8)]: [await hashOf(FIRST), await hashOf(TWIN)] }, async (kit, ask) => {
    assert.notEqual(FIRST, TWIN);
    const { json } = await kit.call('GET', '/v1/api-keys', { token: await kit.signIn() });
    assert.equal(json.items.length, 2);
    const answers = await Promise.all([withKey(ask, FIRST), withKey(ask, TWIN)]);
    assert.deepEqual(
      answers.map(({ status }) => status),
      [200, 200],
    );
    const ids = await Promise.all([FIRST, TWIN].map(async (key) => (await kit.call('GET', '/v1/me', { key })).json.id));
    assert.equal(new Set(ids).size, 2);
    assert.deepEqual(new Set(ids), new Set(json.items.map(({ id }: { id: string }) => id)));
    assert.equal((await withKey(ask, `${FIRST.slice(0, 8)}neither`)).text, BAD);
  }));

test('E07 a key that is revoked is bad from the next request on', async () =>
  withKeys(await fileOf(FIRST), async (kit, ask) => {
    assert.equal((await withKey(ask, FIRST)).status, 200);
    const token = await kit.signIn();
    const { json } = await kit.call('GET', '/v1/api-keys', { token });
    await kit.call('DELETE', `/v1/api-keys/${json.items[0].id}`, { token });
    assert.equal((await withKey(ask, FIRST)).text, BAD);
  }));

/** Every file below a folder, as text in which bytes stay what they are. */
function* filesUnder(folder: string): Generator<readonly [string, string]> {
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isFile()) yield [path, readFileSync(path, 'latin1')];
  }
}
