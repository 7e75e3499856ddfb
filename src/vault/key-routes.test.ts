import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { isFault } from '../kernel/errors.ts';
import { main, other, type RoutesKit, routesKit } from './routes-kit.contract.ts';

const on = (what: string, work: (kit: RoutesKit) => Promise<void>): void => {
  test(what, async () => {
    const kit = await routesKit();
    try {
      await work(kit);
    } finally {
      await kit.close();
    }
  });
};

const refused = (code: string, answer: Promise<unknown>) => assert.rejects(answer, (error) => isFault(error, code));

on('the status says what the old library said, and every version', async (kit) => {
  const { json } = await kit.call('GET', '/v1/vault/keys');
  const { versions, ...status } = json;
  const { version } = await kit.vault.fields(main);
  assert.deepEqual(status, {
    tenant: 'main',
    current_version: version,
    days_until_rotation: 30,
    algorithm: 'AES-256-GCM',
  });
  assert.deepEqual(versions, [
    {
      version,
      state: 'current',
      algorithm: 'AES-256-GCM',
      reason: 'first',
      seals: 0,
      external: false,
      created_at: '2026-11-21T12:00:00.000Z',
      active_at: '2026-11-21T12:00:00.000Z',
      retired_at: null,
      emptied_at: null,
      destroyed_at: null,
    },
  ]);
  await kit.vault.fields(other);
  const all = (await kit.call('GET', '/v1/vault/keys/all')).json.items;
  assert.deepEqual(all.map(({ tenant }: { tenant: string }) => tenant).sort(), ['main', 'other']);
});

on('a rotation names both versions, is on record with its reason, and touches no other tenant', async (kit) => {
  const before = (await kit.vault.fields(main)).version;
  const theirs = (await kit.vault.fields(other)).version;
  kit.clock.advance(1_000);
  const { json } = await kit.call('POST', '/v1/vault/keys/rotate', { body: { reason: 'emergency' } });
  const { version } = await kit.vault.fields(main);
  assert.notEqual(version, before);
  assert.deepEqual(json, {
    tenant: 'main',
    old_version: before,
    new_version: version,
    active_at: '2026-11-21T12:00:01.000Z',
  });
  assert.equal((await kit.vault.fields(other)).version, theirs);
  const entry = kit.entries.at(-1);
  assert.deepEqual(
    [entry?.action, entry?.facts?.['reason'], entry?.requestId],
    ['vault.key_rotated', 'emergency', 'request-1'],
  );
  await refused('HTTP_INPUT_REFUSED', kit.call('POST', '/v1/vault/keys/rotate', { body: { reason: 'schedule' } }));
});

on('all tenants rotate at once', async (kit) => {
  for (const tenant of [main, other]) await kit.vault.fields(tenant);
  kit.clock.advance(1_000);
  const { json } = await kit.call('POST', '/v1/vault/keys/rotate-all', { body: {} });
  assert.deepEqual(json.items.map(({ tenant }: { tenant: string }) => tenant).sort(), ['main', 'other']);
});

on('a key of another program is taken over once, in every spelling of its 32 bytes', async (kit) => {
  const bytes = Buffer.concat([Buffer.from([0xfb, 0xff]), randomBytes(30)]); // both alphabets differ in it
  const spellings = [
    bytes.toString('base64'),
    bytes.toString('base64url'),
    `${bytes.toString('base64url')}=`,
    ` ${bytes.toString('base64')}\n`,
  ];
  for (const [at, key] of spellings.entries()) {
    const { json } = await kit.call('POST', '/v1/vault/keys/import', { body: { algorithm: 'aes-gcm', key } });
    assert.deepEqual([json.algorithm, json.is_new], ['aes-gcm', at === 0]);
  }
  const { versions } = (await kit.call('GET', '/v1/vault/keys')).json;
  assert.deepEqual(versions.map(({ state }: { state: string }) => state).sort(), ['current', 'read-only']);
});

// Attack: the key in the body is read off an answer, a log or the audit record.
on('an imported key stands in no answer, no refusal and no entry', async (kit) => {
  const key = randomBytes(32).toString('base64');
  const made = await kit.call('POST', '/v1/vault/keys/import', { body: { algorithm: 'fernet', key } });
  assert.ok(!JSON.stringify([made, kit.entries]).includes(key.slice(0, 20)));
  for (const bad of [key.slice(1), `${key}AAAA`, `${key.slice(0, 20)} ${key.slice(21)}`, 'changeme', '\0'.repeat(44)]) {
    const asked = kit.call('POST', '/v1/vault/keys/import', { body: { algorithm: 'fernet', key: bad } });
    await assert.rejects(asked, (error) => {
      assert.ok(isFault(error, 'VAULT_KEY_INVALID'));
      assert.ok(!JSON.stringify([error.message, error.facts]).includes(bad));
      return true;
    });
  }
  for (const body of [
    { algorithm: 'aes', key },
    { algorithm: 'fernet', key: 'x'.repeat(201) },
    { algorithm: 'fernet', key, more: key },
  ]) {
    await assert.rejects(kit.call('POST', '/v1/vault/keys/import', { body }), (error) => {
      assert.ok(isFault(error, 'HTTP_INPUT_REFUSED'));
      return !JSON.stringify(error.facts).includes(key.slice(0, 20));
    });
  }
});

