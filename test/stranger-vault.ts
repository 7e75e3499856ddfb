import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { sealFernet } from '../src/crypto/index.ts';
import type { Answer, Kit } from '../src/testing/index.ts';
import { type Case, codeOf, refused, type Stranger } from './stranger-case.ts';

const PLACE = { table: 'users', column: 'email', row: '17' };
const COLUMN = { table: PLACE.table, column: PLACE.column };
const TEXT = 'ada@home.example';
const NEVER = 'v_20200101_000000_0000';

/** What the tenant `main` has sealed, and what would open it. */
export interface SealedAtHome {
  readonly key: string;
  readonly envelope: string;
  readonly version: string;
  /** Sealed by an earlier program, under a key that was imported. */
  readonly legacy: string;
  readonly index: string;
}

const LEGACY_KEY = randomBytes(32);

export async function sealSome(kit: Kit, token: string): Promise<SealedAtHome> {
  const wish = { name: 'home-fields', scopes: ['seal:fields', 'open:fields'] };
  const { key } = (await kit.call('POST', '/v1/api-keys', { token, body: wish })).json;
  const sealed = await kit.call('POST', '/v1/vault/seal', { key, body: { ...PLACE, text: TEXT } });
  const imported = { algorithm: 'fernet', key: LEGACY_KEY.toString('base64url') };
  assert.equal((await kit.call('POST', '/v1/vault/keys/import', { token, body: imported })).status, 200);
  const legacy = sealFernet(LEGACY_KEY, Buffer.from(TEXT), { now: kit.clock.now(), iv: randomBytes(16) });
  const index = await kit.call('POST', '/v1/vault/index', { key, body: { ...COLUMN, text: TEXT } });
  return { key, envelope: sealed.json.sealed, version: sealed.json.version, legacy, index: index.json.store };
}

/** What was sealed opens as before, and the keys are what they were. */
export async function viewOfVault(kit: Kit, token: string, home: SealedAtHome): Promise<readonly string[]> {
  const { key, envelope, legacy } = home;
  const items = [envelope, legacy].map((sealed) => ({ ...PLACE, sealed }));
  const opened = await kit.call('POST', '/v1/vault/open/batch', { key, body: { items } });
  assert.deepEqual(
    opened.json.items.map(({ text }: { text: string }) => text),
    [TEXT, TEXT],
  );
  const index = await kit.call('POST', '/v1/vault/index', { key, body: { ...COLUMN, text: TEXT } });
  assert.deepEqual([index.json.store, index.json.search], [home.index, [home.index]]);
  const shown = await Promise.all(
    ['/v1/vault/keys', '/v1/vault/rewrap?count=true'].map((path) => kit.call('GET', path, { token })),
  );
  return [opened.text, ...shown.map(({ text }) => text)];
}

/** Sealing and opening is no right of a role: the administrator may give it to a key, and has it not himself. */
const keys = (answers: (stranger: Stranger) => Promise<readonly Answer[]>): Case => {
  return async (stranger) => {
    if (!stranger.isPerson) return answers(stranger);
    return refused(await stranger.call('POST', '/v1/vault/open', { body: { ...PLACE, sealed: 'x' } }));
  };
};

const bare = ({ json }: Answer) => ({ ...json, instance: '' });

/** The answer without the one thing that the caller had said: the version that they asked for. */
const withoutVersion = ({ json }: Answer, version: string) => {
  assert.equal(json.version, version);
  return { ...json, instance: '', version: '' };
};

const operators = (method: string, path: string, body?: object): Case => {
  return async ({ call }) => refused(await call(method, path, body === undefined ? {} : { body }));
};

