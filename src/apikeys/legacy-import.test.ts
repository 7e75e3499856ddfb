import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { apiKeyId, type TenantId, tenantId } from '../kernel/brand.ts';
import {
  allowed,
  counted,
  hashed,
  type LegacyKit,
  north,
  onBothDatabases,
  operator,
  south,
  type WithKit,
} from './legacy-kit.contract.ts';

const ALPHA = 'alpha-1-secret-of-the-gateway';
const ALIKE = 'alpha-1-secret-of-the-meter';
const BETA = 'beta-key-of-the-plant';
const NO_ROOM = 'cannot be taken over here; make a new key in its place';

function importContract(name: string, withKit: WithKit): void {
  const good = async (kit: LegacyKit, key: string) => (await kit.apiKeys.verify(key)).apiKeyId;
  const bad = (kit: LegacyKit, key: string) =>
    assert.rejects(async () => kit.apiKeys.verify(key), { code: 'APIKEY_INVALID' });
  const list = (kit: LegacyKit, tenant: TenantId = north) => kit.apiKeys.list(tenant);

  describe(`taking over legacy keys on ${name}`, { concurrency: false }, () => {
    test(
      'keys of a file open, each with the scopes that were given, and two that begin alike do too',
      withKit(async (kit) => {
        const file = {
          [ALPHA.slice(0, 8)]: [await hashed(ALPHA), await hashed(ALIKE)],
          'beta-key': await hashed(BETA),
        };
        assert.deepEqual(await kit.take(JSON.stringify(file)), counted({ added: 3 }));
        const ids = new Set([await good(kit, ALPHA), await good(kit, ALIKE), await good(kit, BETA)]);
        assert.equal(ids.size, 3);
        const principal = await kit.apiKeys.verify(BETA);
        assert.deepEqual([principal.tenantId, principal.scopes], [north, ['read']]);
        await bad(kit, `${ALPHA}x`);
      }),
    );

    test(
      'a legacy key is listed by its prefix, as such, and its last use is told',
      withKit(async (kit) => {
        await kit.take({ 'beta-key': await hashed(BETA) });
        await kit.apiKeys.create(operator, north, { name: 'own', scopes: ['read'], lifeMs: undefined }, allowed);
        await kit.apiKeys.verify(BETA);
        await kit.apiKeys.flushUse();
        const shown = (await list(kit)).find(({ legacy }) => legacy);
        assert.deepEqual(
          { ...shown, id: '' },
          {
            id: '',
            prefix: 'beta-key',
            legacy: true,
            name: 'legacy beta-key…',
            scopes: ['read'],
            createdBy: 'operator',
            createdAt: kit.clock.now(),
            expiresAt: undefined,
            lastUsedAt: kit.clock.now(),
          },
        );
        assert.deepEqual((await list(kit)).map(({ legacy }) => legacy).sort(), [false, true]);
      }),
    );

    test(
      'the same file again changes nothing, and records nothing; other scopes are told, and change nothing',
      withKit(async (kit) => {
        const file = { 'alpha-1-': await hashed(ALPHA), 'beta-key': await hashed(BETA) };
        await kit.take(file);
        const before = await list(kit);
        assert.deepEqual(await kit.take(file), counted({ kept: 2 }));
        assert.deepEqual(await kit.take(file, { scopes: ['write'] }), counted({ kept: 2, otherScopes: 2 }));
        assert.deepEqual(await list(kit), before);
        const [{ action, facts } = assert.fail(), ...others] = kit.entries;
        const counts = { added: 2, kept: 0, ended: 0, revoked: 0, rescoped: 0, otherScopes: 0, claimed: 0, skipped: 0 };
        assert.deepEqual(
          [action, facts, others],
          ['api_key.imported', { source: 'test', scopes: ['read'], replace: false, ...counts }, []],
        );
      }),
    );

    test(
      'a key that its file no longer has stays, unless it is told to end; back in the file it is new',
      withKit(async (kit) => {
        const alpha = { 'alpha-1-': await hashed(ALPHA) };
        const both = { ...alpha, 'beta-key': await hashed(BETA) };
        await kit.take(both);
        const first = await good(kit, BETA);
        assert.deepEqual(await kit.take(alpha), counted({ kept: 1 }));
        assert.equal(await good(kit, BETA), first);
        assert.deepEqual(await kit.take(alpha, { replace: true }), counted({ kept: 1, ended: 1 }));
        await bad(kit, BETA);
        assert.equal((await list(kit)).length, 1);
        assert.deepEqual(await kit.take(both, { scopes: ['write'] }), counted({ added: 1, kept: 1, otherScopes: 1 }));
        assert.notEqual(await good(kit, BETA), first);
        assert.deepEqual((await kit.apiKeys.verify(BETA)).scopes, ['write']);
      }),
    );

    // Attack: a key that leaked was revoked, and the next start takes it over again from the old file.
    test(
      'a legacy key that was revoked stays so, whatever its file says',
      withKit(async (kit) => {
        const file = { 'beta-key': await hashed(BETA) };
        await kit.take(file);
        await kit.apiKeys.revoke(operator, north, await good(kit, BETA));
        await bad(kit, BETA);
        assert.deepEqual(await kit.take(file), counted({ revoked: 1 }));
        assert.deepEqual(await kit.take(file, { replace: true }), counted({ revoked: 1 }));
        await bad(kit, BETA);
        assert.deepEqual(await list(kit), []);
      }),
    );

    test(
      'revoking one of two keys that begin alike leaves the other',
      withKit(async (kit) => {
        await kit.take({ 'alpha-1-': [await hashed(ALPHA), await hashed(ALIKE)] });
        const other = await good(kit, ALIKE);
        await kit.apiKeys.revoke(operator, north, await good(kit, ALPHA));
        await bad(kit, ALPHA);
        assert.equal(await good(kit, ALIKE), other);
      }),
    );

    // Attack: the administrator of one tenant takes over the keys of another, or ends them.
    test(
      'a hash belongs to one tenant, and another can neither take it nor end it',
      withKit(async (kit) => {
        const file = { 'beta-key': await hashed(BETA) };
        await kit.take(file);
        const id = await good(kit, BETA);
        await assert.rejects(kit.take({ ...file, 'alpha-1-': await hashed(ALPHA) }, {}, south), {
          code: 'APIKEY_IMPORT_REFUSED',
          facts: { errors: [{ at: 'beta-key', reason: NO_ROOM }] },
        });
        await bad(kit, ALPHA);
        assert.deepEqual(await kit.take({}, { replace: true }, south), counted({}));
        await assert.rejects(kit.apiKeys.revoke(operator, south, id), { code: 'APIKEY_UNKNOWN' });
        assert.equal(await good(kit, BETA), id);
        assert.deepEqual(await list(kit, south), []);
      }),
    );

    // Attack: hashes by the hundred under one prefix, so that one bad key keeps a thread busy for minutes.
    test(
      'a prefix takes four hashes of a tenant, and so many rounds',
      withKit(async (kit) => {
        const hashes = await Promise.all(Array.from({ length: 5 }, (_, at) => hashed(`${ALPHA}${at}`)));
        const heavy = (cost: number) => hashes.slice(0, 2).map((hash) => hash.replace('$04$', `$${cost}$`));
        const full = (file: object) =>
          assert.rejects(
            kit.take(file),
            (error: { code: string; facts: { errors: { at: string; reason: string }[] } }) => {
              assert.equal(error.code, 'APIKEY_IMPORT_REFUSED');
              for (const { at, reason } of error.facts.errors)
                assert.deepEqual([at, reason === NO_ROOM], ['alpha-1-', false]);
              return true;
            },
          );
        await full({ 'alpha-1-': hashes });
        await full({ 'alpha-1-': heavy(14) });
        await full({ 'alpha-1-': heavy(15).slice(1) });
        await kit.take({ 'alpha-1-': hashes.slice(0, 4) });
        await full({ 'alpha-1-': hashes.slice(4) });
        assert.equal((await list(kit)).length, 4);
        assert.equal((await kit.take({ 'alpha-1-': hashes.slice(1) }, { replace: true })).added, 1, 'room was made');
        assert.equal((await kit.take({ 'beta-key': heavy(13) })).added, 2);
      }),
    );

    // Attack: an administrator tries imports to find out which prefixes other tenants have keys of.
    test(
      'what others have of a prefix leaves room for a tenant, and is not told where it leaves none',
      withKit(async (kit) => {
        const hashes = await Promise.all(Array.from({ length: 12 }, (_, at) => hashed(`${ALPHA}${at}`)));
        await kit.take({ 'alpha-1-': hashes.slice(0, 4) }, {}, south);
        assert.equal((await kit.take({ 'alpha-1-': hashes.slice(4, 8) })).added, 4);
        const heavy = hashes.map((hash) => hash.replace('$04$', '$13$'));
        await kit.take({ 'beta-key': heavy.slice(0, 2) }, {}, south);
        await kit.take({ 'beta-key': heavy.slice(2, 4) }, {}, tenantId('west'));
        const refusal = async (hash: string | undefined) =>
          kit.take({ 'beta-key': hash }).then(
            () => assert.fail(),
            ({ facts }) => facts.errors,
          );
        const [crowded, foreign] = [await refusal(hashes[4]), await refusal(heavy[0])];
        assert.deepEqual(
          [crowded, foreign],
          [[{ at: 'beta-key', reason: NO_ROOM }], [{ at: 'beta-key', reason: NO_ROOM }]],
        );
      }),
    );

    // Attack: a right is taken away while its holder hands it on to a key.
    test(
      'whoever may not give the scopes takes nothing over, and is asked in the write itself',
      withKit(async (kit, storage) => {
        const wish = { scopes: ['admin'], source: 'test' };
        const file = { 'beta-key': await hashed(BETA) };
        let asked: readonly unknown[] = [];
        const refuse = kit.apiKeys.importLegacy(operator, north, file, wish, async (tx, actor, tenant, scopes) => {
          asked = [tx.scope, actor, tenant, scopes];
          throw new Error('not yours');
        });
        await assert.rejects(refuse, /not yours/);
        assert.deepEqual(asked, [{ kind: 'tenant', tenantId: north }, operator, north, ['admin']]);
        const made = kit.apiKeys.create(operator, north, { name: 'x', scopes: ['admin'], lifeMs: undefined }, () =>
          Promise.reject(new Error('not yours')),
        );
        await assert.rejects(made, /not yours/);
        assert.deepEqual([await list(kit), kit.entries], [[], []]);
        await storage.probe();
      }),
    );

    test(
      'two imports of the same file at once take each key over once',
      withKit(async (kit) => {
        const file = { 'alpha-1-': await hashed(ALPHA), 'beta-key': await hashed(BETA) };
        const done = await Promise.all([kit.take(file), kit.take(file), kit.take(file)]);
        assert.deepEqual(done.map(({ added }) => added).sort(), [0, 0, 2]);
        assert.equal((await list(kit)).length, 2);
      }),
    );

    test(
      'a key that nobody has cannot be revoked',
      withKit(async (kit) => {
        await assert.rejects(kit.apiKeys.revoke(operator, north, apiKeyId('nobody')), { code: 'APIKEY_UNKNOWN' });
      }),
    );
  });
}

await onBothDatabases(importContract);
