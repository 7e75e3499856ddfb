import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { tenantId } from '../kernel/brand.ts';
import { inTenant, lookup } from '../kernel/tx.ts';
import { statement } from '../storage/index.ts';
import {
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
const BETA = 'beta-key-of-the-plant';
const FILE = { source: 'key file', replace: 'source' } as const;
const HAND = { source: 'request' } as const;

const oneOf = async (key: string) => ({ [key.slice(0, 8)]: await hashed(key) });

/** As all keys were before sources were kept. */
const forgetSources = statement({ reach: 'lookup', sql: 'update api_key_legacy set source = null' });
const countHashes = statement({
  reach: 'lookup',
  sql: 'select count(*) as hashes from api_key_legacy',
  returns: { hashes: 'int' },
});

function sourceContract(name: string, withKit: WithKit): void {
  const good = async (kit: LegacyKit, key: string) => (await kit.apiKeys.verify(key)).apiKeyId;
  const bad = (kit: LegacyKit, key: string) =>
    assert.rejects(async () => kit.apiKeys.verify(key), { code: 'APIKEY_INVALID' });
  const scopes = async (kit: LegacyKit, key: string) => (await kit.apiKeys.verify(key)).scopes;

  describe(`where legacy keys come from, on ${name}`, { concurrency: false }, () => {
    // Attack: a key leaks, is taken out of the key file, and opens everything as before.
    test(
      'a key that its file no longer has ends with the next import, also one that was used just before',
      withKit(async (kit) => {
        const [alpha, beta] = [await oneOf(ALPHA), await oneOf(BETA)];
        await kit.take({ ...alpha, ...beta }, FILE);
        await good(kit, BETA);
        assert.deepEqual(await kit.take(alpha, FILE), counted({ kept: 1, ended: 1 }));
        await bad(kit, BETA);
        await good(kit, ALPHA);
        assert.deepEqual(await kit.take({}, FILE), counted({ ended: 1 }));
        await bad(kit, ALPHA);
        assert.deepEqual(await kit.apiKeys.list(north), []);
        assert.deepEqual(
          kit.entries.map(({ facts }) => facts?.['ended']),
          [0, 1, 1],
        );
      }),
    );

    test(
      'keys from elsewhere, and those of another tenant, stay when a file has lost them',
      withKit(async (kit) => {
        await kit.take(await oneOf(ALPHA), HAND);
        await kit.take(await oneOf(BETA), FILE, south);
        assert.deepEqual(await kit.take({}, FILE), counted({}));
        await good(kit, ALPHA);
        await good(kit, BETA);
        assert.equal(kit.entries.length, 2);
      }),
    );

    test(
      'a key that was imported by hand stays though it stood in a file first, and the file takes it from nobody',
      withKit(async (kit) => {
        const file = { ...(await oneOf(ALPHA)), ...(await oneOf(BETA)) };
        await kit.take(file, FILE);
        const alpha = { 'alpha-1-': file['alpha-1-'] };
        assert.deepEqual(await kit.take(alpha, HAND), counted({ kept: 1 }));
        assert.equal(kit.entries.at(-1)?.facts?.['claimed'], 1);
        assert.deepEqual(
          await kit.take(file, { ...FILE, scopes: ['write'] }),
          counted({ kept: 2, rescoped: 1, otherScopes: 1 }),
        );
        assert.deepEqual(await kit.take({}, FILE), counted({ ended: 1 }));
        await bad(kit, BETA);
        assert.deepEqual(await scopes(kit, ALPHA), ['read']);
      }),
    );

    test(
      'a key that came back into its file belongs to it again',
      withKit(async (kit) => {
        const alpha = await oneOf(ALPHA);
        for (const file of [alpha, {}, alpha]) await kit.take(file, FILE);
        await good(kit, ALPHA);
        assert.deepEqual(await kit.take({}, FILE), counted({ ended: 1 }));
        await bad(kit, ALPHA);
      }),
    );

    // Attack: keys get fewer rights in the configuration, and go on with those that they had.
    test(
      'other scopes of a file hold for its keys from the next request on, whatever order they stand in, and are recorded',
      withKit(async (kit) => {
        const alpha = await oneOf(ALPHA);
        await kit.take(alpha, { ...FILE, scopes: ['read', 'write'] });
        const id = await good(kit, ALPHA);
        assert.deepEqual(await kit.take(alpha, { ...FILE, scopes: ['write', 'read', 'write'] }), counted({ kept: 1 }));
        assert.equal(kit.entries.length, 1);
        assert.deepEqual(await kit.take(alpha, { ...FILE, scopes: ['read'] }), counted({ kept: 1, rescoped: 1 }));
        assert.deepEqual([await good(kit, ALPHA), await scopes(kit, ALPHA)], [id, ['read']]);
        const { facts } = kit.entries.at(-1) ?? assert.fail();
        assert.deepEqual([facts?.['rescoped'], facts?.['scopes']], [1, ['read']]);
      }),
    );

    test(
      'keys from before sources were kept belong to the file that names them first, and others stay',
      withKit(async (kit, storage) => {
        const alpha = await oneOf(ALPHA);
        await kit.take({ ...alpha, ...(await oneOf(BETA)) }, HAND);
        await storage.write(inTenant(north), (tx) => tx.run(forgetSources, {}));
        assert.deepEqual(await kit.take(alpha, FILE), counted({ kept: 1 }));
        assert.deepEqual(await kit.take({}, FILE), counted({ ended: 1 }));
        await bad(kit, ALPHA);
        await good(kit, BETA);
      }),
    );

    // Attack: a key that leaked was revoked, and its file brings it back at the next start.
    test(
      'a key that was revoked stays so, in the file or not',
      withKit(async (kit) => {
        const alpha = await oneOf(ALPHA);
        await kit.take(alpha, FILE);
        await kit.apiKeys.revoke(operator, north, await good(kit, ALPHA));
        assert.deepEqual(await kit.take(alpha, FILE), counted({ revoked: 1 }));
        assert.deepEqual(await kit.take({}, FILE), counted({}));
        assert.deepEqual(await kit.take(alpha, FILE), counted({ revoked: 1 }));
        await bad(kit, ALPHA);
      }),
    );

    // Attack: one tenant fills a prefix that the key file of another has, and the server can't start any more.
    test(
      'a file is taken over but for prefixes without room, those are named, and nothing is left of them',
      withKit(async (kit, storage) => {
        const hashes = await Promise.all(Array.from({ length: 5 }, (_, at) => hashed(`${ALPHA}${at}`)));
        const heavy = hashes.map((hash) => hash.replace('$04$', '$13$'));
        await kit.take({ squatted: heavy.slice(0, 2) }, HAND, south);
        await kit.take({ squatted: heavy.slice(2, 4), 'taken-to': hashes[1] }, HAND, tenantId('west'));
        const file = { squatted: hashes[0], 'taken-to': hashes[1], 'too-many': hashes, ...(await oneOf(BETA)) };
        const { skipped, ...counts } = await kit.take(file, FILE);
        assert.deepEqual([...skipped].sort(), ['squatted', 'taken-to', 'too-many']);
        assert.deepEqual({ ...counts, skipped: [] }, counted({ added: 1 }));
        await good(kit, BETA);
        assert.equal((await kit.apiKeys.list(north)).length, 1);
        const left = await storage.read(lookup, (tx) => tx.one(countHashes, {}));
        assert.equal(left?.hashes, 6);
        const recorded = kit.entries.length;
        assert.equal((await kit.take(file, FILE)).skipped.length, 3);
        assert.equal(kit.entries.length, recorded);
      }),
    );

    test(
      'a prefix that got room is taken over with the next import',
      withKit(async (kit) => {
        const hashes = await Promise.all(Array.from({ length: 5 }, (_, at) => hashed(`${ALPHA}${at}`)));
        await kit.take({ 'alpha-1-': hashes.slice(0, 4) }, FILE);
        assert.deepEqual(await kit.take({ 'alpha-1-': hashes }, FILE), counted({ kept: 4, skipped: ['alpha-1-'] }));
        await bad(kit, `${ALPHA}4`);
        assert.deepEqual(
          await kit.take({ 'alpha-1-': hashes.slice(1) }, FILE),
          counted({ added: 1, kept: 3, ended: 1 }),
        );
        await good(kit, `${ALPHA}4`);
        await bad(kit, `${ALPHA}0`);
      }),
    );
  });
}

await onBothDatabases(sourceContract);