/** A case for each route of the vault, of the keys that sign tokens, and of backups. */
export const VAULT_CASES: Readonly<Record<string, Case>> = {
  'POST /v1/vault/seal': keys(async ({ call, kit, home }) => {
    const sealed = await call('POST', '/v1/vault/seal', { body: { ...PLACE, text: TEXT } });
    assert.equal(sealed.status, 200);
    assert.notEqual(sealed.json.version, home.sealed.version);
    const body = { ...PLACE, sealed: sealed.json.sealed };
    const atHome = await kit.call('POST', '/v1/vault/open', { key: home.sealed.key, body });
    assert.deepEqual(codeOf(atHome), [422, 'VAULT_KEY_UNKNOWN'], 'and the first cannot open what the stranger sealed');
    return [sealed];
  }),
  'POST /v1/vault/open': keys(async ({ call, home }) => {
    const { envelope, version, legacy } = home.sealed;
    const open = (sealed: string) => call('POST', '/v1/vault/open', { body: { ...PLACE, sealed } });
    const own = (await call('POST', '/v1/vault/seal', { body: { ...PLACE, text: TEXT } })).json;
    const foreign = await open(envelope);
    const unknown = await open(envelope.replace(version, NEVER));
    assert.deepEqual(codeOf(foreign), [422, 'VAULT_KEY_UNKNOWN']);
    assert.deepEqual(withoutVersion(foreign, version), withoutVersion(unknown, NEVER));
    const renamed = await open(envelope.replace(version, own.version)); // under the stranger's own key
    assert.deepEqual(codeOf(renamed), [422, 'VAULT_UNREADABLE']);
    const old = await open(legacy);
    const junk = await open(legacy.replace(/^.{20}/, 'gAAAAABAAAAAAAAAAAAA'));
    for (const answer of [old, junk]) assert.deepEqual(bare(answer), bare(renamed));
    return [unknown, renamed, old, junk]; // `foreign` names the version, which the stranger had to know to ask
  }),
  'POST /v1/vault/seal/batch': keys(async ({ call }) => {
    const sealed = await call('POST', '/v1/vault/seal/batch', { body: { items: [{ ...PLACE, text: TEXT }] } });
    assert.equal(sealed.json.failed, 0);
    return [sealed];
  }),
  'POST /v1/vault/open/batch': keys((stranger) => manyForeign(stranger, '/v1/vault/open/batch')),
  'POST /v1/vault/rewrap/batch': keys((stranger) => manyForeign(stranger, '/v1/vault/rewrap/batch')),
  'POST /v1/vault/index': keys(async ({ call, home }) => {
    const index = await call('POST', '/v1/vault/index', { body: { ...COLUMN, text: TEXT } });
    assert.equal(index.status, 200);
    const digest = home.sealed.index.split('.').at(-1) ?? '';
    assert.ok(!index.text.includes(digest), 'one text has another digest in every tenant');
    return [index];
  }),

  'GET /v1/vault/keys': async ({ call, home }) => {
    const listed = await call('GET', '/v1/vault/keys');
    assert.deepEqual([listed.status, listed.json.tenant], [200, 'rival']);
    const versions: readonly { version: string }[] = listed.json.versions;
    assert.ok(!versions.some(({ version }) => version === home.sealed.version));
    return [listed];
  },
  'GET /v1/vault/keys/all': operators('GET', '/v1/vault/keys/all'),
  'POST /v1/vault/keys/rotate': async ({ call }) => {
    const rotated = await call('POST', '/v1/vault/keys/rotate', { body: { reason: 'emergency' } });
    assert.deepEqual([rotated.status, rotated.json.tenant], [200, 'rival']);
    const smuggled = await call('POST', '/v1/vault/keys/rotate', { body: { tenant: 'main' } });
    assert.deepEqual(codeOf(smuggled), [422, 'HTTP_INPUT_REFUSED']);
    return [rotated, smuggled];
  },
  'POST /v1/vault/keys/rotate-all': operators('POST', '/v1/vault/keys/rotate-all', {}),
  'POST /v1/vault/keys/import': async ({ call }) => {
    // That somebody else has the same key must not show: whoever has a key has it for themselves.
    const body = { algorithm: 'fernet', key: randomBytes(32).toString('base64url') };
    const imported = await call('POST', '/v1/vault/keys/import', { body });
    assert.deepEqual([imported.status, imported.json.is_new], [200, true]);
    return [imported];
  },
  'POST /v1/vault/keys/:version/destroy': async ({ call, home }) => {
    const destroy = (version: string, body: object) =>
      call('POST', `/v1/vault/keys/${version}/destroy`, { body: { external_rewrapped: true, ...body } });
    const foreign = await destroy(home.sealed.version, { tenant: 'main' });
    const own = await destroy(home.sealed.version, {});
    const unknown = await destroy(NEVER, { tenant: 'nowhere' });
    assert.deepEqual([bare(foreign), bare(own)], [bare(unknown), bare(unknown)]);
    return [foreign, own, unknown].flatMap(refused);
  },
  'GET /v1/vault/rewrap': async ({ call }) => {
    const progress = await call('GET', '/v1/vault/rewrap?count=true');
    assert.equal(progress.status, 200);
    for (const { tenant } of [...progress.json.behind, ...progress.json.fields]) assert.equal(tenant, 'rival');
    return [progress];
  },
  'GET /v1/vault/rewrap/all': operators('GET', '/v1/vault/rewrap/all'),
  'POST /v1/vault/rewrap': operators('POST', '/v1/vault/rewrap', {}),
  'GET /v1/vault/master': operators('GET', '/v1/vault/master'),
  'POST /v1/vault/master/rotate': operators('POST', '/v1/vault/master/rotate'),
  'POST /v1/vault/master/shares': operators('POST', '/v1/vault/master/shares', { threshold: 2, count: 3 }),
  'POST /v1/vault/master/shares/confirm': operators('POST', '/v1/vault/master/shares/confirm', { set: '0123abcd' }),

  'GET /v1/token-keys': operators('GET', '/v1/token-keys'),
  'POST /v1/token-keys/rotate': operators('POST', '/v1/token-keys/rotate', { emergency: true }),

  'GET /v1/backups': operators('GET', '/v1/backups'),
  'POST /v1/backups': operators('POST', '/v1/backups'),
  'POST /v1/backups/:id/verify': operators('POST', '/v1/backups/newest/verify'),
  'POST /v1/backups/drill': operators('POST', '/v1/backups/drill'),
  'POST /v1/backups/identity': operators('POST', '/v1/backups/identity'),
};

async function manyForeign({ call, home }: Stranger, path: string): Promise<readonly Answer[]> {
  const { envelope, version, legacy } = home.sealed;
  const items = [envelope, legacy, envelope.slice(0, -1)].map((sealed) => ({ ...PLACE, sealed }));
  const answer = await call('POST', path, { body: { items } });
  assert.deepEqual([answer.status, answer.json.failed], [200, items.length]);
  const codes = answer.json.items.map(({ error }: { error: { code: string } }) => error.code);
  assert.deepEqual(codes, ['VAULT_KEY_UNKNOWN', 'VAULT_UNREADABLE', 'VAULT_KEY_UNKNOWN']);
  return [{ ...answer, text: answer.text.replaceAll(version, 'the version that was asked for') }];
}