on('a key that is needed is not destroyed, and the answer says by what', async (kit) => {
  const { version } = await kit.vault.fields(main);
  const destroy = (given: object, key = version) =>
    kit.call('POST', '/v1/vault/keys/:version/destroy', { params: { version: key }, body: given });
  await assert.rejects(destroy({}), { code: 'VAULT_KEY_NEEDED', facts: { version, current: true } });
  await kit.call('POST', '/v1/vault/seal', { body: { table: 'a', column: 'b', row: 'c', text: 'x' } });
  kit.clock.advance(1_000);
  await kit.call('POST', '/v1/vault/keys/rotate', { body: {} });
  kit.clock.advance(120_000);
  await assert.rejects(destroy({}), { code: 'VAULT_KEY_NEEDED', facts: { version, external: true } });
  assert.equal((await destroy({ external_rewrapped: true })).status, 204);
  assert.equal(kit.entries.at(-1)?.action, 'vault.key_destroyed');
  await refused('VAULT_KEY_MISSING', destroy({ external_rewrapped: true }));
  await refused('VAULT_KEY_MISSING', destroy({ tenant: 'nobody' }));
  for (const bad of ['', 'v_20200101_000000_00000', 'v_20200101_000000_0000\n', '../keys']) {
    await refused('HTTP_INPUT_REFUSED', destroy({}, bad));
  }
});

on('the rewrap is pushed on until nothing is under a retired key', async (kit) => {
  const { version } = await kit.vault.fields(main);
  kit.clock.advance(1_000);
  await kit.call('POST', '/v1/vault/keys/rotate', { body: {} });
  const before = (await kit.call('GET', '/v1/vault/rewrap', { query: { count: 'true' } })).json;
  assert.deepEqual([before.done, before.behind], [false, [{ tenant: 'main', version, values: 0 }]]);
  assert.deepEqual((await kit.call('GET', '/v1/vault/rewrap', { tenant: other })).json.behind, []);
  kit.clock.advance(60_000); // what was sealed in the last moment has arrived by now
  const pushed = (await kit.call('POST', '/v1/vault/rewrap', { body: { for_ms: 2_000 } })).json;
  assert.deepEqual([pushed.done, pushed.behind, pushed.unreadable], [true, [], []]);
  assert.equal((await kit.call('GET', '/v1/vault/rewrap/all')).json.done, true);
  for (const body of [{ for_ms: 0 }, { for_ms: 5_001 }, { urgent: 1 }]) {
    await refused('HTTP_INPUT_REFUSED', kit.call('POST', '/v1/vault/rewrap', { body }));
  }
});

on('the master key tells how it stands, rotates, and is split for the owner alone', async (kit) => {
  const { json } = await kit.call('GET', '/v1/vault/master');
  const shares = { threshold: 2, count: 3, made_at: '2026-11-21T12:00:00.000Z' };
  const told = {
    provider: 'file',
    reachable: true,
    reached_at: '2026-11-21T12:00:00.000Z',
    grace_s: 3_600,
    earlier: [],
    shares,
  };
  assert.deepEqual(json, { id: 'a'.repeat(16), ...told });
  const rotated = await kit.call('POST', '/v1/vault/master/rotate');
  assert.deepEqual(rotated.json, { old_master: 'a'.repeat(16), new_master: 'b'.repeat(16), keys: 3 });
  const wish = { threshold: 2, count: 3 };
  const split = await kit.call('POST', '/v1/vault/master/shares', { body: wish });
  assert.deepEqual(split.json, { set: '0123abcd', shares: ['share 0', 'share 1', 'share 2'] });
  const confirmed = await kit.call('POST', '/v1/vault/master/shares/confirm', { body: { set: split.json.set } });
  assert.equal(confirmed.status, 204);
  assert.deepEqual(kit.asked, [
    ['rotate', 'operator'],
    ['shares', wish, 'operator'],
    ['confirm', '0123abcd', 'operator'],
  ]);
  for (const body of [
    { threshold: 3, count: 2 },
    { threshold: 1, count: 2 },
    { threshold: 2, count: 256 },
  ]) {
    await refused('HTTP_INPUT_REFUSED', kit.call('POST', '/v1/vault/master/shares', { body }));
  }
  for (const set of ['', '0123ABCD', '0123abcd\n', '0123abcde']) {
    await refused('HTTP_INPUT_REFUSED', kit.call('POST', '/v1/vault/master/shares/confirm', { body: { set } }));
  }
});

// Attack: an administrator's stolen token is used over the network for what touches every tenant.
test('what touches all tenants asks for more, and shares leave through the owner door alone', async () => {
  const kit = await routesKit();
  const access = (method: string, path: string) => {
    const asked = kit.route(method, path).access;
    return asked.kind === 'permission' ? [asked.permission, asked.provedWithinMs !== undefined] : asked;
  };
  const platform = ['platform:vault', true];
  assert.deepEqual(access('POST', '/v1/vault/keys/rotate'), ['admin:vault', true]);
  assert.deepEqual(access('POST', '/v1/vault/keys/import'), ['admin:vault', true]);
  assert.deepEqual(access('POST', '/v1/vault/keys/rotate-all'), platform);
  assert.deepEqual(access('POST', '/v1/vault/keys/:version/destroy'), platform);
  assert.deepEqual(access('POST', '/v1/vault/master/rotate'), platform);
  assert.deepEqual(access('POST', '/v1/vault/master/shares'), { kind: 'signed-in', as: 'operator' });
  assert.deepEqual(access('POST', '/v1/vault/master/shares/confirm'), { kind: 'signed-in', as: 'operator' });
  assert.deepEqual(access('GET', '/v1/vault/keys'), ['admin:vault', false]);
  assert.deepEqual(access('GET', '/v1/vault/keys/all'), ['platform:vault', false]);
  await kit.close();
});
