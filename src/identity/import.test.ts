import assert from 'node:assert/strict';
import { createHmac, pbkdf2Sync } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { apiKeyId, personId, realmId, type TenantId, tenantId } from '../kernel/brand.ts';
import { days } from '../kernel/clock.ts';
import type { Actor } from '../kernel/principal.ts';
import { createSqliteStorage, openPostgresStorage, type Storage } from '../storage/index.ts';
import {
  createKit,
  createTestClock,
  KIT_PASSWORD,
  type Kit,
  serverSuite,
  startPostgres,
  type TestClock,
} from '../testing/index.ts';
import { createPeopleImport, type ForeignPerson, type PeopleImport } from './import.ts';

const MAIN_REALM = realmId('main');
const MAIN_TENANT = tenantId('main');

let kit: Kit;
let imports: PeopleImport;

const actor: Actor = { principal: { kind: 'operator', tenantId: MAIN_TENANT } };

function importOf({ twinkeep, clock }: Kit): PeopleImport {
  const { storage, house } = twinkeep;
  const { vault, audit, identity, tenants, access, sessions } = house;
  return createPeopleImport({
    ...{ storage, vault, audit, identity, clock, realm: MAIN_REALM },
    admit: async (tx, acting, tenant, person, roles) => {
      await tenants.addMember(tx, person, tenant);
      if (roles.length > 0) await access.grant(tx, acting, tenant, person, roles);
    },
    assertCovers: access.assertCovers,
    stayGoverned: (_tx, _actor, _person, change) => change(), // what it guards is tried with the whole house
    withdraw: (tx, acting, tenant, person) => access.grant(tx, acting, tenant, person, []),
    shutOut: (tx, acting, person) => sessions.endAll(tx, acting, person, 'import undone'),
    tenantsOf: tenants.tenantsOf,
    lacking: async (hash) => (hash.includes(':2000001$') ? 650 : undefined),
  });
}

/** What old Werkzeug stored: an HMAC keyed by the salt. */
const salted = (password: string): string =>
  `sha256$Ab12$${createHmac('sha256', 'Ab12').update(password).digest('hex')}`;
const iterated = (password: string): string =>
  `pbkdf2:sha256:1000$Ab12$${pbkdf2Sync(password, 'Ab12', 1_000, 32, 'sha256').toString('hex')}`;
const foreign = (username: string, more: Partial<ForeignPerson> = {}): ForeignPerson => ({
  ...{ username, passwordHash: salted(KIT_PASSWORD), roles: ['viewer'], disabled: false },
  ...more,
});
const wish = { from: 'json', dryRun: false };
const run = (people: readonly ForeignPerson[], dryRun = false) =>
  imports.run(actor, MAIN_TENANT, people, { ...wish, dryRun });
const login = (username: string, password = KIT_PASSWORD) =>
  kit.call('POST', '/v1/login', { body: { username, password } });
const hashOf = async (username: string) => (await kit.twinkeep.house.identity.find(MAIN_REALM, username))?.passwordHash;

/** On each database. */
function contract(name: string, open: (clock: TestClock) => Promise<Storage>): void {
  describe(name, () => {
    before(async () => {
      const clock = createTestClock();
      kit = await createKit({ clock, storage: await open(clock) });
      imports = importOf(kit);
    });
    after(() => kit.close());

    test('an old password signs in at once by name and by address, and is hashed anew then', async () => {
      const [made] = await run([foreign('vera', { email: 'Vera@Twin.Example', createdAt: '2019-05-04T10:00:00Z' })]);
      assert.equal(made?.kind, 'made');
      assert.match((await hashOf('vera')) ?? '', /^sha256\$/);
      assert.equal((await login('vera', 'not the password')).status, 401);
      assert.equal((await login('VERA@twin.example')).status, 200);
      assert.match((await hashOf('vera')) ?? '', /^\$argon2id\$/);
      assert.equal((await login('vera')).status, 200);
      const { json } = await kit.call('GET', '/v1/users?email=vera@twin.example', { token: await kit.signIn() });
      assert.deepEqual(
        [json.items[0].username, json.items[0].created_at, json.items[0].roles],
        ['vera', '2019-05-04T10:00:00.000Z', ['viewer']],
      );
    });

    test('of many who sign in with one old password at once nobody is refused for being second', async () => {
      await run([foreign('busy', { passwordHash: iterated(KIT_PASSWORD) })]);
      const answers = await Promise.all(Array.from({ length: 6 }, () => login('busy')));
      assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([200]));
    });

    test('a second run changes nothing, and each who is not taken over says why', async () => {
      const people = [
        foreign('one', { email: 'one@twin.example' }),
        foreign('ONE'),
        foreign('two', { email: 'ONE@twin.example' }),
        foreign('three', { passwordHash: 'plain text' }),
        foreign('four', { passwordHash: '' }),
        foreign('five', { passwordHash: `$2b$31$${'.'.repeat(53)}` }),
        foreign('six', { roles: ['nobody-knows'] }),
        foreign('s e v e n'),
        foreign('eight', { email: 'nobody' }),
        foreign('nine', { createdAt: '2999-01-01T00:00:00Z' }),
        foreign('ten', { createdAt: 'yesterday' }),
      ];
      const trial = await run(people.slice(0, 1), true);
      assert.deepEqual([trial[0]?.kind, await hashOf('one')], ['made', undefined]);
      const first = await run(people.slice(0, 1));
      assert.equal(first[0]?.kind, 'made');
      const again = await run(people);
      assert.deepEqual(
        again.map(({ kind }) => kind),
        ['exists', 'exists', ...Array.from({ length: 9 }, () => 'refused')],
      );
      for (const result of again) if (result.kind === 'refused') assert.ok(result.reason.length > 10);
      assert.equal(await hashOf('six'), undefined, 'a refused role leaves nobody behind');
    });

    test('a hash whose check would show in the time of a refusal is refused with what would cover it', async () => {
      const passwordHash = iterated(KIT_PASSWORD).replace(':1000$', ':2000001$');
      for (const dryRun of [true, false]) {
        const [result] = await run([foreign('slow', { passwordHash })], dryRun);
        assert.ok(result?.kind === 'refused' && result.reason.includes('set limits.refusalMs to 650'), result?.kind);
      }
      assert.equal(await hashOf('slow'), undefined);
    });

    test('people who are disabled stay so, and each has one entry in the audit log', async () => {
      const [made] = await run([foreign('off', { disabled: true, email: 'off@twin.example' })]);
      assert.ok(made?.kind === 'made' && made.id !== undefined);
      assert.equal((await login('off')).status, 401);
      await kit.twinkeep.house.audit.integrate();
      const { json } = await kit.call('GET', '/v1/audit/entries?limit=200', { token: await kit.signIn() });
      const entries = json.items.filter(({ object }: { object?: { id: string } }) => object?.id === made.id);
      const imported = entries.filter(({ action }: { action: string }) => action.startsWith('person.'));
      assert.deepEqual(
        imported.map(({ action, facts }: { action: string; facts: object }) => [action, facts]),
        [['person.imported', { from: 'json', hash: 'hmac' }]],
      );
    });

    async function madeOf(username: string, passwordHash?: string) {
      const [made] = await run([foreign(username, passwordHash === undefined ? {} : { passwordHash })]);
      assert.ok(made?.kind === 'made' && made.id !== undefined);
      return { id: made.id, username, proof: made.proof };
    }

    test('an undone import removes who never signed in, and only shuts who did', async () => {
      const [unused, used, sameHash, tampered] = [
        await madeOf('unused'),
        await madeOf('used'),
        await madeOf('same', await kit.twinkeep.house.identity.hash(KIT_PASSWORD)),
        await madeOf('tampered'),
      ];
      for (const name of ['used', 'same']) assert.equal((await login(name)).status, 200);
      const named = [unused, used, sameHash, { ...tampered, username: 'somebody' }, unused];
      assert.deepEqual(await imports.undo(actor, MAIN_TENANT, named), [
        'removed',
        'disabled',
        'disabled',
        'gone',
        'gone',
      ]);
      for (const name of ['unused', 'used', 'same']) assert.equal((await login(name)).status, 401);
      assert.equal((await run([foreign('unused')]))[0]?.kind, 'made', 'the name is free again');
    });

    test('a proof is taken back whatever it begins with', async () => {
      const token = await kit.signIn();
      const people = ['-AAAA', '_AAAA'].map((proof) => ({
        id: '01997c1e-5e1f-7b6a-9d3c-2f4a8b6c0d1e',
        username: 'nobody',
        proof,
      }));
      const { status, json } = await kit.call('POST', '/v1/users/import/undo', { token, body: { people } });
      assert.deepEqual([status, json.results], [200, ['gone', 'gone']]);
    });

    test('a week later, or from another tenant, an undo removes nobody', async () => {
      const old = await madeOf('old');
      const elsewhere: TenantId = tenantId('elsewhere');
      assert.deepEqual(await imports.undo(actor, elsewhere, [old]), ['gone']);
      const nobody = { id: personId('01997c1e-5e1f-7b6a-9d3c-2f4a8b6c0d1e'), username: 'old', proof: old.proof };
      assert.deepEqual(await imports.undo(actor, MAIN_TENANT, [nobody]), ['gone']);
      kit.clock.advance(days(8));
      assert.deepEqual(await imports.undo(actor, MAIN_TENANT, [old]), ['disabled']);
    });

    // Attack: an administrator of people makes somebody with more rights than their own, by way of an import.
    test('an import gives no rights that the importer lacks', async () => {
      const weak: Actor = {
        principal: { kind: 'api-key', apiKeyId: apiKeyId('weak'), tenantId: MAIN_TENANT, scopes: ['admin:users'] },
      };
      const [result] = await imports.run(weak, MAIN_TENANT, [foreign('mighty', { roles: ['admin'] })], wish);
      assert.equal(result?.kind, 'refused');
      assert.equal(await hashOf('mighty'), undefined);
    });
  });
}

contract('SQLite', async (clock) => createSqliteStorage({ file: ':memory:', clock }));

await serverSuite('PostgreSQL', startPostgres, (server) => {
  contract('PostgreSQL', async (clock) =>
    openPostgresStorage({ url: await server.createDatabase(), clock, onError: () => undefined }),
  );
});
